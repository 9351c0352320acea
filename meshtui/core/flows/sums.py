"""From firehose to answer: one row per (who → whom:port, verdict, reason), with counts, rates and unanswered SYNs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from meshtui.core.flows import compact, dropreason
from meshtui.core.flows.connections import ConnectionKey, connection_key, is_syn
from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.flows.workload import party

BUCKETS = 60
"""Seconds a sparkline spans, one bucket each."""
_BILLION = 1_000_000_000
_OPEN_LIMIT = 50_000
_ANSWERED_LIMIT = 20_000
"""Connections that were answered and whose SYN another node may still tell of: 40 s of them at 5,000 flows/s."""
_BARS = " ▁▂▃▄▅▆▇█"

AggregateKey = tuple[str, str, int, int, int]
"""source, destination, port, verdict, drop reason"""


class Aggregate(Struct, eq=False):
    """The flows of one source to one destination with one fate. Replies count for the request's row."""

    key: AggregateKey
    source: str
    """`namespace/workload@cluster`, or what else is known."""
    destination: str
    port: int
    verdict: int
    reason: int
    crosses: bool
    """Whether its two sides are in different clusters."""
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    unanswered: int = 0
    """Connections whose SYN nothing came back for."""
    buckets: dict[int, int] = field(default_factory=dict)
    """Second since the epoch → events in it, the last minute's."""

    @property
    def target(self) -> str:
        """The destination with its port."""
        return f"{self.destination}:{self.port}" if self.port else self.destination

    @property
    def verdict_name(self) -> str:
        """`DROPPED`, …"""
        return compact.VERDICTS.get(self.verdict, str(self.verdict))

    @property
    def reason_text(self) -> str:
        """`Policy denied`, …; empty when nothing was dropped."""
        return dropreason.text(self.reason) if self.reason else ""

    def take(self, row: FlowRow) -> None:
        """Count one event."""
        at = row.time_ns
        self.count += 1
        if at > self.last_ns:
            self.last_ns = at
        if at < self.first_ns or not self.first_ns:
            self.first_ns = at
        second = at // _BILLION
        if second in self.buckets:
            self.buckets[second] += 1
            return
        self.buckets[second] = 1
        if len(self.buckets) > 2 * BUCKETS:
            for old in sorted(self.buckets)[:-BUCKETS]:
                del self.buckets[old]

    def history(self, now_ns: int, buckets: int = BUCKETS) -> list[int]:
        """Events in each of the last `buckets` seconds up to now, oldest first."""
        last = now_ns // _BILLION
        return [self.buckets.get(second, 0) for second in range(last - buckets + 1, last + 1)]

    def rate(self, now_ns: int, seconds: int = 10) -> float:
        """Events per second over the last full `seconds`."""
        return sum(self.history(now_ns - _BILLION, seconds)) / seconds


