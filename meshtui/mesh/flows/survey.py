"""Reads the nodes' own counts of flows now and then, while a source delivers: for the account of what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from msgspec import Struct

from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.account.account import Reading
from meshtui.core.flows.store import FlowStore
from meshtui.mesh.pace import Pace

RING = "HUBBLE_RING_BUFFER"
"""Where events are lost that a node counts as seen (flow.LostEventSource)."""
_FIRST = 3
"""Readings soon after a source came: two must agree before anything is said of a gap, one may not fit."""
_NODES = 64
"""A mesh of more nodes is asked less often."""


class Survey(Struct, frozen=True):
    """How one source's nodes are asked, and where their answers go. Belongs on the event loop."""

    feeder: str
    """What its gaps are called, too."""
    read: Callable[[], Awaitable[Sequence[Reading]]]
    store: FlowStore
    pace: Pace
    rng: random.Random

    async def run(self) -> None:
        """Ask until cancelled. Who does not answer is asked again: that a source fails is told by its stream."""
        rounds, nodes = 0, 0
        while True:
            seconds = self.pace.account_first if rounds < _FIRST else self.pace.account * max(1.0, nodes / _NODES)
            await asyncio.sleep(seconds * self.rng.uniform(0.8, 1.2))
            if self.store.account.suspended:
                continue
            heard = self.store.account.heard()
            try:
                readings = await self.read()
            except MeshtuiError:
                continue
            self.store.note(readings, self.feeder, heard)
            rounds, nodes = rounds + 1, len(readings)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask for as long as the block lasts."""
        task = asyncio.create_task(self.run(), name=f"survey {self.feeder}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
