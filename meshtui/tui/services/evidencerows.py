"""Prediction and evidence side by side: shares by cluster as predicted, measured, answered and realised."""

from __future__ import annotations

from collections.abc import Mapping

from meshtui.core.model.state import Mesh
from meshtui.core.routing import Route
from meshtui.core.routing.evidence import realised_backends
from meshtui.core.services.evidence import Evidence, Realised
from meshtui.core.services.measured import addresses
from meshtui.tui.header import time_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped

_LABEL = 11


def evidence_lines(mesh: Mesh, found: Route, evidence: Evidence, width: int, *, utc: bool) -> list[Line]:
    """`predicted K 50% T 50%` and below it what flows, the last run and the agent's tables say; then contradictions."""
    lines: list[Line] = [_row("predicted", _shares(mesh, found.shares), "")]
    measured = evidence.measured.get(found.context)
    since = max(evidence.since, evidence.whole_since)
    if evidence.narrowed:
        words = f"not measured: the servers send only {safe(evidence.narrowed, 80)} (filter of pane 3)"
        lines.append(_row("flows", [Span(status.NOTHING, "dim")], words))
    elif measured is not None and measured.total:
        lost = sum(measured.dropped.values())
        words = f"{measured.total} connections since {time_text(since, utc=utc)}"
        lines.append(_row("flows", _shares(mesh, measured.shares), words + (f", {lost} dropped" if lost else "")))
    else:
        filtered = evidence.whole_since > evidence.since
        words = f"no connection seen since the {'filter of pane 3 was lifted' if filtered else 'last change'}"
        lines.append(_row("flows", [Span(status.NOTHING, "dim")], words))
    answers = evidence.answers.get(found.context)
    if answers is not None:
        got = sum(answers.counts.values())
        shares = {name: count / got for name, count in answers.counts.items()} if got else {}
        words = f"{got} of {answers.total} answered at {time_text(answers.at, utc=utc)}"
        lines.append(_row("load test", _shares(mesh, shares), words))
    lines.append(_agent(mesh, found, evidence.realised.get(found.context)))
    for said in evidence.against(found):
        text = f"{status.BAD} {said.source.value} disagree: {safe(said.text)}"
        lines += [[Span(part, "bad")] for part in wrapped(text, width, indent=3)]
    return lines


def _row(label: str, spans: list[Span], words: str) -> Line:
    tail = [Span(f"  {words}", "dim")] if words else []
    return [Span(f"   {label:<{_LABEL}}", "dim"), *spans, *tail]


def _shares(mesh: Mesh, shares: Mapping[str, float]) -> list[Span]:
    if not shares:
        return [Span("nobody", "bad")]
    spans: list[Span] = []
    for name, share in shares.items():
        spans += [_tag(mesh, name), Span(f" {share:.0%}  ")]
    return spans


def _tag(mesh: Mesh, name: str) -> Span:
    cluster = mesh.by_name(name)
    return tag(cluster.tag, cluster.index) if cluster else Span(safe(name, 20) or "?", "warn")


def _agent(mesh: Mesh, found: Route, realised: Realised | None) -> Line:
    if realised is None:
        return _row("agent", [Span(f"{status.WAITING} asking", "dim")], "")
    if realised.error is not None:
        return _row("agent", [Span(f"{status.BAD} {status.error_text(realised.error)}", "warn")], "")
    backends = realised_backends(found, realised.services)
    where = f"in the tables of {safe(realised.node, 60)}"
    if backends is None:
        return _row("agent", [Span(status.NOTHING, "dim")], f"no such frontend {where}")
    owners = addresses(mesh, found.service)
    counts: dict[str, int] = {}
    for ip in backends:
        owner = owners.get(ip, "?")
        counts[owner] = counts.get(owner, 0) + 1
    order = {name: number for number, name in enumerate(found.counts)}
    spans: list[Span] = []
    for name in sorted(counts, key=lambda name: (order.get(name, len(order)), name)):
        spans += [_tag(mesh, name), Span(f" {counts[name]}  ")]
    return _row("agent", spans or [Span("nobody", "bad")], where)
