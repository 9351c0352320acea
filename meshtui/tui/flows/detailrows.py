"""One flow in full: the detail view's lines."""

from __future__ import annotations

from meshtui.core.flows import compact
from meshtui.core.flows.connections import Connection
from meshtui.core.flows.flow import EventType, FlowRow, Peer
from meshtui.core.model import identity
from meshtui.core.policy import Explanation
from meshtui.core.policy.mend.asked import is_policy_drop
from meshtui.tui.flows.rows import Tags, because, reason, stamp_text, what, who
from meshtui.tui.flows.sumrows import event_line
from meshtui.tui.flows.text import as_command, as_compact
from meshtui.tui.header import time_text
from meshtui.tui.widgets.paint import Line, Span, safe

_AROUND = 20
"""Events of a connection shown before and after the flow."""


def detail_lines(
    row: FlowRow,
    tags: Tags,
    *,
    utc: bool,
    why: Explanation | None,
    connection: Connection | None = None,
    mate: FlowRow | None = None,
    bits: int = identity.BITS,
) -> list[Line]:
    """Who, what, why; every field; both peers with labels and identities decoded; its connection; as a command.

    `mate`: the other event of the same packet; `bits`: of a number in an identity, see `identity.bits_in`.
    """
    lines: list[Line] = [[Span(" "), *who(row, tags)], [Span(" "), *what(row, tags, paired=mate is not None)]]
    if why is not None and why.sentence:
        lines.append([Span(f" {safe(because(why, utc=utc))}", "warn")])
        lines += [[Span(f" → {safe(why.fix)}", "info")]] if why.fix else []
        lines += [[Span(f" · {safe(why.afterwards)}", "warn")]] if why.afterwards else []
        if is_policy_drop(row) or (mate is not None and is_policy_drop(mate)):
            lines.append(
                [Span(" → "), Span("M", "key"), Span(" proposes the smallest policies that would let it pass")]
            )
        lines += [[Span(f" · {safe(note)}", "dim")] for note in why.notes]
    if mate is not None:
        lines += [(), [Span(" two events of one packet; the fields below are the first one's", "strong")]]
        lines += [[Span("  "), *event_line(event, row.time_ns, tags)] for event in (row, mate)]
    lines.append(())
    lines += [_field(name, value) for name, value in _fields(row, utc=utc).items() if value]
    lines += _peer("source", row.source, row.source_ip, row.source_port, row.source_service, row.source_names, bits)
    lines += _peer(
        "destination",
        row.destination,
        row.destination_ip,
        row.destination_port,
        row.destination_service,
        row.destination_names,
        bits,
    )
    lines += _policies(row)
    lines += _connection(row, tags, connection, mate)
    lines.append(())
    lines += [[Span(" hubble  ", "dim"), Span(safe(as_compact(told), 400))] for told in (row, mate) if told is not None]
    lines += [[Span(" command ", "dim"), Span(safe(as_command(row), 400))]]
    return lines


