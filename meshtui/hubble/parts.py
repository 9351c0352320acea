"""Decodes the parts of a flow that repeat, each distinct encoding once: endpoints, addresses, headers, policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from meshtui.core.flows.flow import FlowExtra, Peer, PolicyRef
from meshtui.hubble.pb import flow_pb2, skim_pb2

_T = TypeVar("_T")
_CACHE_LIMIT = 50_000
_LONGEST_CACHED = 4096


class PartCache(dict[bytes, _T], Generic[_T]):
    """Encoded part → what it says. Bounded: emptied when full, which costs one decode per part again."""

    def __init__(self, decode: Callable[[bytes], _T], limit: int = _CACHE_LIMIT) -> None:
        super().__init__()
        self._decode = decode
        self._limit = limit

    def __missing__(self, encoded: bytes) -> _T:
        value = self._decode(encoded)
        if len(encoded) <= _LONGEST_CACHED:
            if len(self) >= self._limit:
                self.clear()
            self[encoded] = value
        return value


class Strings(dict[str, str]):
    """Equal strings become one object. Bounded like `PartCache`."""

    def __missing__(self, text: str) -> str:
        if len(text) <= _LONGEST_CACHED:
            if len(self) >= _CACHE_LIMIT:
                self.clear()
            self[text] = text
        return text


class Addresses(NamedTuple):
    """flow.IP."""

    source: str
    destination: str
    encrypted: bool
    source_xlated: str


class Transport(NamedTuple):
    """flow.Layer4."""

    protocol: str
    source_port: int
    destination_port: int
    flags: str
    icmp_type: int


class Application(NamedTuple):
    """flow.Layer7; `name` is the compact line's type."""

    name: str = ""
    status: int = 0
    dns_query: str = ""
    latency_ns: int = 0
    http: tuple[str, str, str, tuple[tuple[str, str], ...]] | None = None
    """method, url, protocol, headers"""


_strings = Strings()
_CLUSTER = "k8s:io.cilium.k8s.policy.cluster="


def peer(encoded: bytes) -> Peer:
    """flow.Endpoint → Peer."""
    endpoint = flow_pb2.Endpoint.FromString(encoded)
    workload = endpoint.workloads[0] if endpoint.workloads else None
    # Cilium before 1.18 has no cluster_name; the identity's own label tells as much.
    cluster = endpoint.cluster_name or next(
        (label.partition("=")[2] for label in endpoint.labels if label.startswith(_CLUSTER)), ""
    )
    return Peer(
        identity=endpoint.identity,
        cluster=_strings[cluster],
        namespace=_strings[endpoint.namespace],
        pod=_strings[endpoint.pod_name],
        workload=_strings[workload.name] if workload else "",
        labels=tuple(_strings[label] for label in endpoint.labels),
        endpoint_id=endpoint.ID,
        workload_kind=_strings[workload.kind] if workload else "",
    )


def addresses(encoded: bytes) -> Addresses:
    """flow.IP → Addresses."""
    ip = flow_pb2.IP.FromString(encoded)
    return Addresses(_strings[ip.source], _strings[ip.destination], ip.encrypted, ip.source_xlated)


_FLAGS = ("SYN", "ACK", "RST", "FIN", "PSH", "URG", "ECE", "CWR", "NS")


def tcp_flags(encoded: bytes) -> str:
    """flow.TCPFlags → `SYN, ACK`."""
    flags = flow_pb2.TCPFlags.FromString(encoded)
    return _strings[", ".join(name for name in _FLAGS if getattr(flags, name))]


def other_transport(layer: skim_pb2.Layer4) -> Transport:
    """What is not TCP: flow.Layer4 → Transport."""
    if layer.HasField("UDP"):
        return Transport("UDP", layer.UDP.source_port, layer.UDP.destination_port, "", -1)
    if layer.HasField("SCTP"):
        return Transport("SCTP", layer.SCTP.source_port, layer.SCTP.destination_port, "", -1)
    if layer.HasField("ICMPv4"):
        return Transport("ICMPv4", 0, 0, "", layer.ICMPv4.type)
    if layer.HasField("ICMPv6"):
        return Transport("ICMPv6", 0, 0, "", layer.ICMPv6.type)
    name = "VRRP" if layer.HasField("VRRP") else "IGMP" if layer.HasField("IGMP") else ""
    return Transport(name, 0, 0, "", -1)


def interface_extra(encoded: bytes) -> FlowExtra:
    """flow.NetworkInterface, of a flow with nothing else out of the ordinary."""
    return FlowExtra(interface=flow_pb2.NetworkInterface.FromString(encoded).name)


def application(encoded: bytes) -> Application:
    """flow.Layer7 → Application."""
    layer = flow_pb2.Layer7.FromString(encoded)
    names = flow_pb2.L7FlowType.keys()
    kind = names[layer.type].lower() if layer.type < len(names) else str(layer.type)
    record = layer.WhichOneof("record")
    if record == "dns":
        name = f"dns-{kind} {layer.dns.observation_source}"
        return Application(_strings[name], 0, _strings[layer.dns.query], layer.latency_ns)
    if record == "http":
        http = layer.http
        headers = tuple((h.key, h.value) for h in http.headers)
        parts = (_strings[http.method], http.url, _strings[http.protocol], headers)
        return Application(_strings[f"http-{kind}"], http.code, "", layer.latency_ns, parts)
    return Application(f"{record or 'l7'}-{kind}", 0, "", layer.latency_ns)


def event(encoded: bytes) -> tuple[int, int]:
    """flow.CiliumEventType → (type, sub_type)."""
    kind = flow_pb2.CiliumEventType.FromString(encoded)
    return kind.type, kind.sub_type


def service(encoded: bytes) -> str:
    """flow.Service → `namespace/name`, empty without a name."""
    found = flow_pb2.Service.FromString(encoded)
    return _strings[f"{found.namespace}/{found.name}"] if found.name else ""


def policy(encoded: bytes) -> PolicyRef:
    """flow.Policy → PolicyRef."""
    found = flow_pb2.Policy.FromString(encoded)
    labels = tuple(_strings[label] for label in found.labels)
    return PolicyRef(found.name, found.namespace, found.kind, labels)
