"""The Flows pane's frame: what is shown and how much comes on top, which filter runs where at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshtui.core.flows.account.gaps import amount, fate, missing_in_all
from meshtui.core.flows.assignment import feed_of
from meshtui.core.flows.filter import FlowFilter, Question
from meshtui.core.flows.store import FlowStore
from meshtui.core.model.state import Cluster, FlowSource, Mesh, Phase
from meshtui.tui.flows.rows import stamp_text
from meshtui.tui.widgets.paint import Line, Span, safe, tag

_SHORT = {
    FlowSource.RELAY_DIRECT: "",
    FlowSource.RELAY_FORWARD: "",
    FlowSource.AGENTS: " agents",
    FlowSource.REPLAY: " file",
    FlowSource.NONE: " no source",
}
_EACH = 3
"""Of more clusters than this the rates are added up."""
_PRESETS = {"all": "all verdicts", "l7": "L7", "dns": "DNS", "service": "one service"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person asked to see."""

    view: str
    """`events`, `sums`, …"""
    preset: str
    detail: str = ""
    """Order of the sums, or the row whose events these are."""
    waiting: int | None = None
    """Flows that came while paused."""
    recording: str = ""


def title(shown: Shown, mesh: Mesh, store: FlowStore, now: float = 0.0) -> str:
    """`paused, 7 waiting ─ dropped ─ missing 40 ─ K 51/s T 48/s ─ lost 12 ─ 1 node away`."""
    preset = _PRESETS.get(shown.preset, shown.preset)
    missing = missing_in_all(store.gaps)
    parts = [
        shown.view if shown.view != "events" else "",
        preset,
        f"missing {missing}" if missing else "",
        rates(mesh, now),
    ]
    lost = sum(cluster.relay.lost for cluster in mesh.clusters.values())
    parts.append(f"lost {lost}" if not store.shed else f"lost {lost} · sampled, {store.shed} left out")
    away = sum(len(cluster.relay.nodes_unavailable) for cluster in mesh.clusters.values())
    if away:
        parts.append(f"{away} node{'s' * (away > 1)} away")
    if shown.waiting is not None:
        parts.insert(0, f"paused, {shown.waiting} waiting")
    if shown.recording:
        parts.append(shown.recording)
    return " ─ ".join(filter(None, parts))


def rates(mesh: Mesh, now: float = 0.0) -> str:
    """`K 51/s  T 48/s agents`: different flows per second by the observing node's cluster, and an unusual source."""
    if len(mesh.clusters) > _EACH:
        return _rates_together(mesh, now)
    told = []
    for context, cluster in mesh.clusters.items():
        if cluster.recorded:
            told.append(f"{cluster.tag} file")
            continue
        feed = feed_of(mesh, context)
        through = mesh.clusters[feed.through].tag if feed.through else ""
        how = f" via {through}" if through else _stale(cluster, now) or _SHORT[feed.source]
        told.append(f"{cluster.tag} {cluster.relay.rate:.0f}/s{how}")
    return "  ".join(told)


def _stale(cluster: Cluster, now: float) -> str:
    """` stale 12 s`: nothing of its flows has come since, from anywhere."""
    link = cluster.relay.link
    if link.phase is not Phase.STALE:
        return ""
    return f" stale {max(0.0, now - link.since):.0f} s" if link.since and now else " stale"


def _rates_together(mesh: Mesh, now: float) -> str:
    """`620/s  K T no source`: the sum, and the clusters whose flows come in an unusual way, or not at all."""
    unusual: dict[str, list[str]] = {}
    for context, cluster in mesh.clusters.items():
        feed = feed_of(mesh, context)
        through = mesh.clusters[feed.through].tag if feed.through else ""
        usual = f" via {through}" if through else _stale(cluster, now) or _SHORT[feed.source]
        if how := " file" if cluster.recorded else usual:
            unusual.setdefault(how, []).append(cluster.tag)
    told = [f"{sum(cluster.relay.rate for cluster in mesh.clusters.values()):.0f}/s"]
    for how, tags in unusual.items():
        told.append(("all" if len(tags) == len(mesh.clusters) else " ".join(tags)) + how)
    return "  ".join(told)


def where_it_runs(preset: str, typed: FlowFilter, hidden: Sequence[str], detail: str = "") -> str:
    """`at the servers: from-pod:x · here: verdict:DROPPED hide:probes`; empty when nothing is filtered."""
    here = typed.to_server()[2].terms
    there = [str(term) for term in typed.terms if term not in here]
    mine = [*filter(None, [preset]), *map(str, here), *(f"hide:{name}" for name in hidden)]
    parts = [f"at the servers: {' '.join(there)}" if there else "", f"here: {' '.join(mine)}" if mine else "", detail]
    return safe(" · ".join(filter(None, parts)), 400)


