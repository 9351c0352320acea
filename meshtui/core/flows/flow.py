"""One Hubble flow as meshtui keeps it: a slotted row of interned strings, never a protobuf message.

Numbers are Hubble's own (flow.proto): see `Verdict`, `EventType`, `Direction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from msgspec import Struct


class Verdict(IntEnum):
    """flow.Verdict."""

    UNKNOWN = 0
    FORWARDED = 1
    DROPPED = 2
    ERROR = 3
    AUDIT = 4
    REDIRECTED = 5
    TRACED = 6
    TRANSLATED = 7


class EventType(IntEnum):
    """flow.event_type.type."""

    UNSPEC = 0
    DROP = 1
    DEBUG = 2
    CAPTURE = 3
    TRACE = 4
    POLICY_VERDICT = 5
    TRACE_SOCK = 7
    L7 = 129
    AGENT = 130


class Direction(IntEnum):
    """flow.TrafficDirection."""

    UNKNOWN = 0
    INGRESS = 1
    EGRESS = 2


class Peer(Struct, frozen=True, eq=False):
    """One side of a flow. Rows share these: the same pod is the same object where possible."""

    identity: int = 0
    cluster: str = ""
    """Cilium cluster name; empty for reserved identities."""
    namespace: str = ""
    pod: str = ""
    workload: str = ""
    labels: tuple[str, ...] = ()
    endpoint_id: int = 0
    workload_kind: str = ""
    """`Deployment`, `DaemonSet`, …; known, like the workload, only where the observing node runs the pod."""


class PolicyRef(Struct, frozen=True):
    """A policy a verdict names."""

    name: str
    namespace: str
    kind: str
    labels: tuple[str, ...] = ()


class FlowExtra(Struct, frozen=True):
    """What few flows carry; rows share these where they are equal."""

    source_mac: str = ""
    """Only for packets without an IP header."""
    destination_mac: str = ""
    xlate_point: int = 0
    """flow.SocketTranslationPoint: 1 pre-fwd, 2 post-fwd, 3 pre-rev, 4 post-rev."""
    capture_point: int = 0
    auth_type: int = 0
    ip_trace_id: int = 0
    trace_id: str = ""
    interface: str = ""
    encrypted: bool = False
    source_ip_xlated: str = ""
    http_method: str = ""
    http_url: str = ""
    http_protocol: str = ""
    http_headers: tuple[tuple[str, str], ...] = ()
    latency_ns: int = 0


NO_EXTRA = FlowExtra()


@dataclass(slots=True, eq=False)
class FlowRow:
    """One flow. Strings are as the cluster sent them: clean them before they reach a screen."""

    time_ns: int
    """Nanoseconds since the epoch, as the observing node's clock had it."""
    uuid: str
    node: str
    """`cluster/node` that saw it."""
    verdict: int
    event_type: int
    sub_type: int
    direction: int
    is_reply: bool | None
    source: Peer
    destination: Peer
    source_ip: str
    destination_ip: str
    protocol: str
    """`TCP`, `UDP`, `ICMPv4`, … or empty."""
    source_port: int
    destination_port: int
    flags: str
    """TCP flags as Hubble's summary orders them, `SYN, ACK`; empty otherwise."""
    summary: str
    drop_reason: int = 0
    match_type: int = 0
    observation_point: int = 0
    source_service: str = ""
    """`namespace/name` or empty."""
    destination_service: str = ""
    source_names: tuple[str, ...] = ()
    destination_names: tuple[str, ...] = ()
    l7: str = ""
    """`http-request`, `http-response`, `dns-request proxy`, … as the compact line names it; empty if not L7."""
    http_status: int = 0
    dns_query: str = ""
    allowed_by: tuple[PolicyRef, ...] = ()
    denied_by: tuple[PolicyRef, ...] = ()
    received: str = ""
    """Context whose Relay or agents delivered it."""
    raw: bytes = b""
    """The encoded GetFlowsResponse, for the detail pane and export."""
    extra: FlowExtra = NO_EXTRA
    node_labels: tuple[str, ...] = ()
    """Labels of the observing node, when they were asked for."""
    icmp_type: int = -1
    """ICMP type of ICMPv4 and ICMPv6 packets, -1 otherwise."""
