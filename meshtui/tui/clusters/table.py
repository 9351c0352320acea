"""The Clusters pane for many clusters or nodes: a line each with counts and a link matrix; what is not well unfolds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from meshtui.core.health.model import Judged, Judgement, Verdict
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Node
from meshtui.core.model.order import natural
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.tui.clusters.rows import Block, failures
from meshtui.tui.header import time_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, clip, fit, safe, tag, wrapped

_LETTERS = {
    Verdict.WELL: "✔",
    Verdict.IDLE: "–",
    Verdict.RECOVERING: "!",
    Verdict.UNKNOWN: "◌",
    Verdict.STALE: "!",
    Verdict.CONTRADICTED: "✗",
    Verdict.FAILING: "✗",
}
_TOGETHER = 3
"""As many nodes with the same words are told in one line."""
_NAME_LEAST = 10
"""Cells a cluster's name keeps when everything else has given way."""
HEADER = ("header",)


class Column(NamedTuple):
    """One column: its head, its width in cells, what stands in it."""

    head: str
    width: int
    cell: Callable[[Cluster, Judgement], Span]


def _number(cluster: Cluster, _: Judgement) -> Span:
    return Span(str(cluster.id) if cluster.id else "–", "" if cluster.id else "dim")


def _kubernetes(cluster: Cluster, _: Judgement) -> Span:
    return Span(".".join(safe(cluster.version, 20).split(".")[:2]) or "–", "dim")


def _cilium(cluster: Cluster, _: Judgement) -> Span:
    known = cluster.config is not None and cluster.config.version != (0, 0)
    return Span("{}.{}".format(*cluster.config.version) if known and cluster.config else "?", "dim")


def _nodes(cluster: Cluster, judgement: Judgement) -> Span:
    """`19/20`: Ready of all; red when one is not."""
    if r.NODES not in cluster.objects:
        return Span(status.WAITING, "dim")
    total = len(cluster.nodes)
    ready = sum(map(is_ready, cluster.nodes.values()))
    nodes, context = judgement.nodes, cluster.context
    ill = any((judged := nodes.get((context, name))) is not None and judged.verdict.bad for name in cluster.nodes)
    role, glyph = ("bad", f"{status.BAD} ") if ready < total or ill else ("", "")
    return Span(f"{glyph}{ready}/{total}", role)


def is_ready(node: Node) -> bool:
    """Whether its kubelet says so, which tells it last: asked of thousands of nodes at each tick."""
    for condition in reversed(node.status.conditions or ()):
        if condition.type == "Ready":
            return condition.status == "True"
    return False


def _agents(cluster: Cluster, _: Judgement) -> Span:
    """Agents that answered, of the nodes there are."""
    total = len(cluster.nodes) or len(cluster.agents)
    heard = len(cluster.agents)
    if not total:
        return Span(status.WAITING, "dim")
    return Span(f"{heard}/{total}", "" if heard >= total else "warn")


def _flows(cluster: Cluster, _: Judgement) -> Span:
    relay = cluster.relay
    if relay.link.phase is Phase.LIVE:
        return Span(f"{relay.rate:.0f}/s", "")
    shown = status.phase(relay.link.phase)
    return Span(shown.text.partition(" ")[0], shown.role)


COLUMNS = (
    Column("id", 4, _number),
    Column("k8s", 6, _kubernetes),
    Column("cilium", 7, _cilium),
    Column("nodes", 9, _nodes),
    Column("agents", 8, _agents),
    Column("flows", 8, _flows),
)
GIVE_WAY = ("k8s", "id", "cilium", "flows", "agents")
"""The order in which columns give way to names and the matrix; nodes stay."""


def is_table(mesh: Mesh, height: int) -> bool:
    """Whether clusters stand in a table: more than two of them, or more nodes than fit into `height` lines."""
    clusters = mesh.clusters.values()
    lines = sum(len(cluster.nodes) + len(mesh.clusters) + 1 for cluster in clusters)
    return len(mesh.clusters) > 2 or lines > max(height, 14)


