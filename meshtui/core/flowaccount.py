"""Keeps account per node: how many events it saw, how many of them came here, how many are missing, to the event.

A node's agent counts what it sees (`seen_flows`). Whatever is added to that count and does not come here is missing.
Both counts are compared at the same event: the newest the node held when its count was read. Events are told apart by
the node's own clock, so late, repeated and older ones are counted where they belong and clocks need not agree.
Hubble's ring does not give out its very newest entry: that is a constant one, which cancels out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from meshtui.core.flow import FlowRow
from meshtui.core.flowlevels import rises

_MARKS_KEPT = 60
_NODES_KEPT = 10_000
_RESTARTS_KEPT = 20
_node_of = attrgetter("node")
_time_of = attrgetter("time_ns")


@dataclass(frozen=True, slots=True)
class Reading:
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


@dataclass(frozen=True, slots=True)
class Growth:
    """Events that went missing between two readings of a node."""

    start_ns: int
    """Our clock: the reading before."""
    end_ns: int
    least: int
    most: int | None
    """None: at least so many."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How a node's account stands; `least` and `most` are equal but for nodes that are never quiet."""

    node: str
    seen: int
    here: int
    least: int
    most: int | None
    """None: at least so many are missing."""
    proven: bool
    """False until two readings agree."""


@dataclass(slots=True)
class Mark:
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


@dataclass(slots=True)
class NodeAccount:
    """One node's readings since its agent started or the account began."""

    marks: list[Mark] = field(default_factory=list)
    restarted: list[tuple[int, int, str]] = field(default_factory=list)
    """Its agent started anew: the last reading before, the first after (our clock), and the feeder before."""
    seen_before: int = 0
    here_before: int = 0
    """What marks that are no longer kept had come to."""
    growth: dict[int, Growth] = field(default_factory=dict)
    """What went missing, by the time of the reading that showed it."""
    told: int = 0
    """Losses told since the last mark."""
    told_ns: int = 0
    changed: bool = False

    def looks(self) -> Iterator[tuple[Mark, int, int]]:
        """Each mark with the least and the most that was missing by then, but for a constant."""
        came = 0
        for number, mark in enumerate(self.marks):
            came += mark.gained + mark.told if number else 0
            yield mark, mark.reading.seen - came - mark.within, mark.reading.seen - came
            came += mark.within

    def overtaken(self, newest: bool) -> int:
        """How many marks lie before an event that is here; `newest`: whether one came after the last mark."""
        if newest:
            return len(self.marks)
        came = (number for number in range(len(self.marks) - 1, 0, -1) if self.marks[number].came)
        return next(came, 0)


