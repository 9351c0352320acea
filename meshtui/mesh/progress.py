"""Waiting for something to become true of a session, asked again whenever something happened; and its broken tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.model import state as s

_LOGIN_LOOK = 0.5
"""Seconds after which it is looked again whether a person is still waited for."""


class LoginQueue(Protocol):
    """Where plugins log in."""

    @property
    def busy(self) -> bool:
        """Whether a person is waited for."""
        ...


class Progress:
    """Wakes those who wait. All calls belong on the event loop."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()
        self._was_busy = False

    def made(self) -> None:
        """Something happened."""
        happened, self._happened = self._happened, asyncio.Event()
        happened.set()

    async def until(self, done: Callable[[], bool], most: float) -> bool:
        """Wait until `done`, at most so many seconds; whether it is."""
        try:
            async with asyncio.timeout(most):
                while not done():
                    await self._happened.wait()
        except TimeoutError:
            return done()
        return True

    async def settled(self, done: Callable[[], bool], desk: LoginQueue, most: float) -> bool:
        """As `until`, but while a person logs in the time does not run: it begins anew once nobody is waited for."""
        while not await self.until(done, _LOGIN_LOOK if desk.busy else most):
            busy, self._was_busy = self._was_busy, desk.busy
            if not (busy or self._was_busy):
                return False
        return True


def told_when_broken(emit: Callable[[s.Event], None], clock: Clock, task: asyncio.Task[None]) -> None:
    """A cluster's task ended by itself: a mistake of ours, which must not look like a quiet cluster."""
    error = None if task.cancelled() else task.exception()
    if error is None:
        return
    context = task.get_name().removeprefix("cluster ")
    failure = MeshtuiError("meshtui failed on this cluster", cause=repr(error), hint="please report this")
    emit(s.ApiChanged(context, s.Phase.FAILED, clock.now(), error=failure))
    task.get_loop().call_exception_handler({"message": failure.title, "exception": error, "task": task})
