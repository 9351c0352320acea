"""Notices when answers move from one cluster to another during a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from meshtui.core.load.spec import Answer, Request
from meshtui.core.load.stats import Summary

UNLIKELY = 1e-6
"""A cluster has left when so many answers in a row without it would be rarer than this by chance."""
_MOST = 0.9
"""A cluster that gave all answers is not missed before the seventh answer without it."""
_BEGINNING = 10
"""Answers in which clusters that answer from the start have shown themselves, as a rule."""


class Move(Struct, frozen=True):
    """A cluster began to answer, or answered for the last time, `at` that wall time."""

    at: float
    cluster: str
    began: bool


class _Stay(Struct):
    """One cluster's answers since it began: indexes of the first and last, how many, and when the last came."""

    first: int
    last: int
    count: int
    at: float

    def missed(self, index: int) -> bool:
        """Whether its absence since its last answer is too long to be chance."""
        share = min(_MOST, self.count / (self.last - self.first + 1))
        return bool((1 - share) ** (index - self.last) < UNLIKELY)


class Moves:
    """Feed it every request in order of arrival; `found` lists what moved, in order of time."""

    def __init__(self) -> None:
        self.found: list[Move] = []
        self._stays: dict[str, _Stay] = {}
        self._index = 0
        self._failed = False

    def add(self, request: Request) -> None:
        """Look at one more request."""
        if request.answer is not Answer.ANSWERED:
            self._failed = True
            return
        name = request.cluster
        if not name:
            return
        self._index += 1
        stay = self._stays.get(name)
        if stay is None:
            if self._index > _BEGINNING or (self._failed and self._stays):
                self._note(Move(request.at, name, began=True))
            self._stays[name] = _Stay(self._index, self._index, 1, request.at)
        else:
            stay.last, stay.at = self._index, request.at
            stay.count += 1
        self._leave()
        self._failed = False

    def _leave(self) -> None:
        gone = [name for name, stay in self._stays.items() if stay.missed(self._index)]
        for name in gone:
            self._note(Move(self._stays.pop(name).at, name, began=False))

    def _note(self, move: Move) -> None:
        self.found.append(move)
        self.found.sort(key=lambda found: found.at)
        del self.found[:-100]


def moved(moves: Sequence[Move], summary: Summary, *, utc: bool = True) -> list[str]:
    """Sentences: which cluster stopped and which began, when, and the longest time without an answer."""
    told = [f"{move.cluster} {'began to answer' if move.began else 'answered last'} at {_clock(move.at, utc)}"
            for move in moves]  # fmt: skip
    if summary.gap:
        told.append(f"longest gap {summary.gap:.1f} s, from {_clock(summary.gap_at, utc)}")
    return told


def _clock(at: float, utc: bool) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return (moment if utc else moment.astimezone()).strftime("%H:%M:%S.%f")[:-5]