def blocks(mesh: Mesh, width: int, judgement: Judgement, now: float, *, utc: bool) -> list[Block]:
    """The heads, then each cluster with what is not well beneath it; keys are `(kind, context, …)`."""
    columns, room = columns_for(mesh, width)
    telling = telling_of(judgement)
    result: list[Block] = [(HEADER, [clip(_heads(mesh, columns, room), width)])]
    for cluster in mesh.clusters.values():
        result.append((("cluster", cluster.context), [clip(_cluster(mesh, cluster, judgement, columns, room), width)]))
        result += list(_unwell(mesh, cluster, telling, now, width, utc=utc))
    return result


def columns_for(mesh: Mesh, width: int) -> tuple[list[Column], int]:
    """Which columns fit, and the cells left for names: names get spare cells first."""
    matrix = 1 + sum(max(1, len(cluster.tag)) + 1 for cluster in mesh.clusters.values())
    longest = max((len(cluster.name) for cluster in mesh.clusters.values()), default=0)
    columns = list(COLUMNS)
    tags = 1 + max((len(cluster.tag) for cluster in mesh.clusters.values()), default=1)
    for name in GIVE_WAY:
        left = width - matrix - tags - 3 - sum(column.width for column in columns)
        if left >= min(longest, 24):
            break
        columns = [column for column in columns if column.head != name]
    left = width - matrix - tags - 3 - sum(column.width for column in columns)
    return columns, max(_NAME_LEAST, min(longest + 1, left))


def _heads(mesh: Mesh, columns: Sequence[Column], room: int) -> Line:
    tags = 1 + max((len(cluster.tag) for cluster in mesh.clusters.values()), default=1)
    heads = "".join(f"{column.head:<{column.width}}" for column in columns)
    line = [Span(f"  {'':<{tags}}{fit('cluster', room)} {heads}", "dim")]
    for cluster in mesh.clusters.values():
        line += [tag(fit(cluster.tag, max(1, len(cluster.tag))), cluster.index), Span(" ")]
    return line


def _cluster(mesh: Mesh, cluster: Cluster, judgement: Judgement, columns: Sequence[Column], room: int) -> Line:
    judged = judgement.cluster(cluster.context)
    glyph = status.verdict(judged.verdict, "")
    tags = 1 + max((len(other.tag) for other in mesh.clusters.values()), default=1)
    line = [Span(f"{glyph.text.strip():<2}", glyph.role), tag(fit(cluster.tag, tags), cluster.index)]
    line += [Span(f"{fit(safe(cluster.name, 80), room)} ", "strong")]
    for column in columns:
        cell = column.cell(cluster, judgement)
        line.append(Span(f"{fit(cell.text, column.width - 1)} ", cell.role))
    return [*line, *_matrix(mesh, cluster, judgement)]


def _matrix(mesh: Mesh, cluster: Cluster, judgement: Judgement) -> Iterator[Span]:
    """One mark for each cluster this one looks at."""
    for other in mesh.clusters.values():
        wide = max(1, len(other.tag))
        if other is cluster:
            yield Span(f"{'·':<{wide}} ", "dim")
            continue
        verdict = judgement.link(cluster.context, other.name).verdict
        yield Span(f"{_LETTERS[verdict]:<{wide}} ", status.verdict(verdict, "").role)


Telling = dict[str, dict[str, dict[str, Judged]]]
"""Context → kind → name → what is not well."""


def telling_of(judgement: Judgement) -> Telling:
    """What is not well of all clusters, found in one walk: there are thousands of nodes."""
    found: Telling = {}
    judged: tuple[tuple[str, Mapping[tuple[str, str], Judged]], ...] = (
        ("node", judgement.nodes),
        ("link", judgement.links),
        ("component", judgement.components),
    )
    for kind, of_kind in judged:
        for (context, name), each in of_kind.items():
            if _tells(each):
                found.setdefault(context, {}).setdefault(kind, {})[name] = each
    return found


