"""Findings of the mesh itself: links, identities, versions, agents and policies."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.model import resources as r
from meshtui.core.model.links import LinkVerdict, link
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy.reading import reading_of
from meshtui.core.policy.standing import By, Standing, standing

_LINKS = {
    LinkVerdict.DOWN: (Kind.LINK_DOWN, Severity.ERROR),
    LinkVerdict.SILENT: (Kind.LINK_SILENT, Severity.ERROR),
    LinkVerdict.PARTLY: (Kind.LINK_PARTLY, Severity.WARNING),
    LinkVerdict.NOT_CONFIGURED: (Kind.NOT_CONNECTED, Severity.WARNING),
}


def in_clusters(mesh: Mesh) -> Iterator[Finding]:
    """Everything that is wrong beside the services."""
    clusters = list(mesh.clusters.values())
    for cluster in clusters:
        yield from _agents(cluster)
        yield from _policies(cluster)
        for other in clusters:
            if other is not cluster and other.config is not None:
                yield from _link(cluster, other)
    for one, other in combinations(clusters, 2):
        yield from _pair(one, other)


def _link(cluster: Cluster, other: Cluster) -> Iterator[Finding]:
    if cluster.config is not None and cluster.id == 0:
        yield Finding(
            Kind.NO_MESH,
            Severity.WARNING,
            (cluster.context,),
            cluster.name,
            f"{cluster.name} has cluster id 0 and can be in no mesh",
            (f"{cluster.name}: cluster-id=0",),
            advice="give it a cluster name and id (Helm cluster.name, cluster.id) and restart its workloads",
        )
        return
    state = link(cluster, other.name)
    if state.verdict not in _LINKS:
        return
    kind, severity = _LINKS[state.verdict]
    yield Finding(
        kind,
        severity,
        (cluster.context, other.context),
        cluster.name,
        f"{cluster.name} → {other.name}: {state.sentence}",
        tuple(f"silent: {name}" for name in state.silent_nodes),
        advice=f"cilium-dbg troubleshoot clustermesh {other.name}, in an agent of {cluster.name}",
    )


def _agents(cluster: Cluster) -> Iterator[Finding]:
    for node, status in sorted(cluster.agents.items()):
        if status.cilium.state not in ("", "Ok"):
            yield _unwell(cluster, node, f"{status.cilium.state} {status.cilium.msg}".strip())
    for node, error in sorted(cluster.agent_errors.items()):
        yield _unwell(cluster, node, str(error))


def _unwell(cluster: Cluster, node: str, what: str) -> Finding:
    text = f"the agent on {cluster.name}/{node} is not well: {what}"
    return Finding(Kind.AGENT_UNWELL, Severity.WARNING, (cluster.context,), cluster.name, text, (what,))


def _policies(cluster: Cluster) -> Iterator[Finding]:
    reading = reading_of(cluster)
    for resource in (r.CNPS, r.CCNPS):
        for key, policy in sorted(cluster.of(resource).items()):
            stands = standing(policy, reading)
            if stands.marked_wrongly or (stands.refusal is not None and stands.refusal.by is not By.DERIVED):
                yield _policy(cluster, key, stands)


def _policy(cluster: Cluster, key: str, stands: Standing) -> Finding:
    """A policy without effect, or one that is said to have none."""
    refused = stands.refusal
    said = stands.marked if stands.marked is not None else refused.words if refused is not None else ""
    text = f"{cluster.name}'s policy {key} has no effect: Cilium does not accept it"
    advice = "correct the policy; kubectl apply succeeding does not mean that it is valid"
    if refused is None:
        text = f"{cluster.name}'s policy {key} is marked invalid, but the agents enforce it"
        advice = "switch mutual authentication on, or take `authentication` out of the policy"
    severity = Severity.WARNING if refused is None else Severity.ERROR
    return Finding(Kind.POLICY_INVALID, severity, (cluster.context,), key, text, (said,), advice=advice)


def _pair(one: Cluster, other: Cluster) -> Iterator[Finding]:
    a, b = one.config, other.config
    if a is None or b is None:
        return
    where = (one.context, other.context)
    if a.id and (a.id == b.id or a.name == b.name):
        yield Finding(
            Kind.SAME_CLUSTER_ID,
            Severity.ERROR,
            where,
            a.name,
            f"{one.context} and {other.context} must have different names and ids",
            (f"{one.context}: {a.name} id {a.id}", f"{other.context}: {b.name} id {b.id}"),
        )
    yield from _setting_differs(one, other, where)
    versions_known = (0, 0) not in (a.version, b.version)
    if versions_known and (a.version[0] != b.version[0] or abs(a.version[1] - b.version[1]) > 1):
        shown = [f"{c.name}: Cilium {v[0]}.{v[1]}" for c, v in ((one, a.version), (other, b.version))]
        yield Finding(
            Kind.VERSION_SKEW,
            Severity.WARNING,
            where,
            a.name,
            f"{one.name} and {other.name} are more than one minor version of Cilium apart",
            tuple(shown),
        )


def _setting_differs(one: Cluster, other: Cluster, where: tuple[str, str]) -> Iterator[Finding]:
    a, b = one.config, other.config
    if a is None or b is None:
        return
    limits = [c.data.get("max-connected-clusters", "255") for c in (a, b)]
    if limits[0] != limits[1]:
        yield Finding(
            Kind.MAX_CLUSTERS_DIFFER,
            Severity.ERROR,
            where,
            a.name,
            f"{one.name} and {other.name} have different max-connected-clusters, so identities are read differently",
            (f"{one.name}: {limits[0]}", f"{other.name}: {limits[1]}"),
        )
    scopes = [c.policy_default_local_cluster for c in (a, b)]
    if scopes[0] != scopes[1]:
        yield Finding(
            Kind.POLICY_SCOPE_DIFFERS,
            Severity.WARNING,
            where,
            a.name,
            f"one policy means different things in {one.name} and {other.name}: "
            "a selector without cluster label means the local cluster in one and any cluster in the other",
            tuple(
                f"{c.name}: policy-default-local-cluster={str(s).lower()}"
                for c, s in zip((one, other), scopes, strict=True)
            ),
        )
