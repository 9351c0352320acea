"""The Clusters pane's lines: each cluster, its nodes, its links, where its flows come from, and what failed."""

from __future__ import annotations

from collections.abc import Hashable

from meshtui.core.errors import MeshtuiError
from meshtui.core.health.model import Judgement, LinkHealth, Verdict
from meshtui.core.model import resources as r
from meshtui.core.model.links import remote_names
from meshtui.core.model.order import natural
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, joined, safe, tag, wrapped

Block = tuple[Hashable, list[Line]]
"""An item the cursor can be on, and its lines."""


def blocks(mesh: Mesh, width: int, judgement: Judgement | None = None) -> list[Block]:
    """Everything the pane shows, top to bottom; keys are `(kind, context, …)`."""
    result: list[Block] = []
    for cluster in mesh.clusters.values():
        now = judgement.at if judgement else 0.0
        result.append((("cluster", cluster.context), [head(cluster, width, now), *_failures(cluster, width)]))
        result += _nodes(cluster, width, judgement or Judgement())
        result += _links(mesh, cluster, judgement or Judgement())
        if cluster.api.phase is not Phase.CONNECTING and cluster.api.phase is not Phase.FAILED:
            result.append((("relay", cluster.context), _relay(cluster, width, now)))
    return result


def head(cluster: Cluster, width: int, now: float = 0.0) -> Line:
    """`[K] koornacht  id 1  k8s 1.36.2  cilium 1.21`, and the phase when it is not live, with its age while stale."""
    line = [tag(cluster.tag, cluster.index, bracket=True), Span(f" {safe(cluster.name, 40)}", "strong")]
    if cluster.id:
        line.append(Span(f"  id {cluster.id}"))
    if cluster.recorded:
        line.append(Span("  from a file", "dim"))
    elif cluster.api.phase is not Phase.LIVE:
        line += [Span("  "), status.aged(cluster.api, now)]
    if cluster.aliases:
        line.append(Span(f"  also {safe(', '.join(cluster.aliases), 60)}", "dim"))
    if cluster.read_only:
        line.append(Span("  read-only", "warn"))
    elif cluster.protected:
        line.append(Span("  protected", "warn"))
    if cluster.version:
        line.append(Span(f"  k8s {safe(cluster.version, 20)}", "dim"))
    if cluster.config and cluster.config.version != (0, 0):
        line.append(Span("  cilium {}.{}".format(*cluster.config.version), "dim"))
    if cluster.context != cluster.name and width > 70:
        line.append(Span(f"  context {safe(cluster.context, 40)}", "dim"))
    return line


def _failures(cluster: Cluster, width: int, most: int = 3) -> list[Line]:
    lines: list[Line] = []
    seen: set[str] = set()
    for error in failures(cluster):
        text = str(error)
        if text not in seen:
            seen.add(text)
            lines += status.error_lines(error, width, most=most)
    return lines


def told_in_full(cluster: Cluster, width: int) -> list[Line]:
    """Everything that failed in a cluster, nothing cut: for the details."""
    lines = _failures(cluster, width, 100)
    lines += [[Span(safe(line, 400), "warn")] for line in cluster.relay.refused]
    if cluster.relay.link.error is not None:
        lines += status.error_lines(cluster.relay.link.error, width)
    return lines


def failures(cluster: Cluster) -> list[MeshtuiError]:
    """What went wrong in one cluster, most important first; a failed API server explains all the rest."""
    if cluster.api.error is not None:
        return [cluster.api.error]
    found = [link.error for link in cluster.watches.values() if link.error and link.phase is Phase.FAILED]
    if cluster.config_error:
        found.append(cluster.config_error)
    found += list(cluster.agent_errors.values())[:1]
    if cluster.kvstoremesh_error:
        found.append(cluster.kvstoremesh_error)
    if cluster.access_error:
        found.append(cluster.access_error)
    return found


def _nodes(cluster: Cluster, width: int, judgement: Judgement) -> list[Block]:
    nodes = sorted(cluster.nodes.values(), key=lambda n: natural(n.name))
    if not nodes and r.NODES in cluster.objects:
        return [(("nodes", cluster.context), [[Span("  no nodes", "dim")]])]
    longest = max((len(n.name) for n in nodes), default=0)
    networks = max((len(n.spec.pod_cidr) for n in nodes), default=0)
    room = max(12, min(longest, width - 16 - min(24, networks)))
    result: list[Block] = []
    for item in nodes:
        judged = judgement.node(cluster.context, item.name)
        state = status.node(item)
        if judged.verdict is Verdict.STALE:
            state = Span(f"{status.WARNING} {state.text.partition(' ')[2]}", "warn")
        line = [Span(f"  {fit(safe(item.name), room)}  "), Span(fit(state.text, 11), state.role)]
        if judged.verdict is Verdict.STALE:
            line.append(Span(f"{judged.words.rpartition(', ')[2]}  ", "warn"))
        line.append(Span(f"{safe(item.spec.pod_cidr, 24)}", "dim"))
        if item.spec.unschedulable:
            line.append(Span("  cordoned", "warn"))
        if judged.verdict.bad:
            line += [Span("  "), status.verdict(judged.verdict, judged.words)]
        result.append((("node", cluster.context, item.name), [line]))
    return result


def _links(mesh: Mesh, cluster: Cluster, judgement: Judgement) -> list[Block]:
    if cluster.api.phase in (Phase.CONNECTING, Phase.FAILED) or not (cluster.id or cluster.agents):
        return []
    names = dict.fromkeys([*(c.name for c in mesh.clusters.values()), *remote_names(cluster)])
    links = [judgement.link(cluster.context, name) for name in names if name != cluster.name]
    return [(("link", cluster.context, x.subject.name), [_link(mesh, cluster, x)]) for x in links]


def _link(mesh: Mesh, cluster: Cluster, judged: LinkHealth) -> Line:
    target = mesh.by_name(judged.subject.name)
    there = tag(target.tag, target.index) if target else Span(safe(judged.subject.name, 24), "strong")
    here = tag(cluster.tag, cluster.index)
    return [Span("  link ", "dim"), here, Span("→"), there, Span(" "), status.verdict(judged.verdict, judged.words)]


def _relay(cluster: Cluster, width: int, now: float) -> list[Line]:
    relay = cluster.relay
    parts: list[Line] = [[status.aged(relay.link, now)]]
    if relay.link.phase is Phase.LIVE:
        parts.append([Span(relay.source.value)])
        parts.append([Span(f"{relay.rate:.0f}/s", "dim")])
        if relay.nodes_connected:
            parts.append([Span(f"{relay.nodes_connected} nodes", "dim")])
    if relay.held_up:
        parts.append([Span("held up by a node it cannot reach", "warn")])
    if relay.nodes_unavailable:
        parts.append([Span(f"{len(relay.nodes_unavailable)} nodes unavailable", "warn")])
    if relay.lost:
        parts.append([Span(f"lost {relay.lost}", "warn")])
    lines: list[Line] = [[Span("  flows ", "dim"), *joined(parts)]]
    for why in relay.refused[-2:]:
        lines += [[Span(f"    {line}", "warn")] for line in wrapped(safe(why, 300), width, indent=4)]
    if relay.link.error is not None:
        role = "dim" if relay.link.phase is Phase.ABSENT else "bad"
        lines += status.error_lines(relay.link.error, width, indent=4, role=role, most=3)
    return lines
