"""Pairs the events of one connection: verdict and drop, retransmissions, both nodes' sightings, replies."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter

from msgspec import Struct, field

from meshtui.core.flows.flow import FlowRow, Verdict

IDLE_NS = 120_000_000_000
"""A 5-tuple silent for this long and seen again is another connection."""
_SAME_PACKET_NS = 500_000_000
"""Sightings of one packet on all nodes, clocks of the nodes included; TCP's first retransmission comes after 1 s."""
DEFAULT_LIMIT = 20_000
_time_of = attrgetter("time_ns")
_LOOKED_AT = 2
"""Times as many of those used last are put in order as are listed: events come nearly in order."""

ConnectionKey = tuple[str, str, int, str, int]
"""Protocol and both ends, the smaller (address, port) first, so that both directions agree."""


def connection_key(row: FlowRow) -> ConnectionKey | None:
    """The 5-tuple of a row without its direction; None for what has no addresses."""
    source, destination = row.source_ip, row.destination_ip
    if not (source and destination):
        return None
    port, other = row.source_port, row.destination_port
    if source < destination or (source == destination and port <= other):
        return row.protocol, source, port, destination, other
    return row.protocol, destination, other, source, port


def is_syn(row: FlowRow) -> bool:
    """A TCP packet that asks for a connection."""
    return row.flags == "SYN"


class Packet(Struct):
    """One packet and everywhere it was seen."""

    first: FlowRow
    events: list[FlowRow]

    @property
    def dropped(self) -> bool:
        """Whether any sighting says it was dropped."""
        return any(row.verdict == Verdict.DROPPED for row in self.events)


class Connection(Struct, eq=False):
    """All events of one connection, oldest first; `first` tells who asked whom."""

    key: ConnectionKey
    events: list[FlowRow] = field(default_factory=list)
    closed: bool = False
    """A FIN or RST was seen."""

    @property
    def first_ns(self) -> int:
        """Time of the oldest event."""
        return self.events[0].time_ns

    @property
    def last_ns(self) -> int:
        """Time of the newest event."""
        return self.events[-1].time_ns

    @property
    def opener(self) -> FlowRow:
        """The event that tells client from server: one conntrack knows, else a SYN, else the oldest."""
        events = self.events
        known = next((row for row in events if row.is_reply is False), None)
        return known or next((row for row in events if is_syn(row)), events[0])

    @property
    def client_is_source(self) -> bool:
        """Whether `opener`'s source is the client: true, but for a connection known by its replies alone."""
        return self.opener.is_reply is not True

    @property
    def nodes(self) -> tuple[str, ...]:
        """Nodes that saw it, in order of their first sighting."""
        return tuple(dict.fromkeys(row.node for row in self.events))

    @property
    def drops(self) -> list[FlowRow]:
        """Events that say a packet was dropped."""
        return [row for row in self.events if row.verdict == Verdict.DROPPED]

    @property
    def verdict(self) -> Verdict:
        """DROPPED when any packet was, else the first event's."""
        if self.drops:
            return Verdict.DROPPED
        number = self.opener.verdict
        return Verdict(number) if number in Verdict._value2member_map_ else Verdict.UNKNOWN

    @property
    def drop_reason(self) -> int:
        """Reason of the first drop; 0 without one."""
        return next((row.drop_reason for row in self.drops if row.drop_reason), 0)

    @property
    def answered(self) -> bool:
        """Whether anything came back: a reply by conntrack's account, or a packet from the server."""
        opener = self.opener
        return any(
            row.is_reply is True or (row.source_ip, row.source_port) != (opener.source_ip, opener.source_port)
            for row in self.events
            if row.verdict != Verdict.DROPPED
        )

    @property
    def attempts(self) -> int:
        """How many SYNs were sent: one, and its retransmissions."""
        return sum(is_syn(packet.first) for packet in self.packets())

    @property
    def unanswered(self) -> int:
        """SYNs nobody answered: all of them, or none once an answer was seen."""
        return 0 if self.answered else self.attempts

    def packets(self) -> list[Packet]:
        """The events folded to packets: the same packet is seen by several hooks and nodes within half a second.

        A second sighting by the same hook of the same node is another packet.
        """
        packets: list[Packet] = []
        seen: dict[tuple[object, ...], tuple[Packet, set[tuple[object, ...]]]] = {}
        for row in self.events:
            what = (row.source_ip, row.source_port, row.flags, row.l7, row.icmp_type)
            hook = (row.node, row.event_type, row.sub_type, row.extra.interface)
            known = seen.get(what)
            if known and hook not in known[1] and row.time_ns - known[0].first.time_ns < _SAME_PACKET_NS:
                known[0].events.append(row)
                known[1].add(hook)
                continue
            packet = Packet(row, [row])
            packets.append(packet)
            seen[what] = packet, {hook}
        return packets


