"""The hubble CLI's compact line of a flow, character by character (cilium/hubble/pkg/printer)."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from meshtui.core.flows import dropreason
from meshtui.core.flows.flow import EventType, FlowRow, Peer, Verdict
from meshtui.core.flows.times import formatted
from meshtui.core.model import identity
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
_LINE_LIMIT = 1 << 20
_VERDICT_ROLES: dict[int, str] = {
    Verdict.FORWARDED: "forwarded",
    Verdict.REDIRECTED: "forwarded",
    Verdict.DROPPED: "dropped",
    Verdict.ERROR: "dropped",
    Verdict.AUDIT: "audit",
    Verdict.TRACED: "traced",
    Verdict.TRANSLATED: "translated",
}
_AUTH_ROLES = {1: "auth", 2: "auth-fails"}

Paint = Callable[[str, str], str]
"""(role, text) → the text in the role's colour: `host`, `port`, `identity`, a verdict's, `auth`, `auth-fails`."""


class Form(Struct, frozen=True):
    """How flows are printed, in the words of `hubble observe`'s flags."""

    node: bool = False
    """--print-node-name"""
    numeric: bool = False
    """--numeric, --ip-translation=false: addresses instead of names."""
    policies: bool = False
    """--print-policy-names"""
    time: str = "StampMilli"
    """--time-format, one of `flowtime.FORMATS`."""
    clusters: bool = False
    """Ours: both clusters and the observing node are told, too."""
    paint: Paint | None = None
    """--color; None is none."""

    def painted(self, role: str, text: str) -> str:
        """Text in its role's colour; cleaned, since a coloured line cannot be any more."""
        return text if self.paint is None else self.paint(role, clean(text, _LINE_LIMIT))

    def plain(self, text: str) -> str:
        """Text without a colour, in a line that may have some."""
        return text if self.paint is None else clean(text, _LINE_LIMIT)


PLAIN = Form()


def compact_line(row: FlowRow, form: Form = PLAIN) -> str:
    """The line `hubble observe` prints, control characters made visible."""
    left, right = (f"{host(row, at, form)} {_identity(row, at, form)}" for at in (False, True))
    if row.is_reply:
        left, right = right, left
    arrow = "<>" if row.is_reply is None else "<-" if row.is_reply else "->"
    where = f" [{form.plain(row.node)}]" if form.node else ""
    line = (
        f"{formatted(row.time_ns, form.time)}{where}: {left} {arrow} {right} "
        f"{form.plain(flow_type(row))} {verdict(row, form)} ({summary(row, form)})"
    )
    if form.clusters:
        line = f"{line} [{form.plain(clusters(row))}]"
    return line if form.paint else clean(line, _LINE_LIMIT)


def clusters(row: FlowRow) -> str:
    """`koornacht → tion, seen by koornacht/worker`: from client to server, as the line itself reads."""
    ends = row.source.cluster or "–", row.destination.cluster or "–"
    client, server = ends[::-1] if row.is_reply else ends
    return f"{client} → {server}, seen by {row.node}"


def host(row: FlowRow, destination: bool, form: Form = PLAIN) -> str:
    """One side as the CLI names it: pod, else service, else DNS names, else IP; with its port if it has one."""
    peer, ip, port, service, names = _side(row, destination)
    if not (row.source_ip or row.destination_ip):
        return form.painted("host", row.extra.destination_mac if destination else row.extra.source_mac)
    name = ip
    if not form.numeric:
        service_namespace, _, service_name = service.partition("/")
        namespace = service_namespace if service else peer.namespace
        if peer.pod:
            name = _join(namespace, peer.pod)
        elif service_name:
            name = _join(namespace, service_name)
        elif names:
            name = ",".join(names)
    if not port:
        return form.painted("host", name)
    if form.paint is None:
        return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    name = form.plain(name)
    bare = f"[{name}]:" if ":" in name else f"{name}:"
    return form.paint("host", bare + form.paint("port", str(port)))


def _identity(row: FlowRow, destination: bool, form: Form) -> str:
    return form.painted("identity", identity.label((row.destination if destination else row.source).identity))


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


def verdict(row: FlowRow, form: Form = PLAIN) -> str:
    """The VERDICT column: `FORWARDED`, `DROPPED`; of a policy verdict `ALLOWED`, `DENIED`, `AUDITED`."""
    name = VERDICTS.get(row.verdict, str(row.verdict))
    if row.event_type == EventType.POLICY_VERDICT and not row.l7:
        name = _POLICY_VERDICTS.get(row.verdict, name)
        named = [f"{p.name} ({p.kind})" for p in row.allowed_by + row.denied_by if p.name and p.kind]
        if form.policies and named:
            name = f"{name} BY {', '.join(named)}"
    role = _VERDICT_ROLES.get(row.verdict)
    return form.painted(role, name) if role else form.plain(name)


def summary(row: FlowRow, form: Form = PLAIN) -> str:
    """The server's summary with what the CLI puts around it."""
    extra = row.extra
    text = form.plain(f"IP Trace ID: {extra.ip_trace_id}; {row.summary}" if extra.ip_trace_id else row.summary)
    auth = _AUTH_TYPES.get(extra.auth_type)
    return f"{text}; Auth: {form.painted(_AUTH_ROLES[extra.auth_type], auth)}" if auth else text
