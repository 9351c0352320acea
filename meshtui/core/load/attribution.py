"""Matches a run's requests with Hubble's flows: by the client's port where curl tells it, else by time and order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from msgspec import Struct, field

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.load.spec import Answer, Request

WINDOW = 1.5
"""Seconds a connection's first flow may lie from the request's beginning, once clocks are compared."""
REUSE = 60.0
"""Seconds after which the same client port is another connection."""
_BILLION = 1e9
DNS_PORT = 53


class Client(Struct, frozen=True):
    """The pod the requests were made from; `cluster` as Cilium calls it."""

    cluster: str
    namespace: str
    pod: str


class Attempt(Struct):
    """One TCP connection the client opened, as flows tell it, oldest row first."""

    port: int
    rows: list[FlowRow] = field(default_factory=list)
    replies: list[FlowRow] = field(default_factory=list)

    @property
    def at(self) -> float:
        """Seconds since the epoch of its first flow, by the node's clock."""
        return (self.rows or self.replies)[0].time_ns / _BILLION

    @property
    def drop(self) -> FlowRow | None:
        """The first drop."""
        return next((row for row in self.rows if row.verdict == Verdict.DROPPED), None)


def attempts(rows: Iterable[FlowRow], client: Client) -> list[Attempt]:
    """The client's TCP connections in order of time, without its questions to DNS."""
    found: list[Attempt] = []
    latest: dict[int, Attempt] = {}
    for row in sorted(rows, key=lambda row: row.time_ns):
        port = _client_port(row, client)
        if port is None:
            continue
        attempt = latest.get(port)
        if attempt is None or row.time_ns / _BILLION - attempt.at > REUSE:
            attempt = latest[port] = Attempt(port)
            found.append(attempt)
        (attempt.replies if row.is_reply else attempt.rows).append(row)
    return found


def _client_port(row: FlowRow, client: Client) -> int | None:
    """The client's port if the row belongs to a connection of it."""
    if row.protocol != "TCP":
        return None
    mine, other = (row.destination, row.source_port) if row.is_reply else (row.source, row.destination_port)
    if mine.pod != client.pod or mine.namespace != client.namespace or other == DNS_PORT:
        return None
    if mine.cluster and client.cluster and mine.cluster != client.cluster:
        return None
    return row.destination_port if row.is_reply else row.source_port


def match(requests: Sequence[Request], found: Sequence[Attempt]) -> dict[int, Attempt]:
    """Request number → its connection, as far as that can be told."""
    matched: dict[int, Attempt] = {}
    for request in requests:
        if request.local_port:
            same = [attempt for attempt in found if attempt.port == request.local_port]
            if same:
                matched[request.number] = min(same, key=lambda a: abs(a.at - request.at) if request.at else -a.at)
    taken = {id(attempt) for attempt in matched.values()}
    free = [attempt for attempt in found if id(attempt) not in taken]
    skew = _skew(requests, matched)
    for request in sorted(requests, key=lambda request: request.number):
        if request.number in matched or not _may_have_connected(request):
            continue
        attempt = _nearest(request, free, skew)
        if attempt is not None:
            matched[request.number] = attempt
            free.remove(attempt)
    return matched


def _may_have_connected(request: Request) -> bool:
    return request.answer is not Answer.DNS_FAILED and not request.local_port


def _begun(request: Request) -> float:
    return request.at - request.seconds


def _skew(requests: Sequence[Request], matched: dict[int, Attempt]) -> float:
    """How far the nodes' clocks are ahead of ours, from requests whose connection is certain."""
    known = [matched[r.number].at - _begun(r) for r in requests if r.number in matched and r.at]
    return median(known) if known else 0.0


def _nearest(request: Request, free: Sequence[Attempt], skew: float) -> Attempt | None:
    if not request.at:
        return free[0] if free else None
    begun = _begun(request) + skew
    close = [attempt for attempt in free if abs(attempt.at - begun) <= WINDOW]
    return min(close, key=lambda attempt: abs(attempt.at - begun), default=None)
