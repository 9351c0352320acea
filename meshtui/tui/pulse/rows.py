"""The pulse's lines: a sparkline each for drops, requests and latency of every cluster; unmeasured time is a dot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from meshtui.core.health.model import Judgement
from meshtui.core.health.pulse import Pulse
from meshtui.core.health.tally import BUCKET_SECONDS
from meshtui.core.model.state import Cluster, Phase
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, clip, fit, safe, tag, wrapped

BARS = "▁▂▃▄▅▆▇█"
UNMEASURED = "·"
_NUMBER = 9
"""Cells of the number behind each sparkline."""
_COLUMNS = 3
_NAME_MOST = 24

Values = Sequence[int | float | None]


class Scales(NamedTuple):
    """What a full bar means, the same for all clusters: per bucket, and milliseconds."""

    drops: float
    requests: float
    latency: float


class Widths(NamedTuple):
    """Cells of the cluster's name, of its tag, and of each sparkline."""

    name: int
    tag: int
    spark: int


def scales(pulses: Iterable[Pulse]) -> Scales:
    """The highest value of any cluster, so that their bars can be compared."""
    found = list(pulses)

    def top(name: str) -> float:
        return max((value for pulse in found for value in getattr(pulse, name) if value is not None), default=0)

    return Scales(top("drops"), top("requests"), top("latency"))


def widths(clusters: Sequence[Cluster], width: int) -> Widths:
    """The sparklines share what the names leave; on a small screen they show less of the past."""
    tags = max((len(cluster.tag) for cluster in clusters), default=1) + 1
    name = min(_NAME_MOST, max((len(cluster.name) for cluster in clusters), default=8))
    name = min(name, max(8, width // 5))
    left = width - 3 - tags - name - 1 - _COLUMNS * (_NUMBER + 2)
    return Widths(name, tags, max(4, min(60, left // _COLUMNS)))


def sparkline(values: Values, width: int, top: float) -> str:
    """The newest `width` values as bars of `top`; nothing counted is the lowest bar, not measured a dot."""
    return "".join(_bar(value, top) for value in values[-width:])


def _bar(value: float | None, top: float) -> str:
    if value is None:
        return UNMEASURED
    if not value or not top:
        return BARS[0]
    return BARS[max(1, min(len(BARS) - 1, round(value / top * (len(BARS) - 1))))]


def heads(at: Widths, scale: Scales) -> Line:
    """What stands in the columns, and what a full bar means."""

    def head(name: str, full: str) -> Span:
        return Span(fit(f"{name} {full}".rstrip(), at.spark + _NUMBER + 1) + " ", "dim")

    def per_second(value: float) -> str:
        return f"█={_short(value / BUCKET_SECONDS)}/s" if value else ""

    latency = f"█={_short(scale.latency)} ms" if scale.latency else ""
    lead = Span("   " + " " * at.tag + fit("cluster", at.name) + " ", "dim")
    return [lead, head("drops", per_second(scale.drops)), head("requests", per_second(scale.requests)),
            head("latency", latency)]  # fmt: skip


def cluster_lines(cluster: Cluster, pulse: Pulse, judgement: Judgement, at: Widths, scale: Scales, width: int,
                  *, open_: bool) -> list[Line]:  # fmt: skip
    """A cluster's line; under the cursor, or where requests come to nothing, a sentence beneath."""
    judged = judgement.cluster(cluster.context)
    glyph = status.verdict(judged.verdict, "")
    line = [Span(f" {glyph.text.strip():<2}", glyph.role), tag(fit(cluster.tag, at.tag), cluster.index)]
    line.append(Span(f"{fit(safe(cluster.name, 80), at.name)} ", "strong"))
    if not pulse.measured:
        return [clip([*line, Span(f"{status.NOTHING} {_why_not(cluster)}", "warn")], width)]
    drops, asked, failed = (pulse.rate(v) for v in (pulse.drops, pulse.requests, pulse.failed))
    line += _cell(pulse.drops, at, scale.drops, _rate(drops), "bad" if drops else "dim")
    line += _cell(pulse.requests, at, scale.requests, _rate(asked), "warn" if failed else "info")
    latency = pulse.latency_ms
    told = f"{_short(latency)} ms" if latency is not None else "–"
    line += _cell(pulse.latency, at, scale.latency, told, "info")
    lines: list[Line] = [clip(line, width)]
    if open_ or failed:
        for text, role in _sentences(pulse):
            lines += [[Span(part, role)] for part in wrapped(text, width, indent=6)]
    return lines


def _cell(values: Values, at: Widths, top: float, number: str, role: str) -> list[Span]:
    bars = sparkline(values, at.spark, top).rjust(at.spark)
    return [Span(bars, role if top else "dim"), Span(" " + fit(number, _NUMBER, right=True) + " ", role)]


def _sentences(pulse: Pulse) -> Iterable[tuple[str, str]]:
    """How the requests of the last minute fared, or why that is not measured."""
    if pulse.narrowed:
        yield (
            "requests and latency are not measured while a filter is asked of the Relays: esc in Flows lifts it",
            "warn",
        )
        return
    asked = sum(value for value in pulse.requests[-13:-1] if value)
    failed = sum(value for value in pulse.failed[-13:-1] if value)
    drops = sum(value for value in pulse.drops[-13:-1] if value)
    words = f"last minute: {drops} packets dropped on its nodes, {asked} requests of its pods"
    words += f", {failed} of them failed" if failed else ""
    if pulse.latency_ms is None:
        words += "; no latency was measured"
    else:
        words += f"; half of the answers came within {_short(pulse.latency_ms)} ms (SYN to SYN, ACK at the client)"
    yield words, "bad" if failed else "dim"


def _why_not(cluster: Cluster) -> str:
    """Why there is nothing to show of a cluster."""
    relay = cluster.relay
    why = status.error_text(relay.link.error) if relay.link.error is not None else "no flows come from this cluster"
    if relay.link.phase is Phase.LIVE:
        why = "its source of flows is live, and no flow came in the last five minutes"
    return f"nothing is measured: {why}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{_short(value)}/s"


def _short(value: float) -> str:
    """Two telling digits."""
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"


def row_text(cluster: Cluster, pulse: Pulse) -> str:
    """A cluster's line as copied."""
    latency = f"{_short(pulse.latency_ms)} ms" if pulse.latency_ms is not None else "not measured"
    asked, drops = _rate(pulse.rate(pulse.requests)), _rate(pulse.rate(pulse.drops))
    return f"{safe(cluster.name, 80)}: drops {drops}, requests {asked}, latency {latency}"


def of_each(clusters: Iterable[Cluster], pulses: Mapping[str, Pulse]) -> list[tuple[Cluster, Pulse]]:
    """Clusters with their pulse; one that nothing is known of has an empty one."""
    return [(cluster, pulses.get(cluster.context, Pulse())) for cluster in clusters]
