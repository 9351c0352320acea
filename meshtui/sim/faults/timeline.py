"""What was broken when: faults come and go, and what depends on how long they lasted asks here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from meshtui.sim.faults.active import Broken
from meshtui.sim.faults.fault import Fault

KEPT = 400
"""Changes remembered."""


@dataclass(frozen=True)
class Span:
    """A time, in monotonic seconds, during which something held; `end` is None while it lasts."""

    start: float
    end: float | None


class Faults(Broken):
    """The active faults of one world, and those before."""

    def __init__(self) -> None:
        super().__init__()
        # One value, exchanged as a whole: Relays read it from their own thread.
        self._history: tuple[tuple[float, Broken], ...] = ((float("-inf"), Broken()),)

    @property
    def remembered(self) -> bool:
        """Whether anything is broken or ever was."""
        return len(self._history) > 1

    def add(self, fault: Fault, at: float) -> None:
        """From `at` (monotonic seconds) on, one more is broken; the same fault again replaces itself."""
        self._become((*(f for f in self._active if f != fault), fault), at)

    def remove(self, name: str | None, at: float) -> list[Fault]:
        """From `at` on, forget every fault, or those of one name; returns them, oldest first."""
        gone = list(self.of(name) if name is not None else self._active)
        self._become(tuple(f for f in self._active if f not in gone), at)
        return gone

    def _become(self, faults: tuple[Fault, ...], at: float) -> None:
        self._hold(faults)
        newest = (max(at, self._history[-1][0]), Broken(faults))
        self._history = (self._history[0], *self._history[1:][-KEPT:], newest)

    def at(self, when: float) -> Broken:
        """What was broken at a time."""
        history = self._history
        return history[bisect_right(history, when, key=lambda entry: entry[0]) - 1][1]

    def spans(self, question: Callable[[Broken], bool]) -> list[Span]:
        """When the answer to a question was yes, oldest first."""
        if not self.remembered:
            return []
        found: list[Span] = []
        start: float | None = None
        for time, state in self._history:
            holds = question(state)
            if holds and start is None:
                start = time
            elif not holds and start is not None:
                if time > start:
                    found.append(Span(start, time))
                start = None
        return found if start is None else [*found, Span(start, None)]

    def since(self, question: Callable[[Broken], bool]) -> float | None:
        """Since when the answer is yes; None where it is no."""
        began: float | None = None
        for time, state in reversed(self._history if self.remembered else ()):
            if not question(state):
                break
            began = time
        return began
