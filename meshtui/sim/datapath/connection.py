"""What every observing node reports of one connection, packet by packet, in the recorded order."""

from __future__ import annotations

from collections.abc import Iterator
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


def unfinished(link: Connection, *, question: bool) -> Iterator[Step]:
    """A connection that opens, and whose request (or else whose answer) is too large to arrive."""
    yield from opening(link)
    at = 2 * HOP + link.there
    yield from back(link, at, "SYN", "ACK")
    at += link.home + HOP
    yield from forward(link, at, "ACK")
    yield from forward(replace(link, cut=question), at + HOP, "PSH", "ACK")
    if not question:
        yield from back(replace(link, cut_back=True), at + HOP + link.there + ANSWER, "PSH", "ACK")


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


def unanswered(link: Connection, within: float, *, jitter: float) -> Iterator[Step]:
    """A connection that is never answered: the whole opening once, then only what refuses each retransmission."""
    first = list(opening(link))
    if link.cut_back and not link.cut and link.egress.allowed and link.ingress.allowed:
        first += back(link, 2 * HOP + link.there, "SYN", "ACK")
    denied = not link.egress.allowed or not link.ingress.allowed
    for count, at in enumerate(retransmits(within)):
        late = at + (jitter if count else 0.0)
        for offset, observer, template in first:
            if count and not (denied and template.flow.verdict == pb.DROPPED):
                continue
            yield late + offset, observer, template