_last_of = attrgetter("last_ns")


class Connections:
    """Connections by 5-tuple, fed with rows in any order; the ones idle longest leave when there are too many."""

    def __init__(self, limit: int = DEFAULT_LIMIT, events_each: int = 2_000) -> None:
        self._limit = limit
        self._events_each = events_each
        self._current: dict[ConnectionKey, Connection] = {}
        self._past: dict[ConnectionKey, list[Connection]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Connection]:
        for connections in self._past.values():
            yield from connections
        yield from self._current.values()

    def newest(self, count: int, wanted: Callable[[Connection], bool]) -> list[Connection]:
        """Up to `count` of those wanted by time of their last event, the newest last.

        They are looked for from the one used last on, so that not all of twenty thousand are put in order every time.
        """
        found = list(islice(filter(wanted, reversed(self._current.values())), _LOOKED_AT * count))
        earlier = [each for past in self._past.values() for each in past if wanted(each)]
        return sorted([*earlier, *reversed(found)], key=_last_of)[-count:]

    def add(self, rows: Iterable[FlowRow]) -> set[ConnectionKey]:
        """Take rows in. Returns the 5-tuples that changed."""
        changed = set()
        for row in rows:
            key = connection_key(row)
            if key is not None:
                self._add(key, row)
                changed.add(key)
        return changed

    def _add(self, key: ConnectionKey, row: FlowRow) -> None:
        connection = self._current.pop(key, None)  # and put back: the dict stays in order of use
        if connection is not None:
            events, at = connection.events, row.time_ns
            if events[0].time_ns - at > IDLE_NS:
                self._current[key] = connection
                self._add_late(key, row)
                return
            silent = at - events[-1].time_ns
            if silent > IDLE_NS or (silent > 0 and connection.closed and is_syn(row)):
                self._past.setdefault(key, []).append(connection)
                connection = None
        if connection is None:
            connection = Connection(key)
            self._count += 1
        self._current[key] = connection
        self._take(connection, row)
        while self._count > self._limit:
            self._forget_oldest()

    def _add_late(self, key: ConnectionKey, row: FlowRow) -> None:
        """A row of an earlier use of the 5-tuple that comes after the later one began."""
        earlier = self._past.setdefault(key, [])
        near = [c for c in earlier if c.first_ns - IDLE_NS <= row.time_ns <= c.last_ns + IDLE_NS]
        if not near:
            near = [Connection(key)]
            earlier += near
            self._count += 1
        self._take(near[0], row)

    def _take(self, connection: Connection, row: FlowRow) -> None:
        events = connection.events
        if not events or row.time_ns >= events[-1].time_ns:
            events.append(row)
        else:
            insort(events, row, key=_time_of)
        if len(events) > self._events_each:
            del events[0]
        if not connection.closed:
            connection.closed = "FIN" in row.flags or "RST" in row.flags

    def _forget_oldest(self) -> None:
        if self._past:
            key = next(iter(self._past))
            past = self._past[key]
            past.pop(0)
            if not past:
                del self._past[key]
        else:
            del self._current[next(iter(self._current))]
        self._count -= 1

    def of(self, row: FlowRow) -> Connection | None:
        """The connection a row belongs to."""
        key = connection_key(row)
        if key is None:
            return None
        candidates = [*self._past.get(key, ()), *([self._current[key]] if key in self._current else [])]
        return next((c for c in candidates if c.first_ns <= row.time_ns <= c.last_ns), None)


def connection_of(row: FlowRow, rows: Iterable[FlowRow]) -> Connection | None:
    """The connection of `row` among `rows`, for when no `Connections` is kept; None without addresses."""
    key = connection_key(row)
    if key is None:
        return None
    found = Connections()
    found.add([other for other in rows if connection_key(other) == key])
    if found.of(row) is None:
        found.add([row])
    return found.of(row)
