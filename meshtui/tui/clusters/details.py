"""Everything known of a cluster, a node or a link: what is claimed, what is observed and when, counts on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshtui.core.health.model import Judged, Judgement, Statement
from meshtui.core.model import resources as r
from meshtui.core.model.ciliumstatus import RemoteCluster
from meshtui.core.model.order import natural
from meshtui.core.model.state import Cluster, Mesh
from meshtui.tui.clusters.rows import told_in_full
from meshtui.tui.header import time_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, wrapped

SETTINGS = (
    "cluster-name", "cluster-id", "max-connected-clusters", "clustermesh-cache-ttl",
    "clustermesh-default-global-namespace", "policy-default-local-cluster", "enable-policy", "routing-mode",
    "tunnel-protocol", "tunnel-port", "kube-proxy-replacement", "bpf-lb-sock", "enable-wireguard", "enable-ipsec",
    "enable-ipv4", "enable-ipv6", "enable-l7-proxy", "monitor-aggregation",
    "enable-endpoint-slice-synchronization", "hubble-event-buffer-capacity",
)  # fmt: skip
"""Keys of cilium-config that decide how a mesh behaves, in the order they are told."""
_COUNTS = ("nodes", "identities", "endpoints", "shared services")


class RenderOptions(NamedTuple):
    """How and as of when lines are made."""

    judgement: Judgement
    now: float
    width: int
    utc: bool


def cluster_details(mesh: Mesh, cluster: Cluster, options: RenderOptions) -> list[Line]:
    """Versions, failures, components, nodes, links, settings, counts."""
    judged = options.judgement.cluster(cluster.context)
    lines: list[Line] = [verdict_line(judged, options), *_facts(cluster)]
    failed = told_in_full(cluster, options.width)
    lines += [(), *failed] if failed else []
    parts = [
        (name, part) for (context, name), part in options.judgement.components.items() if context == cluster.context
    ]
    lines += _section("Components", [_judged(name, part, options) for name, part in parts])
    lines += _section("Nodes", list(_nodes(cluster, options)))
    links = [
        (remote, link) for (context, remote), link in options.judgement.links.items() if context == cluster.context
    ]
    lines += _section("Links", [_judged(f"→ {remote}", link, options) for remote, link in links])
    lines += _section("Counts: here, and as the others hear of it", list(_both_sides(mesh, cluster)))
    return [*lines, *_section("Settings that matter to a mesh", list(_settings(cluster)))]


def node_details(cluster: Cluster, name: str, options: RenderOptions) -> list[Line]:
    """Conditions, the agent, health by claim and observation, the pods that run there."""
    judged = options.judgement.node(cluster.context, name)
    lines: list[Line] = [verdict_line(judged, options), *statements(judged, options)]
    node = cluster.nodes.get(name)
    if node is not None:
        lines += [(), [Span(" Conditions", "strong")]]
        for condition in node.status.conditions or ():
            role = "ok" if (condition.type == "Ready") == (condition.status == "True") else "bad"
            lines.append([Span(f"   {safe(condition.type, 40):<24}", "dim"), Span(safe(condition.status, 20), role)])
        addresses = ", ".join(safe(address.address, 60) for address in node.status.addresses or ())
        lines += [[Span("   pods        ", "dim"), Span(safe(node.spec.pod_cidr, 60) or "–")],
                  [Span("   addresses   ", "dim"), Span(addresses or "–")]]  # fmt: skip
    agent = cluster.agents.get(name)
    if agent is not None:
        lines += [(), [Span(" Agent ", "strong"), Span(safe(agent.cilium.msg or agent.cilium.state, 120))]]
        for controller in agent.failing_controllers[:5]:
            count = controller.status.consecutive_failure_count
            text = f"   {status.BAD} {controller.name} failed {count} times: {controller.status.last_failure_msg}"
            lines.append([Span(safe(text, 300), "bad")])
    pods = sorted((pod.key for pod in cluster.pods.values() if pod.spec.node_name == name), key=natural)
    shown: list[Line] = [[Span(f"   {safe(key, 120)}")] for key in pods[:60]]
    if len(pods) > len(shown):
        shown.append([Span(f"   … and {len(pods) - len(shown)} more", "dim")])
    return [*lines, *_section(f"Pods {len(pods)}", shown)]


def link_details(mesh: Mesh, cluster: Cluster, remote: str, options: RenderOptions) -> list[Line]:
    """What is claimed and observed both ways, and what each side counts of the other."""
    lines: list[Line] = []
    other = mesh.by_name(remote)
    for one, name in ((cluster, remote), (other, cluster.name)):
        if one is None:
            lines += [(), [Span(f" {safe(name, 60)} is not among the clusters looked at", "dim")]]
            continue
        link = options.judgement.link(one.context, name)
        lines += [(), [Span(f" {safe(one.name, 40)} → {safe(name, 40)}", "strong")], verdict_line(link, options)]
        lines += statements(link, options)
        if link.silent_nodes:
            lines.append([Span(f"   silent nodes {safe(', '.join(link.silent_nodes), 400)}", "bad")])
        lines += _heard(one, name)
    return [*lines, *_section("Counts on both sides", list(_both_sides(mesh, cluster)))]


def _heard(cluster: Cluster, remote: str) -> list[Line]:
    """What each agent and KVStoreMesh say of a remote cluster; agents that agree stand together."""
    groups: dict[str, list[str]] = {}
    for node, agent in cluster.agents.items():
        found = next((x for x in agent.remotes if x.name == remote), None)
        groups.setdefault(_says(found), []).append(node)
    lines: list[Line] = []
    for words, nodes in groups.items():
        who = f"{len(nodes)} agents" if len(nodes) > 1 else f"agent on {nodes[0]}"
        lines.append([Span(f"   {safe(who, 80):<22} ", "dim"), Span(safe(words, 300))])
    told = [found for found in cluster.kvstoremesh or () if found.name == remote]
    return [*lines, *([Span(f"   {'KVStoreMesh':<22} ", "dim"), Span(safe(_says(found), 300))] for found in told)]


def _says(found: RemoteCluster | None) -> str:
    if found is None:
        return "does not know it"
    words = ["connected" if found.connected else "not connected", "ready" if found.ready else "not ready"]
    synced = found.synced
    if synced is not None:
        missing = [name for name in ("nodes", "endpoints", "identities", "services") if not getattr(synced, name)]
        words.append("all synced" if not missing else f"not synced: {', '.join(missing)}")
    words.append(f"{found.num_nodes} nodes, {found.num_identities} identities, {found.num_endpoints} endpoints, "
                 f"{found.num_shared_services} services")  # fmt: skip
    if found.num_failures:
        words.append(f"{found.num_failures} failures, the last {found.last_failure}")
    return " · ".join([*words, *([found.status] if found.status else [])])


def verdict_line(judged: Judged, options: RenderOptions) -> Line:
    """A verdict in its own words, with since when."""
    since = f"  since {time_text(judged.since, utc=options.utc)}" if judged.since else ""
    return [Span(" "), status.verdict(judged.verdict, judged.words or judged.verdict.value), Span(since, "dim")]


def _judged(name: str, judged: Judged, options: RenderOptions) -> Line:
    since = f"  since {time_text(judged.since, utc=options.utc)}" if judged.since else ""
    words = status.verdict(judged.verdict, judged.words)
    return [Span(f"   {fit(safe(name, 60), 26)} "), words, Span(since, "dim")]


def statements(judged: Judged, options: RenderOptions) -> list[Line]:
    """What is claimed and what is observed, each with its source and its age."""
    lines: list[Line] = []
    for heading, statements in (("claimed", judged.claims), ("observed", judged.observations)):
        for statement in statements:
            lines += _statement(heading, statement, options)
    return lines


def _statement(heading: str, statement: Statement, options: RenderOptions) -> list[Line]:
    glyph, role = {True: (status.OK, "ok"), False: (status.BAD, "bad"), None: ("·", "dim")}[statement.passed]
    age = statement.age(options.now)
    when = f"{age:.0f} s ago" if age is not None else ""
    told = wrapped(safe(statement.text, 400), max(20, options.width - 42)) or [""]
    first = [Span(f"   {heading:<9}", "dim"), Span(f"{safe(statement.source.value, 24):<14}", "info")]
    lines: list[Line] = [[*first, Span(f"{glyph} {told[0]}", role), Span(f"  {when}", "dim")]]
    return [*lines, *([Span(" " * 28 + rest, role)] for rest in told[1:])]


def _facts(cluster: Cluster) -> Iterator[Line]:
    config = cluster.config
    known = "{}.{}".format(*config.version) if config and config.version != (0, 0) else "not known"
    for name, value in (
        ("context", cluster.context),
        ("server", cluster.server),
        ("Kubernetes", cluster.version or "not known"),
        ("Cilium", f"{known} in namespace {cluster.home}"),
        ("cluster id", str(cluster.id) if cluster.id else "none: not in a mesh"),
    ):
        yield [Span(f"   {name:<12}", "dim"), Span(safe(value, 200))]


def _section(heading: str, lines: Sequence[Line]) -> list[Line]:
    return [(), [Span(f" {heading}", "strong")], *lines] if lines else []


def _nodes(cluster: Cluster, options: RenderOptions) -> Iterator[Line]:
    for name in sorted(cluster.nodes, key=natural):
        node = cluster.nodes[name]
        state = status.node(node)
        line = [Span(f"   {fit(safe(name), 30)} "), Span(fit(state.text, 11), state.role),
                Span(f" {safe(node.spec.pod_cidr, 20):<18}", "dim")]  # fmt: skip
        judged = options.judgement.node(cluster.context, name)
        yield [*line, status.verdict(judged.verdict, judged.words)]


def _both_sides(mesh: Mesh, cluster: Cluster) -> Iterator[Line]:
    """What there is, and what the other clusters' agents have heard of it."""
    here = {
        "nodes": len(cluster.nodes),
        "endpoints": len(cluster.pods),
        "services": sum(1 for service in cluster.services.values() if service.annotations),
    }
    yield [Span(f"   {'here':<14}", "dim"), tag(cluster.tag, cluster.index),
           Span(f" {here['nodes']} nodes · {len(cluster.services)} services · {here['endpoints']} pods")]  # fmt: skip
    for other in mesh.clusters.values():
        if other is cluster:
            continue
        heard = [x for agent in other.agents.values() for x in agent.remotes if x.name == cluster.name]
        if heard:
            lowest = [min(getattr(x, field) for x in heard) for field in _FIELDS]
            highest = [max(getattr(x, field) for x in heard) for field in _FIELDS]
            told = " · ".join(
                f"{low}{'' if low == high else f'–{high}'} {name}"
                for name, low, high in zip(_COUNTS, lowest, highest, strict=True)
            )
            differs = lowest != highest
            yield [Span(f"   {'heard by':<14}", "dim"), tag(other.tag, other.index), Span(f" {told}"),
                   Span("  agents differ" if differs else "", "warn")]  # fmt: skip


_FIELDS = ("num_nodes", "num_identities", "num_endpoints", "num_shared_services")


def _settings(cluster: Cluster) -> Iterator[Line]:
    if cluster.config is None:
        return
    for key in SETTINGS:
        if key in cluster.config.data:
            yield [Span(f"   {key:<42}", "dim"), Span(safe(cluster.config.data[key], 80))]
    if r.NODES not in cluster.objects:
        yield [Span("   nodes were not listed", "warn")]
