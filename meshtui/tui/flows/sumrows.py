"""Lines of the sums, connections and map views: flows added up, paired, and drawn as who talks to whom."""

from __future__ import annotations

from meshtui.core.flows import dropreason
from meshtui.core.flows.compact import flow_type
from meshtui.core.flows.connections import Connection
from meshtui.core.flows.flow import FlowRow, Peer, Verdict
from meshtui.core.flows.sums import COLUMNS, Aggregate, sparkline
from meshtui.tui.flows.rows import VERDICTS, Tags, node_name, peer_name, peer_spans, seen_by, stamp_text
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, width_of

SPARK_WIDTH = 20
_VERDICT_BY_NUMBER = {int(verdict): told for verdict, told in VERDICTS.items()}
_NARROW, _WIDE = 90, 130


def verdict_span(verdict: int) -> Span:
    """`✗ DROPPED`."""
    glyph, word, role = _VERDICT_BY_NUMBER.get(verdict, ("?", "UNKNOWN", "warn"))
    return Span(f"{glyph} {word}", role)


def sums_header(width: int, column: str, *, reverse: bool) -> Line:
    """Names of the columns, the one that orders them marked."""
    arrow = "↓" if reverse else "↑"

    def name(key: str, text: str, cells: int, right: bool = False) -> Span:
        marked = f"{text}{arrow}" if key == column else text
        return Span(fit(marked, cells, right=right) + " ", "strong" if key == column else "dim", cell=key)

    narrow = width < _NARROW
    head = [
        Span("" if narrow else " "),
        name("count", "count", 6 if narrow else 7, True),
        name("unanswered", "SYN?" if narrow else "no answer", 5 if narrow else 9, True),
    ]
    if width >= _NARROW:
        head += [name("rate", "last minute", SPARK_WIDTH)]
    if width >= _WIDE:
        head += [name("first", "first", 12), name("last", "last", 12)]
    return [*head, name("source", "source", 8), Span("→ ", "dim"), name("destination", "destination", 12),
            name("verdict", "verdict", 9), name("reason", "reason", 8)]  # fmt: skip


def sums_line(a: Aggregate, tags: Tags, width: int, now_ns: int, *, utc: bool) -> Line:
    """`  57  3  ▁▂▇  K x-wing ⇄ T rebel-base:80  ✗ DROPPED Policy denied`."""
    narrow = width < _NARROW
    silent = str(a.unanswered) if a.unanswered else ""
    line: list[Span] = [Span(f"{a.count:>6} " if narrow else f" {a.count:>7} ")]
    line.append(Span(f"{silent:>{5 if narrow else 9}} ", "warn"))
    if not narrow:
        line.append(Span(fit(sparkline(a.history(now_ns), SPARK_WIDTH), SPARK_WIDTH) + " ", "info"))
    if width >= _WIDE:
        line.append(Span(f"{stamp_text(a.first_ns, utc=utc)} {stamp_text(a.last_ns, utc=utc)} ", "dim"))
    fate = [verdict_span(a.verdict), Span(f" {safe(a.reason_text, 40)}" if a.reason_text else "")]
    if narrow and a.reason_text:
        fate = [fate[0]._replace(text=f"{fate[0].text[:1]} {safe(a.reason_text, 24)}")]
    room = max(24, width - width_of(line) - width_of(fate) - 5)
    port = f":{a.port}" if a.port else ""
    source, destination = _party(a.source, tags), _party(a.destination, tags)
    each = (room - len(port)) // 2
    longest = room - len(port) - min(each, width_of(destination))
    source = _shortened(source, longest)
    destination = _shortened(destination, room - len(port) - width_of(source))
    arrow = Span(" ⇄ " if a.crosses else " → ", "strong" if a.crosses else "dim")
    return [*line, *source, arrow, *destination, Span(port, "dim"), Span("  "), *fate]


