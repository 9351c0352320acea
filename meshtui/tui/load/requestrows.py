"""A load test request by request: one line each, one request in full, and the two ways between it and its flows."""

from __future__ import annotations

from meshtui.core.load.run import Run
from meshtui.core.load.spec import Answer, Request
from meshtui.tui.flows.rows import Tags
from meshtui.tui.header import time_text
from meshtui.tui.load.rows import folded, ms
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped


def head_line(run: Run) -> Line:
    """`http://rebel-base from x-wing-689bd74994-8wv5f`."""
    return [Span(f" {safe(run.spec.url, 200)} from {safe(run.pod or run.origin)}", "strong")]


def request_line(request: Request, tags: Tags) -> Line:
    """`1 ✔ K …4mk87 3 ms HTTP 200 :40054 → 172.20.1.156:80` and the story or the body."""
    good = request.answer is Answer.ANSWERED
    found = folded(request.cluster, tags)
    glyph = Span(f"{status.OK} ", "ok") if good else Span(f"{status.BAD} {request.answer.value} ", "bad")
    who = [tag(*found), Span(" ")] if found else [Span(f"{safe(request.cluster, 24)} ")] if request.cluster else []
    pod = [Span(f"…{safe(request.pod.rpartition('-')[2], 20)} ")] if request.pod else []
    line = [Span(f" {request.number:>3} ", "dim"), glyph, *who, *pod, Span(f"{ms(request.seconds)} ")]
    if request.status:
        line.append(Span(f"HTTP {request.status} "))
    if request.remote:
        line.append(Span(f":{request.local_port} → {safe(request.remote, 60)} ", "dim"))
    line.append(Span(safe(request.story or request.body.strip(), 160), "warn" if request.story else "dim"))
    return line


_HOW = {"body": "its body says so", "header": "a header says so", "flows": "Hubble's flows of its connection say so"}


def fact_lines(request: Request, tags: Tags, width: int, *, utc: bool) -> list[Line]:
    """One request in full."""
    facts = {
        "answer": request.answer.value + (f", HTTP {request.status}" if request.status else ""),
        "at": time_text(request.at, utc=utc, zone=True, millis=True),
        "took": ms(request.seconds),
        "from": f"{request.local_ip}:{request.local_port}" if request.local_port else "",
        "to": request.remote,
        "cluster": request.cluster,
        "known by": _HOW.get(request.attribution, ""),
        "pod": request.pod,
        "node": request.node,
        "curl's code": str(request.exit_code) if request.exit_code else "",
    }
    lines: list[Line] = [request_line(request, tags), ()]
    lines += [[Span(f" {name:<12} ", "dim"), Span(safe(value, 200))] for name, value in facts.items() if value]
    for text in wrapped(safe(request.story), width, indent=1):
        lines.append([Span(text, "warn")])
    if request.body.strip():
        lines += [(), [Span(" body", "strong")]]
        lines += [[Span(text, "dim")] for text in wrapped(safe(request.body, 2048), width, indent=1)]
    return lines


def link_lines(run: Run, request: Request, tags: Tags) -> list[Line]:
    """What a flow's details say of the request it belongs to."""
    return [(), [Span(" load test", "strong"), Span(f"  {safe(run.origin)} → {safe(run.target)}", "dim")],
            request_line(request, tags)]  # fmt: skip
