"""Waiting for something to become true of a session: asked again whenever something happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Progress:
    """Wakes those who wait. All calls belong on the event loop."""

    def __init__(self) -> None:
        self._happened = asyncio.Event()

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
