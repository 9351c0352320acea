"""Lines of the sums, connections and map views: flows added up, paired, and drawn as who talks to whom."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.core.flows import dropreason
from meshtui.core.flows.compact import flow_type
from meshtui.core.flows.connections import Connection
from meshtui.core.flows.flow import FlowRow, Peer, Verdict
from meshtui.core.flows.sums import COLUMNS, FAILING, Aggregate, sparkline
from meshtui.tui.flows.rows import VERDICTS, Tags, node_name, peer_name, peer_spans, seen_by, stamp_text
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, width_of

SPARK_WIDTH = 20
_VERDICT_BY_NUMBER = {int(verdict): told for verdict, told in VERDICTS.items()}
_TINY, _NARROW, _WIDE = 60, 99, 130
"""Below these widths: no count of what was not answered; no last minute, and reasons in short; no times."""


def verdict_span(verdict: int) -> Span:
    """`✗ DROPPED`."""
    glyph, word, role = _VERDICT_BY_NUMBER.get(verdict, ("?", "UNKNOWN", "warn"))
    return Span(f"{glyph} {word}", role)


@dataclass(frozen=True, slots=True)
class SumWidths:
    """How the cells of one line of the sums are shared out, so that every row's columns stand under their heads."""

    source: int
    destination: int
    fate: int
    narrow: bool
    times: bool
    """Whether the first and the last event's times are shown."""
    silent: bool = True
    """Whether connections without an answer are counted."""


def sum_widths(width: int, source: int, destination: int) -> SumWidths:
    """Cells for each column of a pane of `width`; `source` and `destination` are the longest names, in cells.

    A short column's spare cells go to the other one; the numbers and the verdict never give way.
    """
    narrow, times = width < _NARROW, width >= _WIDE
    silent = width >= _TINY
    fate = (17 if silent else 15) if narrow else 29
    numbers = _numbers_width(narrow=narrow, times=times) if silent else 7
    room = max(24 if silent else 20, width - numbers - fate - _BETWEEN)
    first = min(source, max(room // 2, room - destination))
    second = min(max(destination, len("destination↓")), room - first)
    return SumWidths(max(first, len("source↓")), second, fate, narrow, times, silent)


_BETWEEN = 5
"""The arrow between the two ends, and two cells before the verdict."""


def _numbers_width(*, narrow: bool, times: bool) -> int:
    return 13 if narrow else 40 + (26 if times else 0)


def sums_header(widths: SumWidths, column: str, *, reverse: bool) -> Line:
    """Names of the columns, the one that orders them marked."""
    arrow = "↓" if reverse else "↑"

    def name(key: str, text: str, cells: int, right: bool = False) -> Span:
        marked = f"{text}{arrow}" if key == column else text
        return Span(fit(marked, cells, right=right), "strong" if key == column else "dim", cell=key)

    gap = Span(" ")
    head = [name("count", "count", 6 if widths.narrow else 8, True), gap]
    if widths.silent:
        short = "SYN?" if widths.narrow else "no answer"
        head += [name("unanswered", short, 5 if widths.narrow else 9, True), gap]
    if not widths.narrow:
        head += [name("rate", "last minute", SPARK_WIDTH), gap]
    if widths.times:
        head += [name("first", "first", 12), gap, name("last", "last", 12), gap]
    head += [
        name("source", "source", widths.source),
        Span(" → ", "dim"),
        name("destination", "destination", widths.destination),
    ]
    if widths.narrow:
        return [*head, Span("  "), name("verdict", "verdict", 9), name("reason", "reason", widths.fate - 9)]
    return [*head, Span("  "), name("verdict", "verdict", 12), name("reason", "reason", 17)]


def sums_line(a: Aggregate, tags: Tags, widths: SumWidths, now_ns: int, *, utc: bool) -> Line:
    """`  57  3  ▁▂▇  K x-wing ⇄ T rebel-base:80  ✗ DROPPED Policy denied`."""
    silent = str(a.unanswered) if a.unanswered else ""
    line: list[Span] = [Span(f"{a.count:>{6 if widths.narrow else 8}} ")]
    if widths.silent:
        line.append(Span(f"{silent:>{5 if widths.narrow else 9}} ", "warn"))
    if not widths.narrow:
        line.append(Span(fit(sparkline(a.history(now_ns), SPARK_WIDTH), SPARK_WIDTH) + " ", "info"))
    if widths.times:
        line.append(Span(f"{stamp_text(a.first_ns, utc=utc)} {stamp_text(a.last_ns, utc=utc)} ", "dim"))
    fate = verdict_span(a.verdict)
    told = [fate, Span(f" {fit(safe(a.reason_text, 40), widths.fate - 12)}")] if a.reason_text else [fate]
    if widths.narrow and a.reason_text:
        told = [fate._replace(text=fit(f"{fate.text[:1]} {safe(a.reason_text, 40)}", widths.fate))]
    elif a.reason_text:
        told[0] = fate._replace(text=fit(fate.text, 11))
    arrow = Span(" ⇄ " if a.crosses else " → ", "strong" if a.crosses else "dim")
    port = f":{a.port}" if a.port else ""
    return [
        *line, *_filled(_party(a.source, tags), widths.source), arrow,
        *_filled(_party(a.destination, tags), widths.destination, port), Span("  "), *told,
    ]  # fmt: skip


def sum_ends(a: Aggregate, tags: Tags) -> tuple[int, int]:
    """Cells its source and its destination with the port would take."""
    port = len(f":{a.port}") if a.port else 0
    return width_of(_party(a.source, tags)), width_of(_party(a.destination, tags)) + port


def _filled(spans: list[Span], width: int, port: str = "") -> list[Span]:
    """Exactly `width` cells: the name shortened where it must be, its port whole, blanks behind."""
    shown = _shortened(spans, width - len(port))
    return [*shown, Span(port, "dim"), Span(" " * max(0, width - width_of(shown) - len(port)))]


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


_VERDICT = 11
"""Cells of a connection's verdict: it stands first, whatever is cut behind it."""


def connection_line(c: Connection, tags: Tags, width: int, *, utc: bool, unfolded: bool) -> Line:
    """`▸ ✗ DROPPED   12:03:04.123 K x-wing:40112 → T rebel-base:80 · Policy denied · seen at K · 4 events · 2 SYNs`."""
    opener = c.opener
    client, server = _ends(opener, swap=not c.client_is_source)
    line: list[Span] = [
        Span(" ▾ " if unfolded else " ▸ ", "key"),
        verdict_span(c.verdict)._replace(text=fit(verdict_span(c.verdict).text, _VERDICT)),
        Span(f" {stamp_text(c.first_ns, utc=utc)} ", "dim"),
        *peer_spans(client[0], peer_name(client[0], client[1], client[3]), client[2], tags),
        Span(" → ", "dim"),
        *peer_spans(server[0], peer_name(server[0], server[1], server[3]), server[2], tags),
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
    if column == FAILING and reverse:
        return "dropped first (o another order)"
    return f"ordered by {column} {'↓' if reverse else '↑'} (o next, O turn round)"
