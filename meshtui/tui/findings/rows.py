"""Findings as lines: how bad, what it means, the evidence, and what would fix it."""

from __future__ import annotations

from meshtui.core.findings import Finding, Kind, Severity
from meshtui.core.model.state import Mesh, Phase
from meshtui.tui.header import time_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped

_SEVERITIES = {
    Severity.ERROR: (status.BAD, "error", "bad"),
    Severity.WARNING: (status.WARNING, "warning", "warn"),
    Severity.INFO: ("·", "note", "info"),
}


def finding_lines(finding: Finding, mesh: Mesh, width: int, *, utc: bool = False, now: float = 0.0) -> list[Line]:
    """`✗ error K T default/rebel-base  requests denied since 12:03:04`, what it means, what works, what mends it."""
    glyph, word, role = _SEVERITIES[finding.severity]
    head: list[Span] = [Span(f" {glyph} {word} ", role)]
    for context in finding.contexts:
        cluster = mesh.clusters.get(context)
        if cluster is not None:
            head += [tag(cluster.tag, cluster.index), Span(" ")]
            if cluster.api.phase is Phase.STALE and finding.kind is not Kind.API_GONE:
                head += [status.aged(cluster.api, now), Span(" ")]
    head += [Span(safe(finding.object, 60), "strong"), Span(f"  {finding.kind.value}", role)]
    if finding.since:
        head.append(Span(f" since {time_text(finding.since, utc=utc)}", "dim"))
    lines: list[Line] = [head]
    lines += [[Span(part)] for part in wrapped(safe(finding.sentence), width - 1, indent=5)]
    for evidence in finding.evidence[:3]:
        lines += [[Span(part, "dim")] for part in wrapped(f"· {safe(evidence)}", width - 1, indent=5)]
    if finding.still:
        lines += [[Span(part, "ok")] for part in wrapped(f"still works: {safe(finding.still)}", width - 1, indent=5)]
    if finding.because is not None:
        follows = f"follows from: {finding.because.value}; mend that first"
        lines += [[Span(part, "warn")] for part in wrapped(follows, width - 1, indent=5)]
    if finding.hiding:
        unseen = f"cannot be seen meanwhile: {safe(finding.hiding)}"
        lines += [[Span(part, "dim")] for part in wrapped(unseen, width - 1, indent=5)]
    for text in fixes(finding, mesh) or ([safe(finding.advice)] if finding.advice else []):
        lines += [[Span(part, "info")] for part in wrapped(f"→ {text}", width - 1, indent=5)]
    return lines


def fixes(finding: Finding, mesh: Mesh) -> list[str]:
    """The annotations that would mend it, as words."""
    words = []
    for fix in finding.fixes:
        cluster = mesh.clusters.get(fix.context)
        name = safe(cluster.name if cluster else fix.context, 40)
        what = fix.annotation or ("namespace export" if fix.what == "namespace" else fix.what)
        change = f"delete {what}" if fix.value is None else f"set {what} to {safe(fix.value, 40)}"
        words.append(f"enter: {change} of {safe(fix.service_key, 60)} in {name}")
    return words
