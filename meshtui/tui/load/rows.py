"""The Load pane's lines: one mark per answer, who answered, how fast, and the last runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from meshtui.core.load.run import HERE, Run
from meshtui.core.load.spec import Answer, Request
from meshtui.core.load.split import Fit
from meshtui.core.load.stats import BOUNDS, Summary
from meshtui.tui.flows.rows import Tags
from meshtui.tui.load.timeline import timeline
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, cluster_role, fit, joined, safe, tag, width_of, wrapped

_DIGITS = re.compile(r"\d+")
BARS = "▁▂▃▄▅▆▇█"


def run_lines(
    run: Run, tags: Tags, client: tuple[str, int] | None, width: int, *, utc: bool = True, brief: bool = False
) -> list[Line]:
    """One run: what is asked, the marks, the split, the times, what moved, what failed; `brief` leaves figures out."""
    summary = run.summary
    lines: list[Line] = [_head(run, summary, tags, client)]
    if run.spec.rate:
        lines += timeline(run, tags, width, utc=utc)
    if not (brief and run.spec.rate):
        lines += marks(run, tags, width, 1 if brief or run.spec.rate else MARK_LINES)
    if run.requests or run.running:
        lines += [_split(run, summary, tags, width), *_verdict(run)]
        lines += [] if brief else _figures(summary, tags, width)
    for text in _stories(run):
        lines += [[Span(part, "warn")] for part in wrapped(f"{status.BAD} {text}", width, indent=1)]
    if run.problem:
        lines += [[Span(part, "bad")] for part in wrapped(f"{status.BAD} {safe(run.problem)}", width, indent=1)]
        if run.hint:
            lines += [[Span(part, "dim")] for part in wrapped(f"→ {safe(run.hint)}", width, indent=1)]
    return lines


def _figures(summary: Summary, tags: Tags, width: int) -> list[Line]:
    lines = (_times(summary), _pods(summary, tags, width), _apart(summary, tags), _histogram(summary))
    return [line for line in lines if line]


NARROWEST = 46
"""Cells a run needs to stand beside another."""


def column(runs: int, width: int) -> int:
    """Cells each of so many runs gets: a column where there is room for all, else the whole width."""
    each = width // max(1, runs)
    return width if runs < 2 or each < NARROWEST else each - 1


def beside(blocks: Sequence[Sequence[Line]], width: int) -> list[Line]:
    """Runs in columns where there is room for all of them, else one below the other."""
    each = column(len(blocks), width) + 1
    if each > width:
        return [line for number, block in enumerate(blocks) for line in ([()] if number else []) + list(block)]
    rows = max(map(len, blocks))
    return [[span for block in blocks for span in _cut(block[y] if y < len(block) else (), each)] for y in range(rows)]


def _cut(line: Line, width: int) -> list[Span]:
    """A line in exactly `width` cells, the last one left free."""
    taken: list[Span] = []
    room = width - 1
    for span in line:
        if room <= 0:
            break
        size = width_of([span])
        taken.append(span if size <= room else span._replace(text=fit(span.text, room)))
        room -= min(size, room)
    return [*taken, Span(" " * (room + 1))]


def _head(run: Run, summary: Summary, tags: Tags, client: tuple[str, int] | None) -> Line:
    state = Span("◌ running", "info") if run.running else Span("✔ done", "ok")
    if run.cancelled:
        state = Span("! stopped", "warn")
    elif run.problem:
        state = Span("✗ failed", "bad")
    expected = [[tag(*tags.get(name, ("?", 0))), Span(f" {share:.0%}")] for name, share in (run.expected or {}).items()]
    who = [tag(*client), Span(f" {safe(run.spec.workload, 40)}", "strong")] if client else [Span(HERE, "strong")]
    line = [Span(" "), *who, Span(f" → {safe(run.target, 60)}  ", "strong")]
    pace = f" at {run.spec.rate:g}/s" if run.spec.rate else ""
    line += [Span(f"{summary.total}/{run.spec.total or '∞'}{pace}  "), state]
    if expected:
        line += [Span("  expected ", "dim"), *joined(expected, " ")]
    return line


MARK_LINES = 4


def marks(run: Run, tags: Tags, width: int, most: int = MARK_LINES) -> list[Line]:
    """The last requests in order: `●K` in the cluster's colour, `✗` when nobody answered, `·` to come."""
    each = max((1 + len(label) for label, _ in tags.values()), default=2)
    per_line = max(1, (width - 2) // each)
    arrived = len(run.requests)
    total = max(arrived, run.spec.total if run.running else 0)
    bottom = min(max(0, total - 1) // per_line, max(max(0, arrived - 1) // per_line, most - 1))
    lines: list[Line] = []
    for row in range(max(0, bottom - most + 1), bottom + 1):
        spans = [Span(" ")]
        for index in range(row * per_line, min(total, (row + 1) * per_line)):
            mark = _mark(run.requests[index], tags) if index < arrived else Span("·", "dim")
            spans.append(mark._replace(text=mark.text.ljust(each)))
        lines.append(spans)
    return lines


def _mark(request: Request, tags: Tags) -> Span:
    if request.answer is not Answer.ANSWERED:
        return Span("✗", "bad")
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
    if not summary.total:
        return [Span("  waiting for the first answer", "dim")]
    lost = {
        Answer.TIMED_OUT: summary.timeouts, Answer.REFUSED: summary.refused,
        Answer.DNS_FAILED: summary.dns_failed, Answer.FAILED: summary.failed,
    }  # fmt: skip
    failed = {answer.value: count for answer, count in lost.items() if count}
    room = max(6, min(24, (width - 40) // max(1, len(summary.by_cluster) + len(failed))))
    parts: list[Line] = []
    for name, count in sorted(summary.by_cluster.items()):
        found = folded(name, tags)
        bar = Span("█" * max(1, round(room * count / summary.total)), cluster_role(found[1]) if found else "warn")
        parts.append([Span(f"{safe(name, 24) or 'unknown'} {count} "), bar])
    for word, count in failed.items():
        parts.append([Span(f"{word} {count} "), Span("█" * max(1, round(room * count / summary.total)), "bad")])
    return [Span(" "), *joined(parts, "  ")]


def _times(summary: Summary) -> Line:
    """`p50 3 ms  p90 4 ms  p95 12 ms  p99 20 ms  max 2.0 s`."""
    if not summary.total:
        return ()
    named = (("p50", summary.p50), ("p90", summary.p90), ("p95", summary.p95), ("p99", summary.p99))
    parts = [f"{name} {ms(value)}" for name, value in named] if summary.answered else []
    return [Span(" " + "  ".join([*parts, f"max {ms(summary.max)}"]), "dim")]


def _verdict(run: Run) -> list[Line]:
    """When the run is over: whether the split is what was expected."""
    verdict = run.verdict if not run.running and run.requests else None
    if verdict is None:
        return []
    glyph, role = _FITS[verdict.fit]
    return [[Span(f" {glyph} {safe(verdict.text, 120)}", role)]]


def result_words(run: Run) -> tuple[str, str, str]:
    """What came of a run as one sentence, with its role and glyph: for screens that do not show its pane."""
    summary = run.summary
    answered = [f"{safe(name, 24) or 'unknown'} {count}" for name, count in sorted(summary.by_cluster.items())]
    verdict = run.verdict if run.requests else None
    glyph, role = _FITS[verdict.fit] if verdict is not None else (status.WARNING, "warn")
    told = f"{summary.answered} of {summary.total} answered" + (f" ({', '.join(answered)})" if answered else "")
    why = run.problem or (verdict.text if verdict is not None else "nothing was asked")
    return f"{safe(run.origin, 60)} → {safe(run.target, 60)}: {told} · {safe(why, 200)}", role, glyph


def _pods(summary: Summary, tags: Tags, width: int) -> Line:
    """`pods  K …4mk87 3  T …jqgrf 2`, as far as flows tell and room allows."""
    parts: list[Line] = []
    room = width - 7
    for name, count in summary.by_pod.items():
        cluster, _, pod = name.partition("/")
        found = folded(cluster, tags)
        short = f"…{pod.rpartition('-')[2]}" if "-" in pod else pod
        part = [*([tag(*found), Span(" ")] if found else []), Span(f"{safe(short, 30)} {count}")]
        room -= width_of(part) + 2
        if room < 2 and parts:
            parts.append([Span("…", "dim")])
            break
        parts.append(part)
    return [Span(" pods  ", "dim"), *joined(parts, "  ")] if parts else ()


def _apart(summary: Summary, tags: Tags) -> Line:
    """`K p50 2 ms p99 3 ms · T p50 4 ms p99 9 ms`, when more than one cluster answered."""
    if len(summary.latency_by_cluster) < 2:
        return ()
    parts: list[Line] = []
    for name, times in summary.latency_by_cluster.items():
        found = folded(name, tags)
        who = tag(*found) if found else Span(safe(name, 24) or "unknown", "warn")
        parts.append([who, Span(f" p50 {ms(times.p50)} p95 {ms(times.p95)} max {ms(times.max)}", "dim")])
    return [Span(" "), *joined(parts)]


def _histogram(summary: Summary) -> Line:
    """`1 ms ▁▇▇▃ 20 ms`: answered requests by how long they took, from the fastest bucket used to the slowest."""
    used = [n for n, count in enumerate(summary.histogram) if count]
    if not used:
        return ()
    first, last = used[0], used[-1]
    most = max(summary.histogram)
    bars = "".join(
        " " if not count else BARS[min(7, round(7 * count / most))] for count in summary.histogram[first : last + 1]
    )
    low = f"≤ {ms(BOUNDS[first])}" if first < len(BOUNDS) else f"> {ms(BOUNDS[-1])}"
    high = f"≤ {ms(BOUNDS[last])}" if last < len(BOUNDS) else f"> {ms(BOUNDS[-1])}"
    return [Span(f" {low} ", "dim"), Span(bars, "info"), Span(f" {high}" if last > first else "", "dim")]


_FITS = {
    Fit.NOTHING: (status.WARNING, "warn"),
    Fit.FAILED: (status.BAD, "bad"),
    Fit.EXPECTED: (status.OK, "ok"),
    Fit.UNANSWERED: (status.BAD, "bad"),
    Fit.UNLIKELY: (status.WARNING, "warn"),
    Fit.IMPOSSIBLE: (status.BAD, "bad"),
}


_TOLD = 500
"""Requests whose stories are looked at."""


def _stories(run: Run) -> list[str]:
    """The different stories of requests that failed, told once each: only their numbers differ."""
    stories: dict[str, list[str]] = {}
    for request in run.requests[-_TOLD:]:
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