def source_lines(mesh: Mesh, store: FlowStore, *, utc: bool, now_ns: int = 0) -> list[Line]:
    """Who feeds each cluster, through what, at which rate; nodes that are away; what was lost or is missing; gaps."""
    lines: list[Line] = []
    for context, cluster in mesh.clusters.items():
        relay, feed = cluster.relay, feed_of(mesh, context)
        text = f"{feed.text}, {relay.rate:.1f} flows/s, {relay.link.phase.value}"
        lines.append(
            [Span(" "), tag(cluster.tag, cluster.index, bracket=True), Span(f" {safe(cluster.name, 40)}  {text}")]
        )
        facts = {
            "address": relay.address,
            "nodes that tell": ", ".join(relay.nodes) or str(relay.nodes_connected),
            "nodes away": ", ".join(relay.nodes_unavailable),
            "nodes": "not told: the Relay waits for one it cannot reach" if relay.held_up else "",
            "events lost": str(relay.lost) if relay.lost else "0",
        }
        lines += [_fact(name, value) for name, value in facts.items() if value]
        lines += [_fact(f"  {where}", str(count)) for where, count in relay.lost_where]
        lines += _counts(cluster.name, store, now_ns)
        if relay.link.error is not None:
            lines.append([Span(f"     {safe(str(relay.link.error), 200)}", "bad")])
            lines.append([Span(f"     → {safe(relay.link.error.hint, 200)}", "dim")])
    lines += [(), [Span(" kept", "strong")]]
    kept = f"{len(store):,} of at most {store.capacity:,}"
    lines.append(_fact("flows", kept))
    lines.append(_fact("seen", f"{store.seen:,}, of which {store.duplicates:,} came twice and count once"))
    if store.account.suspended:
        lines.append(_fact("missing", f"not counted: {store.account.suspended}"))
    if store.too_old or store.shed:
        lines.append(_fact("left out", f"{store.shed:,} sampled away under load, {store.too_old:,} too old to keep"))
    lines += [(), [Span(" gaps", "strong")], *_gaps(store, utc=utc)]
    return lines


def _counts(cluster: str, store: FlowStore, now_ns: int) -> list[Line]:
    """Each node of a cluster: how many events it saw, and how many of them are here."""
    lines = []
    for node in store.account.nodes():
        if not node.startswith(f"{cluster}/"):
            continue
        balance = store.account.balance(node, now_ns)
        lost = f", lost by itself {balance.told:,}" if balance.told else ""
        missing = amount(balance.least, balance.most) if balance.least or balance.most is None else "none"
        text = (
            f"seen {balance.seen:,}, here {balance.here:,}{lost}, missing {missing}"
            if balance.proven
            else "being counted"
        )
        lines.append(_fact(node.removeprefix(f"{cluster}/").removeprefix(f"{cluster}-"), text))
    return lines


def _gaps(store: FlowStore, *, utc: bool) -> list[Line]:
    if not store.gaps:
        return [_fact("", "none")]
    lines: list[Line] = []
    for gap in reversed(store.gaps):
        start = stamp_text(gap.start_ns, utc=utc)
        length = f"{(gap.end_ns - gap.start_ns) / 1e9:.1f} s, " if gap.end_ns is not None else ""
        text = f"{length}{fate(gap)}"
        lines.append(_fact(start, f"{gap.source}: {text}{f' · {gap.cause}' if gap.cause else ''}"))
    return lines


def _fact(name: str, value: str) -> Line:
    return [Span(f"     {safe(name, 60):<16} ", "dim"), Span(safe(value, 300))]


def subtitle(question: Question, behind: str, detail: str) -> str:
    """Which sum's events are shown, which filter runs where, and what the view says of itself."""
    back = f"behind {behind} (esc goes back)" if question.behind is not None else ""
    preset = question.preset_text if question.preset != "dropped" or question.text else ""
    runs = where_it_runs(preset, question.typed, question.hidden)
    return " · ".join(filter(None, [back, runs, detail]))


def nothing_lines(question: Question, problem: str = "") -> list[Line]:
    """Nothing to see is an answer, too; `problem`: why there may be nothing."""
    dropped = question.preset == "dropped"
    words = "no dropped flows so far" if dropped else "no flows so far"
    line = [Span(f" {words}{' that match the filter' if question.text else ''}", "dim")]
    if dropped:
        line += [Span(" · ", "dim"), Span("v", "key", "flows.verdicts"), Span(" shows all verdicts", "dim")]
    return [line, [Span(f" {safe(problem, 300)}", "warn")]] if problem else [line]
