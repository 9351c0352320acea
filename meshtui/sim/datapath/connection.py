"""What every observing node reports of one connection, packet by packet, in the recorded order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath import events
from meshtui.sim.datapath.events import Observer, Packet
from meshtui.sim.datapath.identity import Party
from meshtui.sim.datapath.policy import Decision
from meshtui.sim.relay.ring import Template

Step = tuple[float, Observer, Template]
"""Seconds after the connection's start, who saw it, what."""
HOP = 0.00004
"""Seconds between two observations on one node."""
ANSWER = 0.0004
"""Seconds a server takes to answer."""
AGGREGATION = 5.0
"""Seconds for which a packet like the last is not told again (monitor-aggregation-interval)."""
LAST_ANSWER, TIMER = 40.0, 1.026
"""A SYN is answered in vain until so many seconds after it (tcp_synack_retries 5), on timers that run a little slow."""


@dataclass(frozen=True)
class Connection:
    """Two parties, a service port, what policy says on both sides and how far apart they are."""

    client: Observer
    server: Observer
    source: Party
    destination: Party
    protocol: str
    source_port: int
    destination_port: int
    egress: Decision
    ingress: Decision
    service_ip: str = ""
    """Address the client used, when it used a Service."""
    latency: float = 0.00012
    """Seconds from the client's node to the server's."""
    cut: bool = False
    """Whether packets vanish on the way."""
    latency_back: float = 0.00012
    """Seconds from the server's node to the client's."""
    cut_back: bool = False
    """Whether what comes back vanishes on the way."""

    @property
    def remote(self) -> bool:
        """Whether it leaves the node."""
        return (self.client.known.name, self.client.node) != (self.server.known.name, self.server.node)

    @property
    def there(self) -> float:
        """Seconds to the server."""
        return self.latency if self.remote else 0.0

    @property
    def home(self) -> float:
        """Seconds back."""
        return self.latency_back if self.remote else 0.0

    @property
    def answered(self) -> float:
        """Seconds from the first SYN until the answer to an HTTP request is there: two round trips."""
        return 4 * HOP + 2 * (self.there + self.home) + 2 * ANSWER

    def packet(self, *flags: str, reply: bool = False) -> Packet:
        """One packet of it."""
        if reply:
            return Packet(
                self.destination, self.source, self.protocol, self.destination_port, self.source_port, flags, True
            )
        return Packet(self.source, self.destination, self.protocol, self.source_port, self.destination_port, flags)


def opening(link: Connection) -> Iterator[Step]:
    """The first packet, up to where policy stops it; without a stop it arrives."""
    first = link.packet("SYN") if link.protocol == "TCP" else link.packet()
    if link.egress.enforced:
        yield 0.0, link.client, events.verdict(link.client, first, pb.EGRESS, link.egress)
    if not link.egress.allowed:
        yield HOP / 10, link.client, events.drop(link.client, first, pb.EGRESS, link.egress.reason)
        return
    if link.remote:
        yield HOP / 10, link.client, events.trace(link.client, first, pb.TO_OVERLAY, reason=pb.NEW)
    if link.cut:
        return
    at = HOP + link.there
    if link.ingress.enforced:
        yield at, link.server, events.verdict(link.server, first, pb.INGRESS, link.ingress)
    if not link.ingress.allowed:
        yield at + HOP / 10, link.server, events.drop(link.server, first, pb.INGRESS, link.ingress.reason)
        return
    yield at + HOP / 5, link.server, events.trace(link.server, first, pb.TO_ENDPOINT, reason=pb.NEW)


def forward(link: Connection, at: float, *flags: str) -> Iterator[Step]:
    """A later packet from the client."""
    packet = link.packet(*flags)
    if link.remote:
        yield at, link.client, events.trace(link.client, packet, pb.TO_OVERLAY, reason=pb.ESTABLISHED)
        if link.cut:
            return
        at += link.latency
    yield at, link.server, events.trace(link.server, packet, pb.TO_ENDPOINT, reason=pb.ESTABLISHED)


def back(link: Connection, at: float, *flags: str) -> Iterator[Step]:
    """A packet from the server; at the client's end it shows the service's address it is translated to."""
    packet = link.packet(*flags, reply=True)
    if link.remote:
        yield at, link.server, events.trace(link.server, packet, pb.TO_OVERLAY, reason=pb.REPLY, direction=pb.INGRESS)
        if link.cut_back:
            return
        at += link.latency_back
    shown = replace(packet, xlated=link.service_ip)
    yield at, link.client, events.trace(link.client, shown, pb.TO_ENDPOINT, reason=pb.REPLY)


