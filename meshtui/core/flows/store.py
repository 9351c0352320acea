"""Keeps the latest flows of all sources in time order, each event once, in bounded memory.

Not for several threads: sources hand their batches to one thread (see `hubble.inbox`), which adds them here.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import attrgetter

from msgspec.structs import replace

from meshtui.core.flows.account.account import FlowAccount, Reading
from meshtui.core.flows.account.gaps import Gap, judge
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.packets import Packets

__all__ = ["DEFAULT_CAPACITY", "FlowStore", "FlowView", "Gap", "TimeOrdered"]

DEFAULT_CAPACITY = 100_000
_time_of = attrgetter("time_ns")
_GAPS_KEPT = 1_000
_SCAN = 30_000
"""So many rows are looked through, not more, to place a node's reading."""


class TimeOrdered:
    """Rows sorted by time; equal times keep the order of arrival. Adding at the end is cheap, late rows cost more."""

    __slots__ = ("rows",)

    def __init__(self) -> None:
        self.rows: list[FlowRow] = []

    def merge(self, batch: list[FlowRow]) -> int:
        """Put `batch` in its place. Returns the index from which rows may have moved."""
        rows = self.rows
        if len(batch) > 1:
            batch.sort(key=_time_of)
        if not rows or batch[0].time_ns >= rows[-1].time_ns:
            changed = len(rows)
            rows.extend(batch)
            return changed
        changed = bisect_right(rows, batch[0].time_ns, key=_time_of)
        tail = rows[changed:]
        tail.extend(batch)
        tail.sort(key=_time_of)  # two ascending runs: linear
        rows[changed:] = tail
        return changed

    def trim(self, oldest_ns: int) -> list[FlowRow]:
        """Forget rows older than `oldest_ns`. Returns them."""
        count = bisect_left(self.rows, oldest_ns, key=_time_of)
        gone = self.rows[:count]
        del self.rows[:count]
        return gone


class FlowView:
    """The rows of a store that match a predicate, kept up to date by the store. Close it when done.

    With `packets` the two events of one refused packet are one row: the one that came first, the other is its mate.
    """

    def __init__(self, store: FlowStore, matches: Callable[[FlowRow], bool], packets: Packets | None = None) -> None:
        self._store = store
        self._matches = matches
        self.packets = packets
        self._ordered = TimeOrdered()
        wanted = [row for row in store if matches(row)]
        self._ordered.rows = packets.fold_newest(wanted) if packets else wanted
        self.version = 0
        """Grows with every change of these rows."""
        self.evicted = 0
        """Rows that left at the old end: subtract its growth from an index to follow a row."""
        self.arrived = 0
        """Events that came in since the view was opened."""
        self._fresh: deque[FlowRow] | None = None

    def collect(self) -> None:
        """Keep rows that come from now on until `take_fresh` fetches them, at most the store's capacity."""
        self._fresh = deque(maxlen=self._store.capacity)

    def take_fresh(self) -> list[FlowRow]:
        """Rows that came since the last call, in order of arrival. Empty without `collect`."""
        fresh = list(self._fresh or ())
        if fresh:
            self._fresh = deque(maxlen=self._store.capacity)
        return fresh

    def __len__(self) -> int:
        return len(self._ordered.rows)

    def __getitem__(self, index: int) -> FlowRow:
        return self._ordered.rows[index]

    def __iter__(self) -> Iterator[FlowRow]:
        return iter(self._ordered.rows)

    def rows(self, start: int, stop: int) -> list[FlowRow]:
        """Rows [start:stop], oldest first."""
        return self._ordered.rows[start:stop]

    def events(self) -> list[FlowRow]:
        """All rows and their mates, oldest first."""
        rows = self._ordered.rows
        mates = self.packets.mates(rows) if self.packets else []
        return sorted([*rows, *mates], key=_time_of) if mates else list(rows)

    def close(self) -> None:
        """Stop following the store."""
        self._store.forget(self)

    def offer(self, batch: Sequence[FlowRow], oldest_ns: int) -> None:
        """Take what matches of `batch`; drop what is older than `oldest_ns`. Called by the store."""
        matching = [row for row in batch if self._matches(row)]
        if matching:
            self.arrived += len(matching)
            if self._fresh is not None:
                self._fresh.extend(matching)
            leading = self.packets.fold(matching) if self.packets else matching
            if leading:
                self._ordered.merge(leading)
        gone = self._ordered.trim(oldest_ns)
        if gone and self.packets:
            self.packets.forget(gone)
        self.evicted += len(gone)
        if matching or gone:
            self.version += 1


