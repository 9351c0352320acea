"""What changed of the mesh until the screen shows it: several changes as one, and a status not all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshtui.core.clock import Clock
from meshtui.core.model.state import Delta

REST = 20.0
"""So many times as long as showing it took, a status that changed waits at most: painting it takes as long again."""
LONGEST = 0.5
"""Seconds."""


class News:
    """Gathers changes and asks once to show them. All calls belong on the event loop.

    Objects are shown at once: somebody may wait for what he did. Statuses wait a little after the last ones: where
    thousands of agents tell how they are, showing each would leave no time for anything else.
    """

    def __init__(self, ask: Callable[[], object], clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._gathered = Delta()
        self._asked = False
        self._rests_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def take(self, delta: Delta) -> None:
        """Something changed."""
        self._gathered.merge(delta)
        if self._asked:
            return
        rest = 0.0 if self._gathered.objects else self._rests_until - self._clock.monotonic()
        if rest <= 0:
            self._now()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(rest, self._now)

    def show(self, show: Callable[[Delta], None]) -> None:
        """Hand over what was gathered; how long that takes decides how soon the next may come."""
        delta, self._gathered, self._asked = self._gathered, Delta(), False
        began = self._clock.monotonic()
        show(delta)
        now = self._clock.monotonic()
        self._rests_until = now + min(LONGEST, REST * (now - began))

    def _now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._asked:
            self._asked = True
            self._ask()
