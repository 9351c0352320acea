"""The Flows pane's lines: who to whom in which clusters, the verdict, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from meshtui.core.flows import dropreason
from meshtui.core.flows.account.gaps import Gap, absence, fate, sentence
from meshtui.core.flows.flow import Direction, EventType, FlowRow, Peer, Verdict
from meshtui.tui.header import time_text
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, width_of

if TYPE_CHECKING:
    from meshtui.core.policy import Explanation

Tags = Mapping[str, tuple[str, int]]
"""Cilium's cluster name → its tag and colour index."""

VERDICTS = {
    Verdict.FORWARDED: ("✔", "FORWARDED", "ok"),
    Verdict.DROPPED: ("✗", "DROPPED", "bad"),
    Verdict.ERROR: ("✗", "ERROR", "bad"),
    Verdict.AUDIT: ("!", "AUDIT", "warn"),
    Verdict.REDIRECTED: ("↪", "REDIRECTED", "info"),
    Verdict.TRACED: ("·", "TRACED", "dim"),
    Verdict.TRANSLATED: ("·", "TRANSLATED", "dim"),
}
_WHERE = re.compile(r"^(in|e)gress at [^:]*: ")
"""Already said in front of an explanation."""
_POD = re.compile(r"^(.+?)-[0-9a-z]{8,10}-([0-9a-z]{5})$")


def peer_name(peer: Peer, ip: str, names: tuple[str, ...] = ()) -> str:
    """The shortest name that still tells which: pod, reserved identity, DNS name or address."""
    if peer.pod:
        match = _POD.match(peer.pod)
        pod = f"{match[1]}-…{match[2]}" if match else peer.pod
        return pod if peer.namespace in ("default", "") else f"{peer.namespace}/{pod}"
    reserved = next((label for label in peer.labels if label.startswith("reserved:")), "")
    if names:
        return names[0]
    return f"{ip} ({reserved.removeprefix('reserved:')})" if reserved else ip


def peer_spans(peer: Peer, name: str, port: int, tags: Tags, side: str = "") -> list[Span]:
    """`T rebel-base-…jqgrf:80`, the tag in its cluster's colour; `side`: from or to, where clicks filter by it."""
    spans: list[Span] = []
    if peer.cluster:
        label, index = tags.get(peer.cluster, ("?", 0))
        spans = [tag(label, index)._replace(cell=side and f"{side}-cluster"), Span(" ")]
    spans.append(Span(safe(name, 80), cell=side and (f"{side}-pod" if peer.pod else f"{side}-ip")))
    if port:
        spans.append(Span(f":{port}", "dim", cell=side and "port"))
    return spans


def who(row: FlowRow, tags: Tags) -> list[Span]:
    """`K x-wing-…8wv5f → T rebel-base-…jqgrf:80`; the arrow points as the packet went."""
    source = peer_name(row.source, row.source_ip, row.source_names)
    destination = peer_name(row.destination, row.destination_ip, row.destination_names)
    return [
        *peer_spans(row.source, source, row.source_port if row.is_reply else 0, tags, "from"),
        Span(" → ", "dim"),
        *peer_spans(row.destination, destination, 0 if row.is_reply else row.destination_port, tags, "to"),
    ]


def seen_by(row: FlowRow, tags: Tags) -> str:
    """Tag of the cluster whose node saw it."""
    cluster = row.node.partition("/")[0]
    return tags[cluster][0] if cluster in tags else safe(cluster, 20)


def node_name(row: FlowRow) -> str:
    """The observing node without its cluster's name: `worker2` of `koornacht/koornacht-worker2`."""
    cluster, _, node = row.node.partition("/")
    return safe(node.removeprefix(f"{cluster}-"), 24)