def _fields(row: FlowRow, *, utc: bool) -> dict[str, str]:
    """What the flow itself says, apart from its two sides."""
    extra = row.extra
    latency = f" after {extra.latency_ns / 1e6:.1f} ms" if extra.latency_ns else ""
    http = " ".join(filter(None, (extra.http_protocol, extra.http_method, extra.http_url)))
    observed = row.event_type == EventType.TRACE and row.sub_type < len(compact.TRACE_POINTS)
    return {
        "time": f"{stamp_text(row.time_ns, utc=utc)} {time_text(row.time_ns // 10**9, utc=utc, zone=True)[9:]}",
        "seen by": f"{row.node} (through {row.received})" if row.received else row.node,
        "verdict": compact.VERDICTS.get(row.verdict, str(row.verdict)),
        "event": f"{compact.flow_type(row)} (type {row.event_type}, sub-type {row.sub_type})",
        "drop reason": f"{reason(row)} ({row.drop_reason})" if row.drop_reason else "",
        "direction": compact.direction(row.direction) if row.direction else "",
        "match": compact.match_type(row.match_type) if row.event_type == EventType.POLICY_VERDICT else "",
        "seen at": compact.TRACE_POINTS[row.sub_type] if observed else "",
        "protocol": " ".join(filter(None, (row.protocol, row.flags, _icmp(row)))),
        "reply": {True: "yes", False: "no", None: "unknown"}[row.is_reply],
        "http": f"{http} {row.http_status or ''}{latency}".strip() if http or row.http_status else "",
        "headers": ", ".join(f"{key}: {value}" for key, value in extra.http_headers),
        "dns query": row.dns_query,
        "summary": row.summary,
        "interface": extra.interface,
        "encrypted": "yes" if extra.encrypted else "",
        "source after masquerading": extra.source_ip_xlated,
        "MAC": f"{extra.source_mac} → {extra.destination_mac}" if extra.source_mac else "",
        "authentication": str(extra.auth_type) if extra.auth_type else "",
        "trace id": extra.trace_id,
        "IP trace id": str(extra.ip_trace_id) if extra.ip_trace_id else "",
        "node labels": ", ".join(row.node_labels),
        "uuid": row.uuid,
    }


def _icmp(row: FlowRow) -> str:
    return f"type {row.icmp_type}" if row.icmp_type >= 0 else ""


def _field(name: str, value: str) -> Line:
    return [Span(f" {name:<14} ", "dim"), Span(safe(value, 1000))]


def _peer(title: str, peer: Peer, ip: str, port: int, service: str, names: tuple[str, ...], bits: int) -> list[Line]:
    number = identity.describe(peer.identity, bits) if peer.identity else ""
    workload = f"{peer.workload_kind}/{peer.workload}" if peer.workload_kind else peer.workload
    fields = {
        "address": f"{ip}:{port}" if port else ip,
        "pod": f"{peer.namespace}/{peer.pod}" if peer.pod else "",
        "workload": workload,
        "service": service,
        "DNS names": ", ".join(names),
        "cluster": peer.cluster,
        "identity": f"{peer.identity} = {number}" if number else "",
        "endpoint": str(peer.endpoint_id) if peer.endpoint_id else "",
    }
    lines: list[Line] = [(), [Span(f" {title}", "strong")]]
    lines += [_field(f"  {name}", value) for name, value in fields.items() if value]
    lines += [_field("  label", label) for label in peer.labels]
    return lines


def _policies(row: FlowRow) -> list[Line]:
    named = [("allowed by", p) for p in row.allowed_by] + [("denied by", p) for p in row.denied_by]
    if not named:
        return []
    lines: list[Line] = [(), [Span(" policies", "strong")]]
    for word, policy in named:
        path = f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name
        told = f"{path} ({policy.kind})" if policy.name else ", ".join(policy.labels) or "an implicit rule"
        lines.append(_field(f"  {word}", told))
    return lines


def _connection(row: FlowRow, tags: Tags, connection: Connection | None, mate: FlowRow | None) -> list[Line]:
    """The other events of its connection, the flow itself marked; the ones around it when there are many."""
    if connection is None or len(connection.events) < 2:
        return []
    events = connection.events
    here = next((at for at, event in enumerate(events) if event.uuid == row.uuid), 0)
    first = max(0, min(here - _AROUND, len(events) - 2 * _AROUND))
    nodes = len(connection.nodes)
    told = f"{len(events)} events, {len(connection.packets())} packets, seen by {nodes} node{'s' * (nodes > 1)}"
    title = f" connection: {told}"
    lines: list[Line] = [(), [Span(title, "strong")]]
    for event in events[first : first + 2 * _AROUND]:
        mark = Span(" ▸", "key") if event.uuid == row.uuid or event is mate else Span("  ")
        lines.append([mark, *event_line(event, connection.first_ns, tags)])
    return lines
