"""One flow in full: the detail view's lines."""

from __future__ import annotations

from meshtui.core import identity
from meshtui.core.compact import compact_line
from meshtui.core.flow import FlowRow, Peer
from meshtui.core.policy import Explanation
from meshtui.tui.rows.flows import Tags, reason, what, who
from meshtui.tui.rows.header import time_text
from meshtui.tui.rows.paint import Line, Span, safe


def detail_lines(row: FlowRow, tags: Tags, *, utc: bool, why: Explanation | None) -> list[Line]:
    """Who, what, why, both peers with labels, policies named, and the hubble CLI's own line."""
    lines: list[Line] = [[Span(" "), *who(row, tags)], [Span(" "), *what(row, tags)]]
    if why is not None and why.sentence:
        lines.append([Span(f" {safe(why.sentence)}", "warn")])
        lines += [[Span(f" → {safe(why.fix)}", "info")]] if why.fix else []
        lines += [[Span(f" · {safe(note)}", "dim")] for note in why.notes]
    lines.append(())
    fields = {
        "time": time_text(row.time_ns / 1e9, utc=utc, zone=True, millis=True),
        "seen by": f"{row.node} (through {row.received})" if row.received else row.node,
        "drop reason": reason(row) if row.drop_reason else "",
        "protocol": " ".join(filter(None, (row.protocol, row.flags))),
        "reply": {True: "yes", False: "no", None: "unknown"}[row.is_reply],
        "summary": row.summary,
        "uuid": row.uuid,
        "allowed by": ", ".join(f"{p.namespace}/{p.name} ({p.kind})" for p in row.allowed_by),
        "denied by": ", ".join(f"{p.namespace}/{p.name} ({p.kind})" for p in row.denied_by),
    }
    lines += [_field(name, value) for name, value in fields.items() if value]
    lines += _peer("source", row.source, row.source_ip, row.source_port, row.source_service)
    lines += _peer("destination", row.destination, row.destination_ip, row.destination_port, row.destination_service)
    lines += [(), [Span(" hubble  ", "dim"), Span(safe(compact_line(row), 400))]]
    return lines


def _field(name: str, value: str) -> Line:
    return [Span(f" {name:<12} ", "dim"), Span(safe(value, 300))]


def _peer(title: str, peer: Peer, ip: str, port: int, service: str) -> list[Line]:
    fields = {
        "address": f"{ip}:{port}" if port else ip,
        "pod": f"{peer.namespace}/{peer.pod}" if peer.pod else "",
        "service": service,
        "cluster": peer.cluster,
        "identity": f"{peer.identity} {identity.label(peer.identity)}" if peer.identity else "",
        "labels": "",
    }
    lines: list[Line] = [(), [Span(f" {title}", "strong")]]
    lines += [_field(f"  {name}", value) for name, value in fields.items() if value]
    lines += [_field("  label", label) for label in peer.labels]
    return lines
