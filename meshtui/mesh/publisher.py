"""Tells listeners what changed, at most twenty times a second, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

INTERVAL = 0.05
"""Seconds between two announcements."""

T = TypeVar("T")


class Publisher(Generic[T]):
    """Gathers news and hands it to every listener in one piece. All calls belong on the event loop.

    The first news after a pause goes out in the next turn of the loop, so that a lone change shows at once.
    """

    def __init__(self, empty: Callable[[], T], merge: Callable[[T, T], None]) -> None:
        self._empty = empty
        self._merge = merge
        self._news = empty()
        self._listeners: dict[int, Callable[[T], None]] = {}
        self._next_id = 0
        self._due: asyncio.TimerHandle | None = None
        self._last = float("-inf")
        self._closed = False

    def subscribe(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Call `listener` with all news from now on, until the returned function is called."""
        self._next_id += 1
        number = self._next_id
        self._listeners[number] = listener
        return lambda: self._listeners.pop(number, None) and None

    def post(self, news: T) -> None:
        """Add `news` to what goes out next."""
        if self._closed:
            return
        self._merge(self._news, news)
        if self._due is None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time(), self._last + INTERVAL), self._announce)

    def close(self) -> None:
        """Announce nothing any more."""
        self._closed = True
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _announce(self) -> None:
        self._due = None
        self._last = asyncio.get_running_loop().time()
        news, self._news = self._news, self._empty()
        for listener in list(self._listeners.values()):
            listener(news)