def what(row: FlowRow, tags: Tags, explanation: str = "", *, paired: bool = False) -> list[Span]:
    """`✗ EGRESS denied at K · SYN · default-deny, no rule allows it`; `paired`: its packet's drop is told with it."""
    glyph, word, role = _VERDICTS.get(row.verdict, ("?", "UNKNOWN", "warn"))
    direction = {Direction.EGRESS: "EGRESS ", Direction.INGRESS: "INGRESS "}.get(_direction(row), "")
    where = seen_by(row, tags)
    if paired:
        head = f"{glyph} {direction}denied at {where}"
    elif row.event_type == EventType.POLICY_VERDICT:
        verb = "denied" if row.verdict == Verdict.DROPPED else "audited" if row.verdict == Verdict.AUDIT else "allowed"
        head = f"{glyph} {direction}{verb} at {where}"
    else:
        head = f"{glyph} {direction}{word} at {where}"
    spans = [Span(head, role, cell="verdict")]
    why = reason(row) if row.event_type == EventType.DROP and not paired else ""
    asked = "http-status" if row.http_status else "dns-query" if row.dns_query else "type"
    parts = (
        (why, "drop-reason-desc"),
        (row.l7 and safe(row.summary, 160), asked),
        (safe(row.flags or row.protocol, 40), "protocol"),
        (safe(without_place(explanation), 400), ""),
    )
    for part, cell in parts:
        if part:
            spans += [Span(" · ", "dim"), Span(part, cell=cell)]
    return spans


def without_place(explanation: str) -> str:
    """An explanation without its direction and cluster, which its row says already."""
    return _WHERE.sub("", explanation)


_VERDICTS = {int(verdict): told for verdict, told in VERDICTS.items()}


def _direction(row: FlowRow) -> Direction:
    return Direction(row.direction) if row.direction in (1, 2) else Direction.UNKNOWN


def reason(row: FlowRow) -> str:
    """The drop's reason as hubble prints it, or its number."""
    return safe(dropreason.text(row.drop_reason or row.sub_type), 60)


def stamp_text(time_ns: int, *, utc: bool) -> str:
    """`12:03:04.123`, cut and not rounded, as the CLI does."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    text = time_text(seconds, utc=utc)
    return f"{text}.{nanos // 1_000_000:03d}" if ":" in text and "-" not in text else text


def because(why: Explanation, *, utc: bool) -> str:
    """The sentence, and by the policies of which time it is told where that is not the flow's own."""
    words = _BASES.get(why.basis.value)
    if not why.sentence or words is None:
        return why.sentence
    return f"{why.sentence} (by the policies {words.format(stamp_text(why.at_ns, utc=utc))})"


_BASES = {"first": "of {}", "before": "until {}", "after": "from {} on"}


def gap_lines(gap: Gap, *, utc: bool, two: bool) -> list[Line]:
    """`┄┄ 12:03:04.123 tion's source away for 12.0 s: nothing missing ┄┄`, or on two lines."""
    start = stamp_text(gap.start_ns, utc=utc)
    if gap.end_ns is None:
        away = Span(f" ┄┄ {start} {safe(gap.source, 40)}'s source lost, away since ┄┄ ", "warn")
        return [[away, Span(safe(gap.cause, 100), "dim")]]
    role = "warn" if gap.lost else "dim"
    if two:
        return [[Span(f" ┄┄ {start} {safe(absence(gap), 100)} ┄┄", role)], [Span(f"    {safe(fate(gap), 300)}", role)]]
    return [[Span(f" ┄┄ {start} {safe(sentence(gap), 300)} ┄┄", role)]]


def flow_lines(
    row: FlowRow, tags: Tags, width: int, *, two: bool, utc: bool, explanation: str = "", paired: bool = False
) -> list[Line]:
    """One flow: who and what on two lines, or both on one."""
    stamp = Span(f" {stamp_text(row.time_ns, utc=utc)} ", "dim")
    first = [stamp, *who(row, tags)]
    if two:
        second = [Span("   "), *what(row, tags, explanation, paired=paired)]
        return [_with_node(first, row, width, paired=paired), second]
    verdict = what(row, tags, paired=paired)
    room = width - width_of(verdict) - 2
    return [[*_cut(first, max(30, room)), Span("  "), *verdict]]


def _with_node(line: Line, row: FlowRow, width: int, *, paired: bool) -> Line:
    """The observing node at the right, where there is room; before it that two of its events are told here."""
    node = node_name(row)
    for told in (f"2 events on {node} " if paired else "", f"on {node} "):
        gap = width - width_of(line) - len(told)
        if node and told and gap >= 1:
            return [*line, Span(" " * gap), Span(told, "dim", cell="node-name")]
    return line


def _cut(line: list[Span], width: int) -> list[Span]:
    """The line in exactly `width` cells."""
    result: list[Span] = []
    left = width
    for span in line:
        if left <= 0:
            break
        need = width_of([span])
        result.append(span if need <= left else span._replace(text=fit(span.text, left)))
        left -= min(need, left)
    return [*result, Span(" " * left)] if left > 0 else result
