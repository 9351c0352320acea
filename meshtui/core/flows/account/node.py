"""One node's account: its agent's readings, what came here between them, and what went missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from meshtui.core.flows.account.levels import rises

_MARKS_KEPT = 60
_RESTARTS_KEPT = 20
_GROWTH_KEPT = 200


class Reading(Struct, frozen=True):
    """What a node said of itself, between two looks at the newest event it held."""

    node: str
    """`cluster/node`."""
    at_ns: int
    """Our clock, when it was asked."""
    seen: int
    """Flows seen since its agent started."""
    uptime_ns: int
    before_ns: int
    """The node's time of its newest event just before it said so."""
    after_ns: int
    """And just after: the same where nothing happened in between."""
    unasked_ns: int = 0
    """The node's time of its newest event of the kind that nobody is asked for (`core.flows.reading`); 0 without."""


class Growth(Struct, frozen=True):
    """Events that went missing between two readings of a node."""

    start_ns: int
    """Our clock: the reading before."""
    end_ns: int
    least: int
    most: int | None
    """None: at least so many."""


class NodeBalance(Struct, frozen=True):
    """How a node's account stands; `least` and `most` are equal but for nodes that are never quiet."""

    node: str
    seen: int
    """Events it saw since the account began, up to its last reading that can be judged."""
    told: int
    """Of these, what the node itself said its ring lost."""
    least: int
    most: int | None
    """None: at least so many are missing."""
    proven: bool
    """False until two readings agree."""

    @property
    def here(self) -> int:
        """How many of them came here."""
        return self.seen - self.told - self.least


class Mark(Struct):
    """A reading, and what came here since the one before it."""

    reading: Reading
    feeder: str
    """Whose Relay or agent delivered the node then."""
    gained: int = 0
    """Events here between the reading before's newest and this one's `before_ns`."""
    within: int = 0
    """Events here between `before_ns` and `after_ns`."""
    told: int = 0
    """Events of the same stretch that the node itself said its ring lost."""

    @property
    def came(self) -> int:
        """Events here since the reading before."""
        return self.gained + self.within


class BoundedMark(NamedTuple):
    """A mark with the least and the most that was missing by then, but for a constant."""

    mark: Mark
    least: int
    most: int


class NodeAccount(Struct):
    """One node's readings since its agent started or the account began."""

    marks: list[Mark] = field(default_factory=list)
    restarted: list[tuple[int, int, str]] = field(default_factory=list)
    """Its agent started anew: the last reading before, the first after (our clock), and the feeder before."""
    seen_before: int = 0
    told_before: int = 0
    """What marks that are no longer kept had come to."""
    growth: dict[int, Growth] = field(default_factory=dict)
    """What went missing, by the time of the reading that showed it."""
    grown_before: list[Growth] = field(default_factory=list)
    """The sum of what `growth` no longer has room for."""
    told: int = 0
    """Losses told since the last mark."""
    told_ns: int = 0
    changed: bool = False
    doubted_ns: int = 0
    """The last reading that was looked at for doubts."""

    def add(self, mark: Mark) -> None:
        """The newest mark; the oldest one goes when there are many."""
        self.marks.append(mark)
        self.changed = True
        if len(self.marks) > _MARKS_KEPT:
            gone, first = self.marks.pop(0), self.marks[0]
            self.seen_before += first.reading.seen - gone.reading.seen
            self.told_before += first.told

    def anew(self, reading: Reading) -> NodeAccount:
        """The account of the agent that gave `reading`, in place of this one's agent."""
        last = self.marks[-1]
        restarts = [*self.restarted[-_RESTARTS_KEPT:], (last.reading.at_ns, reading.at_ns, last.feeder)]
        return NodeAccount(restarted=restarts, growth=self.growth, grown_before=self.grown_before)

    def place(self, time_ns: int) -> bool:
        """Count an event that came late; False when it is newer than the last mark."""
        following: Mark | None = None
        for mark in reversed(self.marks):
            if time_ns > mark.reading.after_ns:
                if following is None:
                    return False
                following.gained += 1
                break
            if time_ns > mark.reading.before_ns:
                mark.within += 1
                break
            following = mark
        else:
            return True  # older than the account
        self.changed = True
        return True

    def judged(self, newest: bool, now_ns: int, calm_ns: int, patience_ns: int) -> list[BoundedMark]:
        """Marks that can be judged: calm ones that newer events have overtaken, and ones that tell of no growth.

        `newest`: whether an event came that is newer than the last mark.
        """
        passed = self._overtaken(newest)
        judged: list[BoundedMark] = []
        for number, look in enumerate(self._looks()):
            age = now_ns - look.mark.reading.at_ns
            grown = bool(judged) and look.least > judged[-1].most
            if age >= calm_ns and (number < passed or age >= patience_ns or (judged and not grown)):
                judged.append(look)
        return judged

    def _looks(self) -> Iterator[BoundedMark]:
        came = 0
        for number, mark in enumerate(self.marks):
            came += mark.gained + mark.told if number else 0
            yield BoundedMark(mark, mark.reading.seen - came - mark.within, mark.reading.seen - came)
            came += mark.within

    def _overtaken(self, newest: bool) -> int:
        """How many marks lie before an event that is here."""
        if newest:
            return len(self.marks)
        came = (number for number in range(len(self.marks) - 1, 0, -1) if self.marks[number].came)
        return next(came, 0)


def restarted(last: Reading, reading: Reading) -> bool:
    """Whether its agent is another one: younger than the time since the last reading."""
    passed = reading.at_ns - last.at_ns
    return reading.seen < last.seen or 0 < reading.uptime_ns < max(passed, last.uptime_ns)


def total(parts: Iterable[Growth]) -> tuple[int, int | None]:
    """Least and most of several growths together."""
    least, most = 0, 0
    bounded = True
    for part in parts:
        least += part.least
        most += part.most or 0
        bounded = bounded and part.most is not None
    return least, most if bounded else None


def find_growth(account: NodeAccount, judged: Sequence[BoundedMark], breaks: Sequence[tuple[str, int]]) -> None:
    """Growth among the marks that are kept is found anew each time; what older marks showed stays.

    `breaks`: (feeder, time) at which a source came or went.
    """
    if len(judged) < 2:
        return
    marks = [look.mark for look in judged]
    first = marks[0].reading.at_ns
    for at_ns in [at_ns for at_ns in account.growth if at_ns > first]:
        del account.growth[at_ns]
    known = {number for number in range(1, len(marks)) if _broken(marks[number - 1], marks[number], breaks)}
    for rise in rises([(look.least, look.most) for look in judged], known):
        start_ns, end_ns = marks[rise.index - 1].reading.at_ns, marks[rise.index].reading.at_ns
        account.growth[end_ns] = Growth(start_ns, end_ns, rise.least, rise.most)
    while len(account.growth) > _GROWTH_KEPT:
        oldest = account.growth.pop(min(account.growth))
        account.grown_before = [Growth(0, oldest.end_ns, *total([*account.grown_before, oldest]))]


def _broken(before: Mark, after: Mark, breaks: Sequence[tuple[str, int]]) -> bool:
    return any(
        source in (before.feeder, after.feeder) and before.reading.at_ns < at_ns <= after.reading.at_ns
        for source, at_ns in breaks
    )