def sparkline(values: list[int], width: int) -> str:
    """`values` as `width` bars from the newest back; neighbours are added up when there are more."""
    if not values or width < 1:
        return ""
    step = -(-len(values) // width)
    sums = [sum(values[max(0, end - step) : end]) for end in range(len(values), 0, -step)][::-1]
    top = max(sums)
    return "".join(_BARS[-(-8 * value // top)] if value else _BARS[0] for value in sums) if top else " " * len(sums)


class Aggregates:
    """Aggregates of all rows added. Rows go in once each, in any order."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._rows: dict[AggregateKey, Aggregate] = {}
        self._open: dict[ConnectionKey, list[Aggregate]] = {}
        self._answered: dict[ConnectionKey, None] = {}
        self._recent_answers: deque[ConnectionKey] = deque()
        self.overflow = 0
        """Events not shown because there were more different rows than the limit."""

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Aggregate]:
        return iter(self._rows.values())

    def get(self, key: AggregateKey) -> Aggregate | None:
        """The aggregate with a key."""
        return self._rows.get(key)

    def add(self, rows: Iterable[FlowRow]) -> set[AggregateKey]:
        """Count rows. Returns the keys that changed."""
        changed = set()
        for row in rows:
            key = aggregate_key(row)
            aggregate = self._rows.get(key)
            if aggregate is None:
                if len(self._rows) >= self._limit:
                    self.overflow += 1
                    continue
                aggregate = self._rows[key] = Aggregate(key, *key, _crosses(row))
            aggregate.take(row)
            changed.add(key)
            self._track(row, aggregate)
        return changed

    def _track(self, row: FlowRow, aggregate: Aggregate) -> None:
        """Keep account of SYNs without an answer, by connection."""
        asks = is_syn(row)
        answers = row.verdict != Verdict.DROPPED and (row.is_reply or row.flags == "SYN, ACK")
        if not (asks or answers) or row.protocol != "TCP":
            return
        key = connection_key(row)
        if key is None:
            return
        if asks:
            waiting = self._open.setdefault(key, [])
            if key not in self._answered and aggregate not in waiting:
                waiting.append(aggregate)
                aggregate.unanswered += 1
            if len(self._open) > _OPEN_LIMIT:
                del self._open[next(iter(self._open))]
        elif key not in self._answered or key in self._open:
            self._answer(key)

    def _answer(self, key: ConnectionKey) -> None:
        for aggregate in self._open.pop(key, ()):
            aggregate.unanswered -= 1
        if key not in self._answered:
            self._answered[key] = None
            self._recent_answers.append(key)
            if len(self._recent_answers) > _ANSWERED_LIMIT:
                del self._answered[self._recent_answers.popleft()]

    def sorted(self, column: str = "count", *, reverse: bool = True) -> list[Aggregate]:
        """All rows by one of `COLUMNS`. Raises KeyError for another."""
        return sorted(self._rows.values(), key=COLUMNS[column], reverse=reverse)


FAILING = "failing"
"""The order that has what was dropped first, and the most of it."""

COLUMNS: MappingProxyType[str, Callable[[Aggregate], Any]] = MappingProxyType(
    {
        FAILING: lambda a: (a.verdict == Verdict.DROPPED, a.count),
        "source": lambda a: (a.source, a.destination, a.port),
        "destination": lambda a: (a.destination, a.port, a.source),
        "verdict": lambda a: (a.verdict_name, a.count),
        "reason": lambda a: (a.reason_text, a.count),
        "count": lambda a: a.count,
        "rate": lambda a: (sum(a.buckets.values()), a.count),
        "first": lambda a: a.first_ns,
        "last": lambda a: a.last_ns,
        "unanswered": lambda a: (a.unanswered, a.count),
    }
)
"""Sortable columns, and the order they have at first."""


def aggregate_key(row: FlowRow) -> AggregateKey:
    """Which row an event counts for: a reply counts for its request's."""
    reply = bool(row.is_reply)
    port = row.source_port if reply else row.destination_port
    reason = row.drop_reason if row.verdict == Verdict.DROPPED else 0
    return party(row, reply), party(row, not reply), port, row.verdict, reason


def matches(row: FlowRow, key: AggregateKey) -> bool:
    """Whether an event is one of those behind an aggregate."""
    return aggregate_key(row) == key


def _crosses(row: FlowRow) -> bool:
    clusters = row.source.cluster, row.destination.cluster
    return bool(clusters[0] and clusters[1]) and clusters[0] != clusters[1]


def text_map(aggregates: Iterable[Aggregate]) -> list[str]:
    """Who talks to whom, as lines: each source, below it its destinations; drops marked ✗, cluster borders ⇄.

    The lines hold text as the cluster sent it: clean them before they reach a screen.
    """
    by_source: dict[str, dict[str, list[Aggregate]]] = {}
    for aggregate in aggregates:
        by_source.setdefault(aggregate.source, {}).setdefault(aggregate.target, []).append(aggregate)
    lines = []
    for source in sorted(by_source):
        lines.append(source)
        targets = by_source[source]
        for at, target in enumerate(sorted(targets)):
            branch = "└" if at == len(targets) - 1 else "├"
            lines.append(f"  {branch}{_edge(targets[target])} {target}  {_fates(targets[target])}")
    return lines


def _edge(aggregates: list[Aggregate]) -> str:
    dropped = any(a.verdict == Verdict.DROPPED for a in aggregates)
    passed = any(a.verdict != Verdict.DROPPED for a in aggregates)
    border = "⇄" if any(a.crosses for a in aggregates) else "─"
    return f"─{border}{'✗' if dropped and not passed else '±' if dropped else '─'}▶"


def _fates(aggregates: list[Aggregate]) -> str:
    parts = []
    for a in sorted(aggregates, key=lambda a: -a.count):
        reason = f" ({a.reason_text})" if a.reason_text else ""
        silent = f", {a.unanswered} SYN unanswered" if a.unanswered else ""
        parts.append(f"{a.verdict_name} {a.count}{reason}{silent}")
    return " · ".join(parts)
