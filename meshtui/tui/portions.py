"""Long work in portions, each in a turn of the loop of its own, so that keys, sockets and paints come in between.

`call_after_refresh` is no such thing: where nothing is to be painted, Textual's screen runs one callback after the
other in the same turn, and what was meant as portions held the loop for as long as all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

PAUSE = 0.5
"""Seconds without news after which work waits no longer for what would have it done anew."""
PAUSES = 6
"""So many pauses with news in each are waited for at most."""


class Pump(Protocol):
    """What of a widget or screen is needed: a queue of its own, which drops what comes once it is closed."""

    def call_later(self, callback: Callable[[], object]) -> bool:
        """Run it when the messages before it are read."""
        ...

    def set_timer(self, delay: float, callback: Callable[[], None]) -> object:
        """Run it after so many seconds."""
        ...


class Portions:
    """Calls `portion` again and again until it says that nothing is left, once in a turn.

    While `early()` holds, what is left waits for as long as every `PAUSE` brings another `go_on`, `PAUSES` at most.
    """

    def __init__(self, pump: Pump, portion: Callable[[], bool], *, early: Callable[[], bool] = lambda: False) -> None:
        self._pump = pump
        self._portion = portion
        self._early = early
        self._waiting = False
        self._patient = True
        self._pauses = 0
        """Pauses that were begun since it waits; 0 where it does not."""
        self._news = False
        """Whether anything was told in this one."""

    def go_on(self) -> None:
        """Do one portion now, and the rest by and by; nothing where a portion is awaited already."""
        if not self._waiting and not self._holds_back() and self._portion():
            self._waiting = True
            # The queue alone is no turn: who reads it goes on as long as there is something in it.
            asyncio.get_running_loop().call_soon(self._pump.call_later, self._next)

    def _next(self) -> None:
        self._waiting = False
        self.go_on()

    def _holds_back(self) -> bool:
        if not self._early():
            self._patient = True
            return False
        self._news = True
        if self._patient and not self._pauses:
            self._begin_pause()
        return self._patient

    def _begin_pause(self) -> None:
        self._pauses, self._news = self._pauses + 1, False
        self._pump.set_timer(PAUSE, self._end_pause)

    def _end_pause(self) -> None:
        if self._news and self._pauses < PAUSES and self._early():
            self._begin_pause()
            return
        self._pauses, self._patient = 0, False
        self.go_on()
