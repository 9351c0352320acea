"""Keeps account per node: how many events it saw, how many of them came here, how many are missing, to the event.

A node's agent counts what it sees (`seen_flows`). Whatever is added to that count and does not come here is missing.
Both counts are compared at the same event: the newest the node held when its count was read. Events are told apart by
the node's own clock, so late, repeated and older ones are counted where they belong and clocks need not agree.
Hubble's ring does not give out its very newest entry: that is a constant one, which cancels out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from operator import attrgetter

from meshtui.core.flows.account.node import (
    BoundedMark,
    Growth,
    Mark,
    NodeAccount,
    NodeBalance,
    Reading,
    find_growth,
    restarted,
    total,
)
from meshtui.core.flows.flow import FlowRow

__all__ = ["FlowAccount", "Growth", "Mark", "NodeAccount", "NodeBalance", "Reading", "total"]

_UNASKED_NS = 60_000_000_000
"""A node is counted again when for so long it has seen nothing that is not asked for."""
_NODES_KEPT = 10_000
_node_of = attrgetter("node")
_time_of = attrgetter("time_ns")


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
        self._doubts: dict[str, int] = {}
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
        self._doubts.clear()
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
            account = self._nodes.get(row.node)
            if account is None or not account.place(row.time_ns):
                self._open[row.node] += 1
        if len(self._open) > _NODES_KEPT:
            self.restart()

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
            return reading.node in heard and reading.unasked_ns < reading.before_ns - _UNASKED_NS
        last = account.marks[-1].reading
        if reading.unasked_ns > last.before_ns:
            # It has seen what is not asked for: its count tells nothing of what should have come.
            del self._nodes[reading.node]
            return False
        if restarted(last, reading):
            self._nodes[reading.node] = account.anew(reading)
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
        account.add(mark)
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
            account.changed = not judged or judged[-1].mark is not account.marks[-1]
            find_growth(account, judged, breaks)
            self._doubt(account, judged)
        return bool(changed)

    def _doubt(self, account: NodeAccount, judged: Sequence[BoundedMark]) -> None:
        """Something seems to be missing: before it is told, the ring may be asked for it once more."""
        for before, look in pairwise(judged):
            if look.mark.reading.at_ns > account.doubted_ns and look.least > before.most:
                feeder, since_ns = look.mark.feeder, before.mark.reading.before_ns
                self._doubts[feeder] = min(since_ns, self._doubts.get(feeder, since_ns))
        if judged:
            account.doubted_ns = judged[-1].mark.reading.at_ns

    def take_doubts(self) -> dict[str, int]:
        """Feeder → since when (the nodes' clocks) something seems to be missing, since the last call."""
        doubts, self._doubts = self._doubts, {}
        return doubts

    def nodes(self) -> list[str]:
        """Nodes that are accounted for."""
        return sorted(node for node, account in self._nodes.items() if account.marks)

    def account(self, node: str) -> NodeAccount:
        """One node's account. Raises KeyError."""
        return self._nodes[node]

    def _judged(self, node: str, now_ns: int) -> list[BoundedMark]:
        return self._nodes[node].judged(self._open[node] > 0, now_ns, self.calm_ns, self.patience_ns)

    def checked(self, node: str, now_ns: int) -> list[Mark]:
        """A node's readings that can be judged, in order."""
        return [look.mark for look in self._judged(node, now_ns)]

    def balance(self, node: str, now_ns: int) -> NodeBalance:
        """How a node's account stands at its last reading that can be judged."""
        account = self._nodes[node]
        marks = account.marks
        seen, told = account.seen_before, account.told_before
        judged = self.checked(node, now_ns)
        for before, mark in pairwise(marks[: marks.index(judged[-1]) + 1] if judged else ()):
            seen += mark.reading.seen - before.reading.seen
            told += mark.told
        missing = total([*account.grown_before, *account.growth.values()])
        return NodeBalance(node, seen, told, *missing, len(judged) > 1)