class FlowAccount:
    """All nodes' accounts. Not for several threads; all times in nanoseconds."""

    def __init__(self, calm_ns: int = 3_000_000_000, patience_ns: int = 45_000_000_000) -> None:
        self.calm_ns = calm_ns
        """How old a reading must be before it is judged."""
        self.patience_ns = patience_ns
        """How old, when nothing newer of its node has come."""
        self.suspended = ""
        """Why nothing can be counted now; empty: all is."""
        self._nodes: dict[str, NodeAccount] = {}
        self._open: Counter[str] = Counter()
        """Events here by node, newer than its last mark; of nodes without marks all since the account began."""
        self._floor_ns = 0
        """The newest mark of all: rows up to here may belong to one."""

    @property
    def active(self) -> bool:
        """Whether any node is accounted for."""
        return bool(self._nodes)

    def restart(self) -> None:
        """Begin anew: something happened to the rows that no count knows."""
        self._nodes.clear()
        self._open.clear()
        self._floor_ns = 0

    def suspend(self, why: str) -> None:
        """Not all events are asked for: nothing can be told of those that do not come."""
        self.suspended = why
        self.restart()

    def resume(self) -> None:
        """Everything is asked for again."""
        if self.suspended:
            self.suspended = ""
            self.restart()

    # What comes

    def take(self, fresh: Sequence[FlowRow]) -> None:
        """Rows that are here for the first time, in order of time."""
        if self.suspended or not fresh:
            return
        at = bisect_right(fresh, self._floor_ns, key=_time_of) if fresh[0].time_ns <= self._floor_ns else 0
        self._open.update(map(_node_of, fresh[at:] if at else fresh))
        for row in fresh[:at]:
            self._place(row)
        if len(self._open) > _NODES_KEPT:
            self.restart()

    def _place(self, row: FlowRow) -> None:
        account = self._nodes.get(row.node)
        if account is None:
            self._open[row.node] += 1
            return
        marks, time_ns = account.marks, row.time_ns
        for number in range(len(marks) - 1, -1, -1):
            reading = marks[number].reading
            if time_ns > reading.after_ns:
                if number + 1 < len(marks):
                    marks[number + 1].gained += 1
                    account.changed = True
                else:
                    self._open[row.node] += 1
                return
            if time_ns > reading.before_ns:
                marks[number].within += 1
                account.changed = True
                return

    def tell_lost(self, node: str, count: int, now_ns: int) -> None:
        """A node says that so many events, which it counts as seen, were overwritten before they could be sent."""
        account = self._nodes.get(node)
        if account is not None:
            account.told += count
            account.told_ns = now_ns

    def heard(self) -> frozenset[str]:
        """Nodes of which anything has come: from there on everything they see should."""
        return frozenset(self._open)

    # Readings

    def note(
        self,
        readings: Sequence[Reading],
        feeder: str,
        heard: Collection[str],
        newer: Callable[[int], Sequence[FlowRow] | None],
    ) -> None:
        """Take what nodes said. `heard` are those that were heard of before they were asked.

        `newer(time_ns)` gives the kept rows after a time; None when they are not all kept any more, or too many.
        A node that is so far behind is left out.
        """
        if self.suspended:
            return
        wanted = {r.node: r for r in readings if r.before_ns <= r.after_ns and self._fits(r, heard)}
        for node, (before, after) in self._came_after(wanted, newer).items():
            self._mark(wanted[node], feeder, before, after)

    def _fits(self, reading: Reading, heard: Collection[str]) -> bool:
        account = self._nodes.get(reading.node)
        if account is None or not account.marks:
            return reading.node in heard
        last = account.marks[-1].reading
        if _restarted(last, reading):
            restarts = [*account.restarted[-_RESTARTS_KEPT:], (last.at_ns, reading.at_ns, account.marks[-1].feeder)]
            self._nodes[reading.node] = NodeAccount(restarted=restarts, growth=account.growth)
            return True
        return reading.before_ns >= last.after_ns and reading.at_ns > last.at_ns

    def _came_after(
        self, wanted: dict[str, Reading], newer: Callable[[int], Sequence[FlowRow] | None]
    ) -> dict[str, tuple[int, int]]:
        """Node → rows here newer than `before_ns`, than `after_ns`; nodes of which it is not known are left out."""
        found: dict[str, tuple[int, int]] = {}
        search: dict[str, Reading] = {}
        for node, reading in wanted.items():
            marks = self._nodes[node].marks if node in self._nodes else []
            if marks and marks[-1].reading.after_ns == reading.after_ns:
                found[node] = self._open[node], self._open[node]
            else:
                search[node] = reading
        if not search:
            return found
        while (rows := newer(min(reading.before_ns for reading in search.values()))) is None:
            del search[min(search, key=lambda node: search[node].before_ns)]
            if not search:
                return found
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for row in rows:
            at = search.get(row.node)
            if at is not None and row.time_ns > at.before_ns:
                before[row.node] += 1
                after[row.node] += row.time_ns > at.after_ns
        return found | {node: (before[node], after[node]) for node in search}

    def _mark(self, reading: Reading, feeder: str, newer_before: int, newer_after: int) -> None:
        account = self._nodes.setdefault(reading.node, NodeAccount())
        if account.told_ns and reading.at_ns - account.told_ns < self.calm_ns:
            return  # while a node tells losses, what it has not yet told is not known
        gained = self._open[reading.node] - newer_before
        mark = Mark(reading, feeder, gained, newer_before - newer_after, account.told)
        self._open[reading.node] = newer_after
        account.told = account.told_ns = 0
        account.marks.append(mark)
        account.changed = True
        if len(account.marks) > _MARKS_KEPT:
            gone = account.marks.pop(0)
            first = account.marks[0]
            account.seen_before += first.reading.seen - gone.reading.seen
            account.here_before += gone.within + first.gained
        self._floor_ns = max(account.marks[-1].reading.after_ns for account in self._nodes.values() if account.marks)

    # What follows from them

    def reckon(self, now_ns: int, breaks: Sequence[tuple[str, int]] = ()) -> bool:
        """Work out anew what is missing of nodes that have news; whether there were any.

        `breaks`: (feeder, time) at which a source came or went.
        """
        changed = [node for node, account in self._nodes.items() if account.changed]
        for node in changed:
            account = self._nodes[node]
            judged = self._judged(node, now_ns)
            account.changed = not judged or judged[-1][0] is not account.marks[-1]
            _find_growth(account, judged, breaks)
        return bool(changed)

    def nodes(self) -> list[str]:
        """Nodes that are accounted for."""
        return sorted(node for node, account in self._nodes.items() if account.marks)

    def account(self, node: str) -> NodeAccount:
        """One node's account. Raises KeyError."""
        return self._nodes[node]

    def _judged(self, node: str, now_ns: int) -> list[tuple[Mark, int, int]]:
        """Marks that can be judged: calm ones that newer events have overtaken, and ones that tell of no growth."""
        account = self._nodes[node]
        passed = account.overtaken(self._open[node] > 0)
        judged: list[tuple[Mark, int, int]] = []
        for number, look in enumerate(account.looks()):
            age = now_ns - look[0].reading.at_ns
            grown = bool(judged) and look[1] > judged[-1][2]
            if age >= self.calm_ns and (number < passed or age >= self.patience_ns or (judged and not grown)):
                judged.append(look)
        return judged

    def checked(self, node: str, now_ns: int) -> list[Mark]:
        """A node's readings that can be judged, in order."""
        return [mark for mark, _, _ in self._judged(node, now_ns)]

    def stand(self, node: str, now_ns: int) -> Stand:
        """How a node's account stands at its last reading that can be judged."""
        account = self._nodes[node]
        seen, here = account.seen_before, account.here_before
        judged = self.checked(node, now_ns)
        for number, mark in enumerate(account.marks):
            if number:
                here += mark.gained
                seen = account.seen_before + mark.reading.seen - account.marks[0].reading.seen
            if judged and mark is judged[-1]:
                break
            here += mark.within
        return Stand(node, seen, here, *total(account.growth.values()), len(judged) > 1)


def _restarted(last: Reading, reading: Reading) -> bool:
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


def _find_growth(
    account: NodeAccount, judged: Sequence[tuple[Mark, int, int]], breaks: Sequence[tuple[str, int]]
) -> None:
    """Growth among the marks that are kept is found anew each time; what older marks showed stays."""
    if len(judged) < 2:
        return
    marks = [mark for mark, _, _ in judged]
    first = marks[0].reading.at_ns
    for at_ns in [at_ns for at_ns in account.growth if at_ns > first]:
        del account.growth[at_ns]
    known = {number for number in range(1, len(marks)) if _broken(marks[number - 1], marks[number], breaks)}
    for rise in rises([(least, most) for _, least, most in judged], known):
        start_ns, end_ns = marks[rise.index - 1].reading.at_ns, marks[rise.index].reading.at_ns
        account.growth[end_ns] = Growth(start_ns, end_ns, rise.least, rise.most)


def _broken(before: Mark, after: Mark, breaks: Sequence[tuple[str, int]]) -> bool:
    return any(
        source in (before.feeder, after.feeder) and before.reading.at_ns < at_ns <= after.reading.at_ns
        for source, at_ns in breaks
    )
