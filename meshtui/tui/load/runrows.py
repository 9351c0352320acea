"""The kept runs' lines, and two of them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.core.load.compare import Comparison, who
from meshtui.core.load.record import changes
from meshtui.tui.flows.rows import Tags
from meshtui.tui.header import time_text
from meshtui.tui.load.rows import folded, ms
from meshtui.tui.widgets.paint import Line, Span, fit, joined, safe, tag, wrapped

Record = Mapping[str, Any]
_ROOMY = 90
_VERDICTS = {
    "as expected": ("✔", "ok"),
    "unanswered": ("✗", "bad"),
    "unlikely": ("!", "warn"),
    "impossible": ("✗", "bad"),
}


def before(runs: Sequence[Record], index: int) -> Record | None:
    """The run before `runs[index]` from the same client to the same target; `runs` is oldest first."""
    one = runs[index]
    same = (who(one), one.get("url"))
    return next((run for run in reversed(runs[:index]) if (who(run), run.get("url")) == same), None)


def kept_lines(one: Record, previous: Record | None, tags: Tags, width: int, *, utc: bool, marked: bool) -> list[Line]:
    """When, from where to where, who answered, the verdict; below it what was changed since the run before it."""
    summary: Mapping[str, Any] = one.get("summary") or {}
    answers: list[Line] = []
    for name, count in (summary.get("by_cluster") or {}).items():
        found = folded(str(name), tags)
        who_answered = tag(*found) if found else Span(safe(str(name), 20) or "unknown", "warn")
        answers.append([who_answered, Span(f" {count}")])
    lost = summary.get("total", 0) - summary.get("answered", 0)
    answers += [[Span(f"✗ {lost}", "bad")]] if lost else []
    glyph, role = _VERDICTS.get(str(one.get("verdict")), ("·", "dim"))
    latency: Mapping[str, Any] = summary.get("latency") or {}
    line: list[Span] = [
        Span("▶ " if marked else "  ", "key"),
        Span(f"{time_text(one.get('started') or 0.0, utc=utc)} ", "dim"),
        Span(f"{safe(who(one), 40)} → {safe(str(one.get('url', '')).removeprefix('http://'), 50)}  "),
        *joined(answers, " "),
        Span(f"  p95 {ms(latency.get('p95', 0.0))}  " if width >= _ROOMY else "  ", "dim"),
        Span(f"{glyph} {safe(str(one.get('verdict') or 'no prediction'), 30)}", role),
    ]
    lines: list[Line] = [line]
    for sentence in changes(previous, one)[:6] if previous is not None else ():
        lines += [[Span(text, "info")] for text in wrapped(f"Δ {safe(sentence)}", width, indent=4)]
    return lines


def comparison_lines(found: Comparison, width: int) -> list[Line]:
    """Two columns; what differs is strong."""
    each = max(12, (width - 18) // 2)
    lines: list[Line] = [[Span(f" {'':<15} {fit('before', each)} after", "dim")]]
    for row in found.contrasts:
        role = "dim" if row.same else "strong"
        name = Span(f" {safe(row.name, 15):<15} ", "dim")
        lines.append([name, Span(fit(safe(row.before, 200), each), role), Span(f" {safe(row.after, 200)}", role)])
    lines += [(), [Span(" changed in between", "strong")]]
    told = found.changes or ("nothing that meshtui writes down: annotations, replicas, policies",)
    for sentence in told:
        lines += [[Span(text, "info")] for text in wrapped(f"Δ {safe(sentence)}", width, indent=1)]
    return lines
