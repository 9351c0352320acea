"""The pulse of each cluster: drops, requests and latency of the last minutes in buckets, and what was not measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from msgspec import Struct

from meshtui.core.flows import dropreason
from meshtui.core.flows.flow import EventType, FlowRow, Verdict
from meshtui.core.health.tally import BUCKET_SECONDS, Tally
from meshtui.core.health.traffic import Traffic

_BUCKET_NS = BUCKET_SECONDS * 10**9
BUCKETS = 60
"""Buckets of `BUCKET_SECONDS` that are kept: five minutes."""


class Pulse(Struct, frozen=True):
    """One cluster's last minutes: a value for each bucket, oldest first, None where nothing was measured."""

    drops: tuple[int | None, ...] = ()
    """Packets dropped on the cluster's nodes, IPv6 chatter left out."""
    requests: tuple[int | None, ...] = ()
    """TCP connections that the cluster's pods asked for, of pods in any cluster looked at."""
    failed: tuple[int | None, ...] = ()
    """Those of `requests` that came to nothing."""
    latency: tuple[float | None, ...] = ()
    """Median milliseconds from a connection's SYN to its SYN, ACK, as the client's node had it."""
    narrowed: bool = False
    """The servers send only what matches a filter, so `requests` and `latency` are not measured."""

    @property
    def measured(self) -> int:
        """Buckets in which flows of this cluster came."""
        return sum(value is not None for value in self.drops)

    def rate(self, values: tuple[int | None, ...], buckets: int = 12) -> float | None:
        """Per second over the newest full `buckets`; None where none of them was measured."""
        known = [value for value in values[-buckets - 1 : -1] if value is not None]
        return sum(known) / (len(known) * BUCKET_SECONDS) if known else None

    @property
    def latency_ms(self) -> float | None:
        """Median of the newest twelve buckets that have a latency."""
        known = [value for value in self.latency[-13:] if value is not None]
        return median(known) if known else None


class EventCounts:
    """Counts what flows say of each cluster, a bucket after another; bounded, whatever the traffic."""

    def __init__(self) -> None:
        self._buckets: dict[str, deque[list[int]]] = {}
        """Cilium's cluster name → [bucket's number, events, drops], oldest first."""

    def take(self, rows: Iterable[FlowRow]) -> None:
        """Count each event once, in any order; an event older than all that is kept is left out."""
        latest: dict[str, list[int] | None] = {}
        """Node → bucket of its row before: the next one is in the same as a rule."""
        for row in rows:
            number = row.time_ns // _BUCKET_NS
            bucket = latest.get(row.node)
            if bucket is None or bucket[0] != number:
                bucket = latest[row.node] = self._at(row.node.partition("/")[0], number)
            if bucket is not None:
                bucket[1] += 1
                bucket[2] += row.verdict == Verdict.DROPPED and row.event_type == EventType.DROP and not _chatter(row)

    def _at(self, cluster: str, number: int) -> list[int] | None:
        buckets = self._buckets.get(cluster)
        if buckets is None:
            buckets = self._buckets[cluster] = deque(maxlen=BUCKETS)
        if not buckets or buckets[-1][0] < number:
            buckets.append([number, 0, 0])
            return buckets[-1]
        for place in range(len(buckets) - 1, -1, -1):
            if buckets[place][0] == number:
                return buckets[place]
            if buckets[place][0] < number:
                if len(buckets) == BUCKETS:
                    return None
                buckets.insert(place + 1, [number, 0, 0])
                return buckets[place + 1]
        if len(buckets) == BUCKETS:
            return None
        buckets.appendleft([number, 0, 0])
        return buckets[0]

    def of(self, cluster: str, traffic: Traffic, now: float) -> Pulse:
        """The pulse of a cluster by its Cilium name as of `now`, wall time in seconds."""
        last = int(now // BUCKET_SECONDS)
        numbers = range(last - BUCKETS + 1, last + 1)
        heard = {number: drops for number, _, drops in self._buckets.get(cluster, ())}
        drops = tuple(heard.get(number) for number in numbers)
        if traffic.some_only:
            nothing = (None,) * BUCKETS
            return Pulse(drops, nothing, nothing, nothing, narrowed=True)
        asked = _by_bucket(cluster, traffic)
        found = [(number in heard, asked.get(number, ())) for number in numbers]
        return Pulse(
            drops,
            tuple(sum(tally.requests for tally in tallies) if known else None for known, tallies in found),
            tuple(sum(tally.failed for tally in tallies) if known else None for known, tallies in found),
            tuple(_middle([ms for tally in tallies for ms in tally.latencies]) for _, tallies in found),
        )


def _by_bucket(cluster: str, traffic: Traffic) -> dict[int, list[Tally]]:
    """Bucket's number → tallies of the connections that the cluster's pods asked for."""
    found: dict[int, list[Tally]] = {}
    for (client, _), course in traffic.pairs.items():
        if client == cluster:
            for number, tally in course.buckets:
                found.setdefault(number, []).append(tally)
    return found


def _middle(values: list[float]) -> float | None:
    return median(values) if values else None


def _chatter(row: FlowRow) -> bool:
    """Multicast of IPv6 that no cluster without IPv6 takes: of no meaning (`filter.presets.CHATTER`)."""
    return (
        row.protocol == "ICMPv6"
        and row.destination_ip.startswith("ff")
        and row.drop_reason == dropreason.UNSUPPORTED_L3_PROTOCOL
    )