def _party(name: str, tags: Tags) -> list[Span]:
    """`K x-wing` of `default/x-wing@koornacht`; other names as they are."""
    path, _, cluster = name.rpartition("@")
    if not path or cluster not in tags:
        return [Span(safe(name, 120))]
    label, index = tags[cluster]
    return [tag(label, index), Span(" "), Span(safe(path.removeprefix("default/"), 120))]


def _shortened(spans: list[Span], width: int) -> list[Span]:
    excess = width_of(spans) - width
    return [*spans[:-1], Span(fit(spans[-1].text, max(6, len(spans[-1].text) - excess)))] if excess > 0 else spans


def aggregate_title(a: Aggregate) -> str:
    """A row's name, for the title of its events."""
    reason = f" {a.reason_text}" if a.reason_text else ""
    return safe(f"{a.source} → {a.target} {a.verdict_name}{reason}", 160)


def connection_line(c: Connection, tags: Tags, width: int, *, utc: bool, unfolded: bool) -> Line:
    """`▸ 12:03:04.123 K x-wing:40112 → T rebel-base:80  ✗ DROPPED · Policy denied · seen at K · 4 events · 2 SYNs`."""
    opener = c.opener
    client, server = _ends(opener, swap=not c.client_is_source)
    line: list[Span] = [
        Span(" ▾ " if unfolded else " ▸ ", "key"),
        Span(f"{stamp_text(c.first_ns, utc=utc)} ", "dim"),
        *peer_spans(client[0], peer_name(client[0], client[1], client[3]), client[2], tags),
        Span(" → ", "dim"),
        *peer_spans(server[0], peer_name(server[0], server[1], server[3]), server[2], tags),
        Span("  "),
        verdict_span(c.verdict),
    ]
    clusters = dict.fromkeys(node.partition("/")[0] for node in c.nodes)
    told = ["seen at " + " ".join(tags[name][0] if name in tags else safe(name, 12) for name in clusters)]
    if c.drop_reason:
        told.insert(0, safe(dropreason.text(c.drop_reason), 40))
    told.append(f"{len(c.events)} event{'s' * (len(c.events) != 1)}")
    if c.attempts > 1:
        told.append(f"{c.attempts} SYNs")
    told.append("answered" if c.answered else "unanswered" if c.unanswered else "one way")
    return [*line, Span(" · " + " · ".join(told), "dim")]


_End = tuple[Peer, str, int, tuple[str, ...]]


def _ends(row: FlowRow, *, swap: bool) -> tuple[_End, _End]:
    source = (row.source, row.source_ip, row.source_port, row.source_names)
    destination = (row.destination, row.destination_ip, row.destination_port, row.destination_names)
    return (destination, source) if swap else (source, destination)


def event_line(row: FlowRow, first_ns: int, tags: Tags) -> Line:
    """One event of a connection: how long after its first, what, where."""
    after = (row.time_ns - first_ns) / 1e6
    glyph, _, role = _VERDICT_BY_NUMBER.get(row.verdict, ("?", "", "warn"))
    reply = {True: "←", False: "→", None: "·"}[row.is_reply]
    return [
        Span(f"     +{after:>9.1f} ms ", "dim"),
        Span(f"{glyph} ", role),
        Span(f"{reply} {safe(flow_type(row), 60)} ", "bad" if row.verdict == Verdict.DROPPED else ""),
        Span(safe(row.summary, 120)),
        Span(f"  at {seen_by(row, tags)} {node_name(row)}", "dim"),
    ]


def map_line(text: str) -> Line:
    """One line of the map: drops in red, partly dropped in yellow."""
    shown = safe(text, 400)
    if "✗▶" in shown:
        return [Span(f" {shown}", "bad")]
    if "±▶" in shown:
        return [Span(f" {shown}", "warn")]
    return [Span(f" {shown}", "" if "▶" in shown else "strong")]


def order_text(column: str, *, reverse: bool) -> str:
    """`ordered by count ↓, o next, O turn round`."""
    assert column in COLUMNS
    return f"ordered by {column} {'↓' if reverse else '↑'} (o next, O turn round)"
