"""The hubble CLI's compact line of a flow, character by character (cilium/hubble/pkg/printer)."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from meshtui.core import dropreason, identity
from meshtui.core.flow import EventType, FlowRow, Peer, Verdict
from meshtui.core.text import clean

TRACE_POINTS = (
    "to-endpoint",
    "to-proxy",
    "to-host",
    "to-stack",
    "to-overlay",
    "from-endpoint",
    "from-proxy",
    "from-host",
    "from-stack",
    "from-overlay",
    "from-network",
    "to-network",
    "from-crypto",
    "to-crypto",
)
"""Observation points as the monitor numbers them: a trace event's sub_type."""
MATCH_TYPES = ("none", "L3-Only", "L3-L4", "L4-Only", "all", "L3-Proto", "Proto-Only")
DIRECTIONS = ("TRAFFIC_DIRECTION_UNKNOWN", "INGRESS", "EGRESS")
VERDICTS = {int(v): v.name for v in Verdict} | {0: "VERDICT_UNKNOWN"}
_POLICY_VERDICTS = {1: "ALLOWED", 5: "ALLOWED", 2: "DENIED", 3: "DENIED", 4: "AUDITED"}
_XLATE_POINTS = {1: "pre-xlate-fwd", 2: "post-xlate-fwd", 3: "pre-xlate-rev", 4: "post-xlate-rev"}
_CAPTURE_POINTS = {
    0: "DBG_CAPTURE_POINT_UNKNOWN",
    4: "DBG_CAPTURE_DELIVERY",
    5: "DBG_CAPTURE_FROM_LB",
    6: "DBG_CAPTURE_AFTER_V46",
    7: "DBG_CAPTURE_AFTER_V64",
    8: "DBG_CAPTURE_PROXY_PRE",
    9: "DBG_CAPTURE_PROXY_POST",
    10: "DBG_CAPTURE_SNAT_PRE",
    11: "DBG_CAPTURE_SNAT_POST",
}
_AUTH_TYPES = {1: "SPIRE", 2: "TEST_ALWAYS_FAIL"}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LINE_LIMIT = 1 << 20


def compact_line(row: FlowRow, *, node: bool = False, numeric: bool = False, policies: bool = False) -> str:
    """The line `hubble observe` prints, control characters made visible.

    `node` is its --print-node-name, `numeric` its --numeric, `policies` its --print-policy-names.
    """
    left = f"{host(row, False, numeric=numeric)} {identity.label(row.source.identity)}"
    right = f"{host(row, True, numeric=numeric)} {identity.label(row.destination.identity)}"
    if row.is_reply:
        left, right = right, left
    arrow = "<>" if row.is_reply is None else "<-" if row.is_reply else "->"
    where = f" [{row.node}]" if node else ""
    line = (
        f"{stamp_milli(row.time_ns)}{where}: {left} {arrow} {right} "
        f"{flow_type(row)} {verdict(row, policies=policies)} ({summary(row)})"
    )
    return clean(line, _LINE_LIMIT)


def stamp_milli(time_ns: int, zone: tzinfo = UTC) -> str:
    """Go's StampMilli, `Nov 23 19:38:15.276`, cut and not rounded; `N/A` for a time that cannot be."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    try:
        at = datetime.fromtimestamp(seconds, zone)
    except (ValueError, OverflowError, OSError):
        return "N/A"
    return f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}.{nanos // 1_000_000:03d}"


def host(row: FlowRow, destination: bool, *, numeric: bool = False) -> str:
    """One side as the CLI names it: pod, else service, else DNS names, else IP; with its port if it has one."""
    peer, ip, port, service, names = _side(row, destination)
    if not (row.source_ip or row.destination_ip):
        return row.extra.destination_mac if destination else row.extra.source_mac
    name = ip
    if not numeric:
        service_namespace, _, service_name = service.partition("/")
        namespace = service_namespace if service else peer.namespace
        if peer.pod:
            name = _join(namespace, peer.pod)
        elif service_name:
            name = _join(namespace, service_name)
        elif names:
            name = ",".join(names)
    if not port:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _side(row: FlowRow, destination: bool) -> tuple[Peer, str, int, str, tuple[str, ...]]:
    if destination:
        return (
            row.destination,
            row.destination_ip,
            row.destination_port,
            row.destination_service,
            row.destination_names,
        )
    return row.source, row.source_ip, row.source_port, row.source_service, row.source_names


def _join(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def flow_type(row: FlowRow) -> str:
    """The TYPE column: `to-endpoint`, `Policy denied`, `policy-verdict:L3-L4 EGRESS`, `http-request`, …"""
    if row.l7:
        return row.l7
    match row.event_type:
        case EventType.TRACE:
            return TRACE_POINTS[row.sub_type] if 0 <= row.sub_type < len(TRACE_POINTS) else str(row.sub_type)
        case EventType.DROP:
            return dropreason.text(row.sub_type)
        case EventType.POLICY_VERDICT:
            return f"policy-verdict:{match_type(row.match_type)} {direction(row.direction)}"
        case EventType.CAPTURE:
            return _CAPTURE_POINTS.get(row.extra.capture_point, str(row.extra.capture_point))
        case EventType.TRACE_SOCK:
            return _XLATE_POINTS.get(row.extra.xlate_point, "UNKNOWN")
        case _:
            return "UNKNOWN"


def match_type(number: int) -> str:
    """What a policy verdict matched on: `none` (default deny or allow), `L3-L4`, …"""
    return MATCH_TYPES[number] if 0 <= number < len(MATCH_TYPES) else "unknown"


def direction(number: int) -> str:
    """flow.TrafficDirection's name, or the number of one that is not known."""
    return DIRECTIONS[number] if 0 <= number < len(DIRECTIONS) else str(number)


def verdict(row: FlowRow, *, policies: bool = False) -> str:
    """The VERDICT column: `FORWARDED`, `DROPPED`; of a policy verdict `ALLOWED`, `DENIED`, `AUDITED`."""
    name = VERDICTS.get(row.verdict, str(row.verdict))
    if row.event_type != EventType.POLICY_VERDICT or row.l7:
        return name
    name = _POLICY_VERDICTS.get(row.verdict, name)
    named = [f"{p.name} ({p.kind})" for p in row.allowed_by + row.denied_by if p.name and p.kind]
    return f"{name} BY {', '.join(named)}" if policies and named else name


def summary(row: FlowRow) -> str:
    """The server's summary with what the CLI puts around it."""
    extra = row.extra
    text = f"IP Trace ID: {extra.ip_trace_id}; {row.summary}" if extra.ip_trace_id else row.summary
    auth = _AUTH_TYPES.get(extra.auth_type)
    return f"{text}; Auth: {auth}" if auth else text
