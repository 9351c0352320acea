"""Flow events in the shape a real agent gives them, field by field as recorded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.datapath.identity import Party
from meshtui.sim.datapath.policy import Decision
from meshtui.sim.datapath.view import View
from meshtui.sim.relay.ring import Template

FLAG_ORDER = ("SYN", "ACK", "RST", "FIN", "PSH", "URG", "ECE", "CWR", "NS")
"""Hubble prints `ACK, FIN` and `SYN, ACK`; see `summary`."""
TRACE, DROP, VERDICT, L7 = 4, 1, 5, 129
SUB_TYPE: dict[int, int] = {
    pb.TO_ENDPOINT: 0, pb.TO_PROXY: 1, pb.TO_HOST: 2, pb.TO_STACK: 3, pb.TO_OVERLAY: 4, pb.TO_NETWORK: 11,
}  # fmt: skip
DROP_LINES: dict[int, int] = {pb.EGRESS: 1663, pb.INGRESS: 2410}
"""Lines of bpf_lxc.c in the recorded build at which policy drops are reported."""
TELLS_MORE = (1, 18)
"""Versions whose flows say who emitted them, where in the program a drop is, and a policy's log (recorded)."""
OVERLAY = ("cilium_vxlan", 5)


@dataclass(frozen=True)
class Packet:
    """One packet between two parties, addresses after service translation."""

    source: Party
    destination: Party
    protocol: str
    source_port: int
    destination_port: int
    flags: tuple[str, ...] = ()
    reply: bool = False
    xlated: str = ""
    """Service address the client knows its peer by; on replies only."""


@dataclass(frozen=True)
class Observer:
    """A node's agent: what it knows and what it is called."""

    known: View
    node: str

    @property
    def name(self) -> str:
        """`cluster/node`."""
        return f"{self.known.name}/{self.node}"

    def owns(self, party: Party) -> bool:
        """Whether the party is an endpoint of this node."""
        return party.is_pod and party.cluster == self.known.name and party.node == self.node


@lru_cache(maxsize=4096)
def mac(*parts: str) -> str:
    """A stable locally administered address."""
    text = "/".join(parts).encode()
    number = zlib.crc32(text) << 16 | zlib.adler32(text) & 0xFFFF
    octets = [(number >> shift) & 0xFF for shift in range(40, -1, -8)]
    octets[0] = octets[0] & 0xFE | 0x02
    return ":".join(f"{octet:02x}" for octet in octets)


def veth(party: Party) -> tuple[str, int]:
    """Name and index of the host's end of a pod's cable."""
    number = zlib.crc32(f"{party.cluster}/{party.namespace}/{party.pod}".encode())
    return f"lxc{number:08x}{number & 0xFFFF:04x}", 7 + 2 * (party.endpoint_id % 500)


def _endpoint(into: pb.Endpoint, party: Party, observer: Observer) -> None:
    into.identity = party.identity
    into.labels.extend(party.labels)
    if not party.is_pod:
        return
    into.cluster_name = party.cluster
    into.namespace = party.namespace
    into.pod_name = party.pod
    if observer.owns(party):
        into.ID = party.endpoint_id
        into.workloads.add(name=party.workload[0], kind=party.workload[1])


def _base(observer: Observer, packet: Packet) -> pb.Flow:
    flow = pb.Flow(Type=pb.L3_L4, node_name=observer.name)
    if observer.known.version >= TELLS_MORE:
        flow.emitter.name = "Hubble"
    flow.IP.source, flow.IP.destination = packet.source.ip, packet.destination.ip
    flow.IP.ipVersion = pb.IPv6 if ":" in packet.source.ip else pb.IPv4
    ports = {"source_port": packet.source_port, "destination_port": packet.destination_port}
    if packet.protocol == "TCP":
        flow.l4.TCP.CopyFrom(pb.TCP(**ports, flags=pb.TCPFlags(**dict.fromkeys(packet.flags, True))))
    else:
        flow.l4.UDP.CopyFrom(pb.UDP(**ports))
    _endpoint(flow.source, packet.source, observer)
    _endpoint(flow.destination, packet.destination, observer)
    node = observer.known.node(observer.node) or {"metadata": {}}
    labels = node["metadata"].get("labels") or {}
    flow.node_labels.extend(f"{k}={v}" for k, v in sorted(labels.items()))
    flow.Summary = summary(packet)
    return flow


def summary(packet: Packet) -> str:
    """Text the official CLI prints as is."""
    if packet.protocol != "TCP":
        return packet.protocol
    return "TCP Flags: " + ", ".join(flag for flag in FLAG_ORDER if flag in packet.flags)


def _ethernet(flow: pb.Flow, party: Party, *, delivered: bool) -> None:
    """A packet carries the pod's address and its cable's host end: towards it or from it."""
    pod, cable = mac(party.cluster, party.namespace, party.pod), mac("lxc", party.cluster, party.namespace, party.pod)
    flow.ethernet.source, flow.ethernet.destination = (cable, pod) if delivered else (pod, cable)


def trace(observer: Observer, packet: Packet, point: int, *, reason: int, direction: int = pb.EGRESS) -> Template:
    """A packet passing an observation point."""
    flow = _base(observer, packet)
    flow.verdict = pb.FORWARDED
    flow.event_type.type, flow.event_type.sub_type = TRACE, SUB_TYPE[point]
    flow.traffic_direction = direction  # type: ignore[assignment]
    flow.trace_observation_point = point  # type: ignore[assignment]
    flow.trace_reason = reason  # type: ignore[assignment]
    _set_reply(flow, packet.reply)
    delivered = point == pb.TO_ENDPOINT or (point == pb.TO_PROXY and packet.reply)
    _ethernet(flow, packet.destination if delivered else packet.source, delivered=delivered)
    if delivered:
        flow.interface.name, flow.interface.index = veth(packet.destination)
    elif point == pb.TO_OVERLAY:
        flow.interface.name, flow.interface.index = OVERLAY
    if packet.xlated:
        flow.IP.source_xlated = packet.xlated
    return Template(flow)


