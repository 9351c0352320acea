"""Changes asked for and not yet seen in the watch: what the screen marks as pending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.core.model.resources import SERVICES
from meshtui.core.model.state import Delta, Mesh

if TYPE_CHECKING:
    from meshtui.core.changes.plan import Step

Ref = tuple[str, str]


class Pending:
    """The set of (context, service key) under way. A mark goes when the watch shows it, on an error, or in time.

    `refs` is the live set: read it, do not change it.
    """

    def __init__(self, mesh: Mesh, notify: Callable[[Delta], None], timeout: float) -> None:
        self.refs: set[Ref] = set()
        self._mesh = mesh
        self._notify = notify
        self._timeout = timeout
        self._expected: dict[Ref, Step] = {}
        self._timers: dict[Ref, asyncio.TimerHandle] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, step: Step) -> None:
        """Mark the step's service; steps on other resources are not marked."""
        if step.resource is not SERVICES:
            return
        ref = (step.context, step.key)
        self._drop(ref)
        self.refs.add(ref)
        loop = asyncio.get_running_loop()
        self._timers[ref] = loop.call_later(self._timeout, self._finish, ref)
        self._tell(ref)

    def accepted(self, step: Step) -> None:
        """The API server took it: the mark stays until the watch shows what was written."""
        ref = (step.context, step.key)
        if ref in self.refs:
            self._expected[ref] = step
            self._check(ref)

    def failed(self, step: Step) -> None:
        """The API server refused it."""
        self._finish((step.context, step.key))

    def seen(self, delta: Delta) -> None:
        """Objects changed: unmark those that now are as written."""
        if self._expected:
            touched = ((where[0], key) for where, keys in delta.objects.items() if where[1] is SERVICES for key in keys)
            for ref in touched:
                if ref in self._expected:
                    self._check(ref)

    async def settled(self) -> None:
        """Wait until nothing is under way: every change asked for is seen, refused, or has run out of time."""
        while self.refs:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def close(self) -> None:
        """Forget everything and stop all timers."""
        for ref in list(self.refs):
            self._drop(ref)

    def _check(self, ref: Ref) -> None:
        context, key = ref
        cluster = self._mesh.clusters.get(context)
        service = cluster.services.get(key) if cluster else None
        after = self._expected[ref].after or {}
        if service is None or all(service.annotations.get(name) == value for name, value in after.items()):
            self._finish(ref)

    def _finish(self, ref: Ref) -> None:
        if ref in self.refs:
            self._drop(ref)
            self._tell(ref)

    def _drop(self, ref: Ref) -> None:
        self.refs.discard(ref)
        self._expected.pop(ref, None)
        timer = self._timers.pop(ref, None)
        if timer is not None:
            timer.cancel()
        if not self.refs:
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_result(None)
            self._waiting.clear()

    def _tell(self, ref: Ref) -> None:
        self._notify(Delta(objects={(ref[0], SERVICES): {ref[1]}}))
