"""Finds the two events that tell of one refused packet: the policy's verdict and the drop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtui.core.flows.flow import EventType, FlowRow, Verdict

SAME_PACKET_NS = 5_000_000
"""Recorded: 2 to 40 µs lie between the two events; a SYN is sent again after a second."""
_WAITING = 4_096
"""Connections with refused packets of which one event is known so far."""
_EACH = 8
"""Such packets of one connection."""
AT_ONCE = 20_000
"""Drops read when a view is opened: a flow is read in about 10 µs, and keys wait meanwhile."""
_KINDS = (int(EventType.POLICY_VERDICT), int(EventType.DROP))
_DROPPED = int(Verdict.DROPPED)

_What = tuple[str, str, str, int, str, int, str]


class Packets:
    """Folds rows as they come: the first event of a refused packet leads, the other one is its mate.

    Only events that said DROPPED are read; both must be of one node and say the same of addresses, ports and flags.
    """

    def __init__(self) -> None:
        self._mates: dict[FlowRow, FlowRow] = {}
        self._waiting: dict[_What, list[FlowRow]] = {}
        self._grown: list[FlowRow] = []

    def fold(self, rows: Sequence[FlowRow]) -> list[FlowRow]:
        """The rows without those that became mates of rows told before, or of one another."""
        return [row for row in rows if row.verdict != _DROPPED or not self._joins(row)]

    def fold_newest(self, rows: Sequence[FlowRow], limit: int = AT_ONCE) -> list[FlowRow]:
        """As `fold`, for many rows in order of time: drops older than the newest `limit` stay by themselves, unread."""
        drops = [row for row in rows if row.verdict == _DROPPED]
        if len(drops) <= limit:
            return self.fold(rows)
        since = drops[-limit].time_ns
        return [row for row in rows if row.verdict != _DROPPED or row.time_ns < since or not self._joins(row)]

    def mate(self, row: FlowRow) -> FlowRow | None:
        """The other event of a leading row's packet."""
        return self._mates.get(row)

    def leader(self, row: FlowRow) -> FlowRow:
        """The row that a row is the mate of, or itself. Looks at all pairs: for once in a while."""
        return next((leader for leader, mate in self._mates.items() if mate is row), row)

    def mates(self, leaders: Iterable[FlowRow]) -> list[FlowRow]:
        """The other events of all these."""
        return [self._mates[row] for row in leaders if row in self._mates] if self._mates else []

    def forget(self, leaders: Iterable[FlowRow]) -> None:
        """These rows are not kept any more."""
        if self._mates:
            for row in leaders:
                self._mates.pop(row, None)

    def take_grown(self) -> list[FlowRow]:
        """Leading rows that found their mate since the last call."""
        grown, self._grown = self._grown, []
        return grown

    def _joins(self, row: FlowRow) -> bool:
        kind = row.event_type
        if kind not in _KINDS:
            return False
        what = (
            row.node,
            row.protocol,
            row.source_ip,
            row.source_port,
            row.destination_ip,
            row.destination_port,
            row.flags,
        )
        others = self._waiting.pop(what, [])
        near = (o for o in others if o.event_type != kind and abs(row.time_ns - o.time_ns) < SAME_PACKET_NS)
        leader = next(near, None)
        if leader is not None:
            others.remove(leader)
            self._mates[leader] = row
            self._grown.append(leader)
        else:
            others.append(row)
        if others:
            self._waiting[what] = others[-_EACH:]  # popped and put back: the dict stays in order of use
        if len(self._waiting) > _WAITING:
            del self._waiting[next(iter(self._waiting))]
        return leader is not None