def proxied(observer: Observer, packet: Packet, proxy_port: int) -> Template:
    """The first packet on its way into the proxy."""
    flow = trace(observer, packet, pb.TO_PROXY, reason=pb.NEW).flow
    flow.proxy_port = proxy_port
    return Template(flow)


def _set_reply(flow: pb.Flow, reply: bool) -> None:
    flow.is_reply.value = reply
    flow.reply = reply


def verdict(observer: Observer, packet: Packet, direction: int, decision: Decision) -> Template:
    """A policy verdict: named policies on what is allowed, nothing on a default deny."""
    flow = _base(observer, packet)
    flow.event_type.type = VERDICT
    flow.traffic_direction = direction  # type: ignore[assignment]
    flow.policy_match_type = decision.match
    ingress = direction == pb.INGRESS
    _ethernet(flow, packet.destination if ingress else packet.source, delivered=ingress)
    if decision.allowed:
        flow.verdict = pb.REDIRECTED if decision.proxied else pb.FORWARDED
        flow.is_reply.value = False
        if observer.known.version >= TELLS_MORE:
            flow.policy_log.append("")
        named = flow.ingress_allowed_by if ingress else flow.egress_allowed_by
    else:
        flow.verdict = pb.DROPPED
        _refuse(flow, decision.reason)
        named = flow.ingress_denied_by if ingress else flow.egress_denied_by
    revision = observer.known.revision
    for source in decision.sources:
        named.add(
            name=source.name, namespace=source.namespace, labels=source.labels, revision=revision, kind=source.kind
        )
    if decision.derived:
        named.add(labels=[decision.derived], revision=revision)
    return Template(flow)


def drop(observer: Observer, packet: Packet, direction: int, reason: int, line: int = 0) -> Template:
    """A packet that ends here."""
    flow = _base(observer, packet)
    flow.verdict = pb.DROPPED
    flow.event_type.type, flow.event_type.sub_type = DROP, reason
    flow.traffic_direction = direction  # type: ignore[assignment]
    _refuse(flow, reason)
    ingress = direction == pb.INGRESS
    _ethernet(flow, packet.destination if ingress else packet.source, delivered=ingress)
    if observer.known.version >= TELLS_MORE:
        flow.file.name, flow.file.line = "bpf_lxc.c", line or DROP_LINES[direction]
    return Template(flow)


def _refuse(flow: pb.Flow, reason: int) -> None:
    flow.drop_reason = reason
    flow.drop_reason_desc = reason  # type: ignore[assignment]


@dataclass(frozen=True)
class Dns:
    """A DNS message as the proxy logs it."""

    query: str
    qtype: str
    response: bool = False
    ips: tuple[str, ...] = ()
    ttl: int = 4294967295
    """What the proxy writes for an answer without records."""
    rcode: int = 0


RCODES = {2: "Server Failure", 3: "Non-Existent Domain", 5: "Query Refused"}


def dns(observer: Observer, packet: Packet, message: Dns, *, refused: bool = False) -> Template:
    """A DNS request or answer seen by the DNS proxy."""
    flow = _base(observer, packet)
    flow.Type = pb.L7
    flow.verdict = pb.DROPPED if refused else pb.FORWARDED
    flow.event_type.type = L7
    flow.traffic_direction = pb.EGRESS
    _set_reply(flow, message.response)
    flow.l7.type = pb.RESPONSE if message.response else pb.REQUEST
    record = flow.l7.dns
    record.query, record.observation_source = message.query, "proxy"
    record.qtypes.append(message.qtype)
    flow.Summary = f"DNS Query {message.query} {message.qtype}"
    if message.response:
        record.ttl, record.rcode = message.ttl, message.rcode
        record.ips.extend(message.ips)
        if message.ips:
            record.rrtypes.append(message.qtype)
        answer = ",".join(f'"{ip}"' for ip in message.ips)
        if message.rcode:
            answer = f"RCode: {RCODES.get(message.rcode, str(message.rcode))}"
        flow.Summary = f"DNS Answer {answer} TTL: {message.ttl} (Proxy {message.query} {message.qtype})"
    return Template(flow)


@dataclass(frozen=True)
class Http:
    """An HTTP message as the proxy logs it."""

    method: str
    url: str
    code: int = 0
    latency_ns: int = 0


def http(observer: Observer, packet: Packet, message: Http, direction: int, *, refused: bool = False) -> Template:
    """An HTTP request, or with a code the response, seen by Envoy."""
    flow = _base(observer, packet)
    flow.Type = pb.L7
    flow.verdict = pb.DROPPED if refused else pb.FORWARDED
    flow.event_type.type = L7
    flow.traffic_direction = direction  # type: ignore[assignment]
    _set_reply(flow, bool(message.code))
    flow.l7.type = pb.RESPONSE if message.code else pb.REQUEST
    flow.l7.latency_ns = message.latency_ns
    flow.l7.http.CopyFrom(pb.HTTP(code=message.code, method=message.method, url=message.url, protocol="HTTP/1.1"))
    flow.Summary = f"HTTP/1.1 {message.method} {message.url}"
    if message.code:
        flow.Summary = f"HTTP/1.1 {message.code} {message.latency_ns // 1_000_000}ms ({message.method} {message.url})"
    return Template(flow)