def http_exchange(link: Connection) -> Iterator[Step]:
    """A complete TCP connection with one request and its answer, as curl makes it."""
    yield from opening(link)
    at = 2 * HOP + link.there
    yield from back(link, at, "SYN", "ACK")
    at += link.home + HOP
    yield from forward(link, at, "ACK")
    at += HOP
    yield from forward(link, at, "PSH", "ACK")
    at += link.there + ANSWER
    yield from back(link, at, "PSH", "ACK")
    at += link.home + ANSWER
    yield from forward(link, at, "FIN", "ACK")
    at += link.there + HOP
    yield from back(link, at, "FIN", "ACK")
    at += link.home + HOP
    yield from forward(link, at, "ACK")


def unfinished(link: Connection, *, question: bool, rest: bool) -> Iterator[Step]:
    """A connection that opens, and whose request (or else whose answer) is too large to arrive.

    `rest`: whether it took several packets, of which the last, a small one, does arrive.
    """
    yield from opening(link)
    at = 2 * HOP + link.there
    yield from back(link, at, "SYN", "ACK")
    at += link.home + HOP
    yield from forward(link, at, "ACK")
    yield from forward(replace(link, cut=question and not rest), at + HOP, "PSH", "ACK")
    if not question:
        yield from back(replace(link, cut_back=not rest), at + HOP + link.there + ANSWER, "PSH", "ACK")


def refusal(link: Connection) -> Iterator[Step]:
    """A SYN that reaches a pod with nothing on that port, and the reset that comes back."""
    yield from opening(link)
    yield from back(link, 2 * HOP + link.there, "ACK", "RST")


def datagrams(link: Connection) -> Iterator[Step]:
    """A question and its answer over UDP; further datagrams of the pair are aggregated away."""
    yield from opening(link)
    yield from back(link, 3 * HOP + link.there)


def probe(host: Observer, source: Party, pod: Party, ports: tuple[int, int], decision: Decision) -> Iterator[Step]:
    """A kubelet's HTTP probe: the node's own host identity talking to its pod."""
    link = Connection(host, host, source, pod, "TCP", *ports, Decision(True, enforced=False), decision)
    yield from opening(link)

    def answer(at: float, *flags: str) -> Step:
        packet = link.packet(*flags, reply=True)
        return at, host, events.trace(host, packet, pb.TO_STACK, reason=pb.REPLY, direction=pb.INGRESS)

    yield answer(2 * HOP, "SYN", "ACK")
    yield from forward(link, 3 * HOP, "ACK")
    yield from forward(link, 3 * HOP + ANSWER, "PSH", "ACK")
    yield answer(3 * HOP + 2 * ANSWER, "PSH", "FIN", "ACK")
    yield from forward(link, 4 * HOP + 2 * ANSWER, "FIN", "ACK")
    yield answer(5 * HOP + 2 * ANSWER, "ACK")


def unheard(host: Observer, source: Party, pod: Party, ports: tuple[int, int], decision: Decision) -> Iterator[Step]:
    """A kubelet's probe of a port at which nobody listens: its SYN, and the reset that comes back."""
    link = Connection(host, host, source, pod, "TCP", *ports, Decision(True, enforced=False), decision)
    yield from opening(link)
    reset = link.packet("ACK", "RST", reply=True)
    yield 2 * HOP, host, events.trace(host, reset, pb.TO_STACK, reason=pb.REPLY, direction=pb.INGRESS)


def retransmits(within: float) -> list[float]:
    """Seconds at which SYNs of an unanswered connection leave (Linux: 1, 3, 7 … after the first)."""
    found, at, step = [0.0], 0.0, 1.0
    while at + step < within:
        at += step
        found.append(at)
        step *= 2
    return found


def _told_again(times: list[float]) -> list[float]:
    """Those of a packet's repetitions that are told: monitor aggregation keeps quiet for AGGREGATION seconds."""
    told: list[float] = []
    for at in times:
        if not told or at - told[-1] >= AGGREGATION:
            told.append(at)
    return told


def unanswered(
    link: Connection, within: float, *, jitter: float, lost: Callable[[], bool] = lambda: False
) -> Iterator[Step]:
    """A connection that is never answered. The whole opening is told once; then each retransmission that is refused,
    and of others those that come long enough after the last.

    What answers a SYN in vain repeats its answer, however long ago the client gave up. `lost`: whether a packet that
    is on its way now is lost by chance.
    """
    first = list(opening(link))
    denied = not link.egress.allowed or not link.ingress.allowed
    times = retransmits(within)
    told, arrived = set(_told_again(times)), False
    for count, at in enumerate(times):
        late = at + (jitter if count else 0.0)
        gone = link.remote and lost()
        arrived = arrived or not gone
        for offset, observer, template in first:
            if gone and observer == link.server:
                continue
            if not count or (template.flow.verdict == pb.DROPPED if denied else at in told):
                yield late + offset, observer, template
    if link.cut_back and not link.cut and not denied and arrived:
        answer = list(back(link, 2 * HOP + link.there, "SYN", "ACK"))
        for at in _told_again(retransmits(LAST_ANSWER)):
            for offset, observer, template in answer:
                yield at * TIMER + offset, observer, template