def _unwell(mesh: Mesh, cluster: Cluster, telling: Telling, now: float, width: int, *, utc: bool) -> Iterator[Block]:
    """What is not well in a cluster, in words, with since when; what has one reason is told once."""
    for number, error in enumerate(failures(cluster)[:2]):
        told: list[Line] = [*status.error_lines(error, width, most=3)]
        yield ("failure", cluster.context, number), told
    context, away = cluster.context, cluster.api.phase is not Phase.LIVE
    silent: list[Judged] = []
    kinds = telling.get(context, {})
    for kind in ("node", "link", "component"):
        unwell: Mapping[str, Judged] = kinds.get(kind, {})
        if away:  # of a cluster that does not answer nothing new is known: that is one thing, told once
            silent += [judged for judged in unwell.values() if judged.verdict is Verdict.STALE]
            unwell = {name: judged for name, judged in unwell.items() if judged.verdict is not Verdict.STALE}
        yield from _of_kind(mesh, cluster, kind, unwell, now, width, utc=utc)
    unready = [name for name, node in cluster.nodes.items() if not is_ready(node) and name not in kinds.get("node", {})]
    for name in sorted(unready, key=natural):
        state = status.node(cluster.nodes[name])
        glyph, _, word = state.text.partition(" ")
        yield ("node", context, name), [[Span(f"  {glyph} {safe(name, 60)}  {word}", state.role)]]
    if silent:
        counts = Counter(judged.subject.what.value for judged in silent)
        what = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts.items())
        first = min(silent, key=lambda each: each.since or now)
        yield ("stale", context), _told(what, replace(first, words="nothing new is heard of them"), now, width, utc=utc)


def _of_kind(
    mesh: Mesh, cluster: Cluster, kind: str, unwell: Mapping[str, Judged], now: float, width: int, *, utc: bool
) -> Iterator[Block]:
    """Nodes, links or components that are not well; those of which the same is told stand together."""
    for names in _alike(unwell):
        first = min((unwell[name] for name in names), key=lambda each: each.since or now)
        if len(names) < _TOGETHER:
            for name in names:
                label = _label(mesh, cluster, kind, name)
                yield (kind, cluster.context, name), _told(label, unwell[name], now, width, utc=utc)
            continue
        told = ", ".join(_label(mesh, cluster, kind, name) for name in names)
        who = clip([Span(f"    {safe(told, 1000)}", "dim")], width)
        lines = _told(f"{len(names)} {kind}s", first, now, width, utc=utc)
        yield (f"{kind}s", cluster.context, first.words), [*lines, who]


def _label(mesh: Mesh, cluster: Cluster, kind: str, name: str) -> str:
    """A node's or component's name, `link K→B`."""
    if kind != "link":
        return safe(name, 60)
    target = mesh.by_name(name)
    return f"link {cluster.tag}→{target.tag if target is not None else safe(name, 24)}"


def _alike(unwell: Mapping[str, Judged]) -> list[list[str]]:
    """Names of which the same is told stand together, all in natural order."""
    groups: dict[object, list[str]] = {}
    for name in sorted(unwell, key=natural):
        groups.setdefault((unwell[name].verdict, unwell[name].words), []).append(name)
    return list(groups.values())


def _tells(judged: Judged) -> bool:
    return judged.verdict.bad or judged.verdict in (Verdict.STALE, Verdict.RECOVERING)


def _told(name: str, judged: Judged, now: float, width: int, *, utc: bool) -> list[Line]:
    """`✗ link K→B  ready, but its nodes don't answer · for 48 s`."""
    mark = status.verdict(judged.verdict, "")
    since = f" · for {ago(now - judged.since)}" if judged.since else ""
    if judged.since and now - judged.since > 3600:
        since = f" · since {time_text(judged.since, utc=utc)}"
    text = f"{mark.text.strip()} {name}  {safe(judged.words, 300)}{since}"
    if len(text) + 2 <= width:
        return [[Span(f"  {text}", mark.role)]]
    return [[Span(line, mark.role)] for line in wrapped(text, width, indent=2)]


def ago(seconds: float) -> str:
    """`48 s`, `3 m`, `2 h`."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} m" if seconds < 5400 else f"{seconds / 3600:.0f} h"
