"""A load test request by request: the detail view's lines."""

from __future__ import annotations

from meshtui.core.loadspec import Answer
from meshtui.tui.rows import status
from meshtui.tui.rows.flows import Tags
from meshtui.tui.rows.load import Run, folded, ms
from meshtui.tui.rows.paint import Line, Span, safe, tag


def request_lines(run: Run, tags: Tags) -> list[Line]:
    """`1 ✔ K 3 ms 200 10.1.0.27:40054 → 172.20.1.156:80` and the body or the story."""
    lines: list[Line] = [
        [
            Span(f" {safe(run.spec.url, 200)} from {safe(run.pod or run.spec.workload)}", "strong"),
        ],
        (),
    ]
    for request in run.requests:
        good = request.answer is Answer.ANSWERED
        found = folded(request.cluster, tags)
        glyph = Span(f"{status.OK} ", "ok") if good else Span(f"{status.BAD} {request.answer.value} ", "bad")
        who = [tag(*found), Span(" ")] if found else []
        line = [Span(f" {request.number:>3} ", "dim"), glyph, *who, Span(f"{ms(request.seconds)} ")]
        if request.status:
            line.append(Span(f"HTTP {request.status} "))
        if request.remote:
            line.append(Span(f":{request.local_port} → {safe(request.remote, 60)} ", "dim"))
        line.append(Span(safe(request.story or request.body.strip(), 120), "warn" if request.story else "dim"))
        lines.append(line)
    return lines
