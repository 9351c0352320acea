"""Asks a Relay now and then which nodes it reaches, while it has told that it does not reach some."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.model import state as s
from meshtui.kube.api import Api
from meshtui.mesh.flows.relays import RelayEndpoint, nodes_of
from meshtui.mesh.pace import Pace

_CALM_ROUNDS = 12
"""When all is well it is asked that much less often: a node or a cluster that joined is not told by a stream."""


async def tell_versions(reached: RelayEndpoint, api: Api, clock: Clock, emit: Callable[[s.Event], None]) -> None:
    """Tell (node, version of its Hubble), where the Relay says."""
    with contextlib.suppress(MeshtuiError):
        nodes = await asyncio.to_thread(nodes_of, reached, api.context, api.request_timeout)
        versions = tuple((node.name, node.version) for node in nodes if node.version)
        emit(s.RelayChanged(api.context, clock.now(), versions=versions))


@contextlib.asynccontextmanager
async def versions_told(
    reached: RelayEndpoint, api: Api, clock: Clock, emit: Callable[[s.Event], None]
) -> AsyncIterator[None]:
    """Tell versions once, in the block's time; a Relay that does not say is not asked again."""
    task = asyncio.create_task(tell_versions(reached, api, clock, emit), name="versions of a Relay's nodes")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Peers(Struct, frozen=True):
    """One Relay's. Belongs on the event loop; `ask` blocks and runs in a thread."""

    context: str
    ask: Callable[[], None]
    troubled: Callable[[], bool]
    pace: Pace
    rng: random.Random

    async def run(self) -> None:
        """Ask until cancelled. A Relay that does not answer is asked again."""
        rounds = 0
        while True:
            await asyncio.sleep(self.pace.peers * self.rng.uniform(0.8, 1.2))
            rounds += 1
            if self.troubled() or rounds % _CALM_ROUNDS == 0:
                with contextlib.suppress(MeshtuiError):
                    await asyncio.to_thread(self.ask)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask for as long as the block lasts."""
        task = asyncio.create_task(self.run(), name=f"peers {self.context}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