class FlowStore:
    """The latest `capacity` flows of all sources. See the module's docstring."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self.capacity = capacity
        self.seen = 0
        """Rows offered so far, duplicates included."""
        self.duplicates = 0
        """Rows that were here already: the same event through another Relay, or repeated after a reconnect."""
        self.too_old = 0
        """Rows that came when the store was full of newer ones."""
        self.nameless = 0
        """Rows without a uuid: a repeat of theirs cannot be recognised."""
        self.evicted = 0
        """Rows that left at the old end to make room."""
        self.version = 0
        """Grows with every change."""
        self.changed_from = 0
        """Index from which the last `add` moved or added rows."""
        self.shed = 0
        """Rows thrown away before they came here because nobody could keep up; see `add_shed`."""
        self.gaps: deque[Gap] = deque(maxlen=_GAPS_KEPT)
        self.account = FlowAccount()
        """How many events each node saw, how many of them are here, and how many are missing."""
        self._closed = False
        """Whether a gap was closed since gaps were judged."""
        self._ordered = TimeOrdered()
        self._uuids: set[str] = set()
        self._views: list[FlowView] = []

    def __len__(self) -> int:
        return len(self._ordered.rows)

    def __iter__(self) -> Iterator[FlowRow]:
        return iter(self._ordered.rows)

    def __getitem__(self, index: int) -> FlowRow:
        return self._ordered.rows[index]

    def rows(self, start: int, stop: int) -> list[FlowRow]:
        """Rows [start:stop], oldest first: a slice, cheap for a screen's worth anywhere."""
        return self._ordered.rows[start:stop]

    def between(self, start_ns: int, end_ns: int) -> list[FlowRow]:
        """Rows with start_ns <= time < end_ns."""
        rows = self._ordered.rows
        return rows[bisect_left(rows, start_ns, key=_time_of) : bisect_left(rows, end_ns, key=_time_of)]

    def add(self, rows: Iterable[FlowRow]) -> list[FlowRow]:
        """Take a batch in any order. Returns those that are new, in time order."""
        uncounted = self.too_old + self.nameless
        fresh = self._fresh(rows)
        if self.too_old + self.nameless > uncounted:
            self.account.restart()  # whether these were here before cannot be told
        if not fresh:
            return fresh
        fresh.sort(key=_time_of)  # batches of several sources come together, each in its own order
        self.account.take(fresh)
        ordered = self._ordered
        self.changed_from = ordered.merge(fresh)
        excess = len(ordered.rows) - self.capacity
        if excess > 0:
            self._evict(excess)
        self.version += 1
        oldest_ns = ordered.rows[0].time_ns
        for view in self._views:
            view.offer(fresh, oldest_ns)
        return fresh

    def _fresh(self, rows: Iterable[FlowRow]) -> list[FlowRow]:
        """Those of `rows` that are not here yet and are not older than all a full store keeps."""
        known = self._uuids
        kept = self._ordered.rows
        floor = kept[0].time_ns if len(kept) >= self.capacity else None
        fresh = []
        seen = 0
        for row in rows:
            seen += 1
            uuid = row.uuid
            if uuid in known:
                self.duplicates += 1
            elif floor is not None and row.time_ns < floor:
                self.too_old += 1
            else:
                if uuid:
                    known.add(uuid)
                else:
                    self.nameless += 1
                fresh.append(row)
        self.seen += seen
        return fresh

    def _evict(self, count: int) -> None:
        rows = self._ordered.rows
        self._uuids.difference_update(row.uuid for row in rows[:count])
        del rows[:count]
        self.evicted += count
        self.changed_from = max(0, self.changed_from - count)

    def add_shed(self, count: int) -> None:
        """Account for rows that were thrown away unseen: of which nodes nobody knows."""
        self.shed += count
        self.account.restart()
        self.version += 1

    def clear(self) -> None:
        """Forget all rows; counters go on."""
        self.account.restart()
        self.evicted += len(self._ordered.rows)
        self._ordered.rows = []
        self._uuids.clear()
        self.version += 1
        for view in self._views:
            view.offer((), 1 << 63)

    def view(self, matches: Callable[[FlowRow], bool], packets: Packets | None = None) -> FlowView:
        """The rows that match, kept up to date with each `add`; see `FlowView` for `packets`."""
        view = FlowView(self, matches, packets)
        self._views.append(view)
        return view

    def forget(self, view: FlowView) -> None:
        """Stop updating a view."""
        if view in self._views:
            self._views.remove(view)

    def open_gap(self, source: str, start_ns: int, cause: str = "") -> None:
        """A source went away at `start_ns`. One gap per source is open at a time: the first start counts."""
        if self._open(source) is None:
            self.gaps.append(Gap(source, start_ns, None, True, cause))
            self.version += 1

    def close_gap(self, source: str, end_ns: int, *, lost: bool = True) -> None:
        """A source is back at `end_ns`; `lost` False when it still held what happened in between."""
        at = self._open(source)
        if at is not None:
            self.gaps[at] = replace(self.gaps[at], end_ns=end_ns, lost=lost)
            self.version += 1
            self._closed = True
            if self.account.active:
                self.judge_gaps(end_ns)

    def note(self, readings: Sequence[Reading], feeder: str, heard: Collection[str]) -> None:
        """Take what nodes say they saw; `heard` is `account.heard()` from before they were asked."""
        self.account.note(readings, feeder, heard, self._newer)

    def _newer(self, time_ns: int) -> list[FlowRow] | None:
        rows = self._ordered.rows
        at = bisect_right(rows, time_ns, key=_time_of)
        gone = at == 0 and (self.evicted or self.too_old)
        return None if gone or len(rows) - at > _SCAN else rows[at:]

    def judge_gaps(self, now_ns: int) -> bool:
        """Say of each gap what is known to be missing by now; whether anything is told that was not."""
        closed, self._closed = self._closed, False
        changed = judge(self.gaps, self.account, now_ns, closed=closed)
        self.version += changed
        return changed

    def away_since(self, source: str) -> int | None:
        """When a source that is away now went away, nanoseconds."""
        at = self._open(source)
        return None if at is None else self.gaps[at].start_ns

    def _open(self, source: str) -> int | None:
        for at, gap in enumerate(self.gaps):
            if gap.source == source and gap.end_ns is None:
                return at
        return None
