"""The Load pane's lines: one mark per answer, who answered, how fast, and the last runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meshtui.core.load import Summary, summarise
from meshtui.core.load.split import Fit, judge
from meshtui.core.loadspec import Answer, LoadSpec, Request
from meshtui.tui.rows import status
from meshtui.tui.rows.flows import Tags
from meshtui.tui.rows.paint import Line, Span, cluster_role, joined, safe, tag, wrapped

_DIGITS = re.compile(r"\d+")
BARS = "▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Run:
    """One load test as the pane follows it."""

    spec: LoadSpec
    client: str
    """Context of the client's cluster."""
    target: str
    """What people call the target: `rebel-base`."""
    expected: Mapping[str, float] = field(default_factory=dict)
    """Cluster name → predicted share, when it started."""
    requests: list[Request] = field(default_factory=list)
    pod: str = ""
    running: bool = True
    problem: str = ""
    hint: str = ""
    cancelled: bool = False

    @property
    def summary(self) -> Summary:
        """The run in numbers so far."""
        return summarise(self.requests)


def run_lines(run: Run, tags: Tags, client: tuple[str, int], width: int) -> list[Line]:
    """The run in front: what is asked, the marks, the split, the times."""
    lines: list[Line] = [_head(run, tags, client)]
    lines += marks(run, tags, width)
    summary = run.summary
    if run.requests or run.running:
        lines += [_split(run, summary, tags, width), _times(run, summary)]
    for text in _stories(run):
        lines += [[Span(part, "warn")] for part in wrapped(f"{status.BAD} {text}", width, indent=1)]
    if run.problem:
        lines += [[Span(part, "bad")] for part in wrapped(f"{status.BAD} {safe(run.problem)}", width, indent=1)]
        if run.hint:
            lines += [[Span(part, "dim")] for part in wrapped(f"→ {safe(run.hint)}", width, indent=1)]
    return lines


def _head(run: Run, tags: Tags, client: tuple[str, int]) -> Line:
    state = Span("◌ running", "info") if run.running else Span("✔ done", "ok")
    if run.cancelled:
        state = Span("! stopped", "warn")
    elif run.problem:
        state = Span("✗ failed", "bad")
    expected = [[tag(*tags.get(name, ("?", 0))), Span(f" {share:.0%}")] for name, share in run.expected.items()]
    line = [Span(" "), tag(*client), Span(f" {safe(run.spec.workload, 40)} → {safe(run.target, 60)}  ", "strong")]
    line += [Span(f"{len(run.requests)}/{run.spec.count or '∞'}  "), state]
    if expected:
        line += [Span("  expected ", "dim"), *joined(expected, " ")]
    return line


def marks(run: Run, tags: Tags, width: int) -> list[Line]:
    """One mark per request in order: `●K` in the cluster's colour, `✗` when nobody answered, `·` to come."""
    spans = [_mark(request, tags) for request in run.requests]
    missing = max(0, run.spec.count - len(run.requests)) if run.running else 0
    spans += [Span("· ", "dim")] * missing
    each = 3 if any(len(s.text) > 2 for s in spans) else 2
    per_line = max(1, (width - 2) // each)
    rows = [spans[i : i + per_line] for i in range(0, len(spans), per_line)] or [[]]
    return [[Span(" "), *row] for row in rows[-4:]]


def _mark(request: Request, tags: Tags) -> Span:
    if request.answer is not Answer.ANSWERED:
        return Span("✗ ", "bad")
    found = folded(request.cluster, tags)
    if found is None:
        return Span("●?", "warn")
    label, index = found
    return Span(f"●{label}", cluster_role(index))


def folded(name: str, tags: Tags) -> tuple[str, int] | None:
    """Tag and colour of a cluster, whatever case its name is written in."""
    return next((found for known, found in tags.items() if known.casefold() == name.casefold()), None)


def _split(run: Run, summary: Summary, tags: Tags, width: int) -> Line:
    """`koornacht 6 ██████  tion 3 ███  timed out 1 █`."""
    if not run.requests:
        return [Span("  waiting for the first answer", "dim")]
    failed: dict[str, int] = {}
    for request in run.requests:
        if request.answer is not Answer.ANSWERED:
            failed[request.answer.value] = failed.get(request.answer.value, 0) + 1
    room = max(6, min(24, (width - 40) // max(1, len(summary.by_cluster) + len(failed))))
    parts: list[Line] = []
    for name, count in sorted(summary.by_cluster.items()):
        found = folded(name, tags)
        bar = Span("█" * max(1, round(room * count / summary.total)), cluster_role(found[1]) if found else "warn")
        parts.append([Span(f"{safe(name, 24) or 'unknown'} {count} "), bar])
    for word, count in failed.items():
        parts.append([Span(f"{word} {count} "), Span("█" * max(1, round(room * count / summary.total)), "bad")])
    return [Span(" "), *joined(parts, "  ")]


def _times(run: Run, summary: Summary) -> Line:
    """`p50 3 ms  p95 12 ms  max 2.0 s`, and when the run is over whether the split is what was expected."""
    if not run.requests:
        return ()
    parts = [f"p50 {ms(summary.p50)}", f"p95 {ms(summary.p95)}"] if summary.answered else []
    line = [Span(" " + "  ".join([*parts, f"max {ms(summary.max)}"]), "dim")]
    if run.running or not run.expected:
        return line
    verdict = judge(summary.by_cluster, run.expected)
    glyph, role = _FITS[verdict.fit]
    return [*line, Span(f"   {glyph} {safe(verdict.text, 120)}", role)]


_FITS = {
    Fit.NOTHING: (status.BAD, "bad"),
    Fit.EXPECTED: (status.OK, "ok"),
    Fit.UNLIKELY: (status.WARNING, "warn"),
    Fit.IMPOSSIBLE: (status.BAD, "bad"),
}


def _stories(run: Run) -> list[str]:
    """The different stories of requests that failed, told once each: only their numbers differ."""
    stories: dict[str, list[str]] = {}
    for request in run.requests:
        if request.story:
            stories.setdefault(_DIGITS.sub("#", request.story), []).append(request.story)
    return [f"{len(told)}× {safe(told[0])}" for told in list(stories.values())[:3]]


def history_line(runs: Sequence[Run]) -> Line:
    """The last five runs: a bar each, as high as its share of answered requests."""
    bars = [Span("last " + (f"{len(runs)} runs  " if len(runs) != 1 else "run  "), "dim")]
    for run in runs:
        summary = run.summary
        share = summary.answered / summary.total if summary.total else 0.0
        role = "ok" if share == 1 else "bad" if share == 0 else "warn"
        bars.append(Span(BARS[min(7, int(share * 7.999))], role))
    return [Span(" "), *bars]


def ms(seconds: float) -> str:
    """`3 ms`, `0.4 ms` or `2.0 s`."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
