"""A run's timeline: one column per second, who answered in it, and the sentences on what moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.core.load.moves import moved
from meshtui.core.load.run import Run
from meshtui.core.load.tally import Second
from meshtui.tui.flows.rows import Tags
from meshtui.tui.widgets.paint import Line, Span, cluster_role, safe

BARS = "▁▂▃▄▅▆▇█"


def timeline(run: Run, tags: Tags, width: int, *, utc: bool) -> list[Line]:
    """The last seconds, newest on the right: a bar as high as its answers, in the colour of who gave most, below it
    the tag of whoever that was; `✗` where nobody answered. Then what moved, and the longest gap.
    """
    seconds = _filled(run.tally.timeline, max(8, width - 4))
    if not seconds:
        return []
    most = max(1, *(second.answered for second in seconds))
    bars = [_bar(second, most, tags) for second in seconds]
    names = [_letter(second, tags) for second in seconds]
    lines: list[Line] = [[Span("  "), *bars], [Span("  "), *names]]
    told = moved(run.tally.moves.found[-4:], run.summary, utc=utc)
    return lines + [[Span(f" ↷ {safe(sentence, width - 4)}", "info")] for sentence in told]


def _filled(kept: Sequence[Second], room: int) -> list[Second]:
    """The last `room` seconds without holes."""
    if not kept:
        return []
    known: Mapping[int, Second] = {second.at: second for second in list(kept)[-room:]}
    last = kept[-1].at
    first = max(kept[0].at, last - room + 1)
    return [known.get(at) or Second(at) for at in range(first, last + 1)]


def _leader(second: Second) -> str:
    return max(second.by_cluster, key=lambda name: second.by_cluster[name], default="")


def _bar(second: Second, most: int, tags: Tags) -> Span:
    if not second.answered:
        return Span("✗", "bad") if second.failed else Span("·", "dim")
    height = BARS[min(7, round(7 * second.answered / most))]
    return Span(height, _colour(_leader(second), tags))


def _letter(second: Second, tags: Tags) -> Span:
    if not second.answered:
        return Span(" ")
    answering = [name for name, count in second.by_cluster.items() if count]
    if len(answering) > 1:
        return Span("+", "dim")
    found = _tag(answering[0], tags)
    return Span(found[0][:1] if found else "?", _colour(answering[0], tags))


def _tag(name: str, tags: Tags) -> tuple[str, int] | None:
    return next((found for known, found in tags.items() if known.casefold() == name.casefold()), None)


def _colour(name: str, tags: Tags) -> str:
    found = _tag(name, tags)
    return cluster_role(found[1]) if found else "warn"
