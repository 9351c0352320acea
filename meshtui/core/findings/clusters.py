"""Findings of the mesh itself: links, identities, versions, agents and policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.findings.settings import Networks, networks_of, pair
from meshtui.core.model import resources as r
from meshtui.core.model import versions
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.clocks import ClockOffset, off
from meshtui.core.model.links import Claims, LinkClaim
from meshtui.core.model.meshes import apart, groups, not_of_one_mesh
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Delta, Mesh, Phase
from meshtui.core.policy.reading import reading_of
from meshtui.core.policy.standing import Refuser, Standing, standing


class MeshFindings:
    """What is written wrong beside the services, looked at again only where it may have changed.

    In a mesh of sixteen clusters something is told every moment; two clusters of 200 nodes have 40,000 pairs of nodes.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._claims = Claims()
        self._signs: dict[str, tuple[str, CiliumConfig | None]] = {}
        self._networks: dict[str, Networks] = {}
        self._of_cluster: dict[str, list[Finding]] = {}
        self._of_pair: dict[tuple[str, str], list[Finding]] = {}
        self._meshes: list[tuple[str, ...]] = []
        self._strangers: frozenset[frozenset[str]] = frozenset()
        self._whole: list[Finding] = []
        """Of all clusters together: of which meshes they are, whose clocks are off."""
        self._look(set(mesh.clusters), set(mesh.clusters))

    def __iter__(self) -> Iterator[Finding]:
        """Every finding once, in the clusters' order."""
        found = [each for key in self.mesh.clusters for each in self._of_cluster.get(key, ())]
        pairs = combinations(self.mesh.clusters, 2)
        between = [each for key in pairs for each in self._of_pair.get(key, ())]
        return iter(dict.fromkeys([*found, *between, *self._whole]))

    def note(self, delta: Delta) -> None:
        """Look again at what a delta touches."""
        present = self.mesh.clusters.keys()
        told = delta.status | {context for context, resource in delta.objects if resource in r.POLICIES}
        nodes = {context for context, resource in delta.objects if resource is r.NODES}
        if told or nodes:
            self._look(told & present, nodes & present)

    def _look(self, told: set[str], nodes: set[str]) -> None:
        clusters = self.mesh.clusters
        now = {key: (cluster.name, cluster.config) for key, cluster in clusters.items()}
        moved = {key for key, sign in now.items() if self._signs.get(key) != sign}
        others = bool(moved) or len(now) != len(self._signs)
        self._signs = now
        meshes = groups(self.mesh, self._claims)
        if meshes != self._meshes:
            self._meshes, self._strangers = meshes, apart(meshes)
            moved, others = set(clusters), True
        self._whole = [*_meshes(self.mesh, meshes, self._claims), *map(_clock, off(self.mesh))]
        for key in nodes:
            networks = networks_of(clusters[key])
            if networks != self._networks.get(key):
                self._networks[key] = networks
                moved.add(key)
        for key in clusters if others else told:
            self._of_cluster[key] = list(self._in_cluster(clusters[key]))
        for one, other in combinations(clusters, 2) if moved else ():
            if one in moved or other in moved:
                a, b = clusters[one], clusters[other]
                found = pair(a, b, self._networks[one], self._networks[other])
                self._of_pair[one, other] = [] if _apart(self._strangers, a, b) else list(found)

    def _in_cluster(self, cluster: Cluster) -> Iterator[Finding]:
        yield from _policies(cluster)
        yield from _version(cluster)
        yield from _mixed(cluster)
        yield from _identities(cluster)
        clusters = self.mesh.clusters.values()
        if cluster.config is not None and cluster.id == 0 and len(clusters) > 1:
            yield _no_mesh(cluster)
            return
        for other in clusters:
            if other is not cluster and other.config is not None and not _apart(self._strangers, cluster, other):
                yield from _not_connected(cluster, other, self._claims)


def _apart(strangers: frozenset[frozenset[str]], one: Cluster, other: Cluster) -> bool:
    return frozenset((one.context, other.context)) in strangers


def _meshes(mesh: Mesh, found: Sequence[tuple[str, ...]], claims: Claims) -> Iterator[Finding]:
    """Several meshes among the chosen contexts: nothing is broken between them."""
    if len(found) < 2:
        return
    named = [", ".join(mesh.clusters[context].name for context in group) for group in found]
    yield Finding(
        Kind.OTHER_MESH,
        Severity.INFO,
        tuple(context for group in found for context in group),
        mesh.clusters[found[0][0]].name,
        f"the chosen clusters are of {len(found)} meshes: {'; '.join(named)}: no link and no backend crosses these",
        tuple(
            f"{cluster.name}: joined to {', '.join(claims.remotes(cluster)) or 'nobody'}"
            for group in found
            for cluster in map(mesh.clusters.__getitem__, group)
        ),
        advice="name the contexts of one mesh: --context, or [mesh.NAME] in the settings and --mesh NAME",
    )


def _clock(clock: ClockOffset) -> Finding:
    return Finding(
        Kind.CLOCK_OFF,
        Severity.WARNING,
        clock.contexts,
        clock.object,
        clock.sentence,
        clock.evidence,
        advice=f"{clock.advice}; until then what is told of the last minutes is off by as much",
    )


def _no_mesh(cluster: Cluster) -> Finding:
    return Finding(
        Kind.NO_MESH,
        Severity.WARNING,
        (cluster.context,),
        cluster.name,
        f"{cluster.name} has cluster id 0 and can be in no mesh",
        (f"{cluster.name}: cluster-id=0",),
        advice="give it a cluster name and id (Helm cluster.name, cluster.id) and restart its workloads",
    )


def _version(cluster: Cluster) -> Iterator[Finding]:
    """Rules differ by version: say whose are taken where the cluster's own are not known."""
    config = cluster.config
    if config is None or (taken := versions.nearest(config.version)) == config.version:
        return
    known = config.version != versions.UNKNOWN
    runs = f"Cilium {versions.shown(config.version)}, whose rules are not known here" if known else "an unknown Cilium"
    yield Finding(
        Kind.VERSION_UNKNOWN,
        Severity.INFO,
        (cluster.context,),
        cluster.name,
        f"{cluster.name} runs {runs}: the rules of {versions.shown(taken)} are taken",
        (f"agents that told their version: {sum(bool(s.cilium.msg) for s in cluster.agents.values())}",),
        advice=f"cilium-dbg version, in an agent of {cluster.name}, tells which it is",
    )


def _mixed(cluster: Cluster) -> Iterator[Finding]:
    """Agents that run another version than their DaemonSet's image, or, where its tag says none, than most of them."""
    running = {node: version for node, status in cluster.agents.items()
               if (version := versions.parse(status.cilium.msg)) != versions.UNKNOWN}  # fmt: skip
    images = [item.spec.template.spec.containers or () for item in cluster.of(r.DAEMONSETS).values()
              if item.namespace == cluster.home and item.name == "cilium"]  # fmt: skip
    tags = [f" {each.image.partition('@')[0].rpartition(':')[2]}" for found in images for each in found]
    written = next((version for tag in tags if (version := versions.parse(tag)) != versions.UNKNOWN), versions.UNKNOWN)
    wanted = written if written != versions.UNKNOWN else versions.common(s.cilium.msg for s in cluster.agents.values())
    odd = {node: version for node, version in sorted(running.items()) if version != wanted}
    if not odd:
        return
    says = "its DaemonSet says" if written != versions.UNKNOWN else "the others run"
    told = ", ".join(versions.shown(version) for version in sorted(set(odd.values())))
    yield Finding(
        Kind.VERSION_SKEW,
        Severity.WARNING,
        (cluster.context,),
        cluster.name,
        f"{len(odd)} of {len(running)} agents of {cluster.name} run Cilium {told}, {says} {versions.shown(wanted)}: "
        "an upgrade is under way, or it stopped",
        tuple(f"{node}: Cilium {versions.shown(version)}" for node, version in list(odd.items())[:5]),
        advice=f"kubectl --context {cluster.context} -n {cluster.home} rollout status ds/cilium",
    )


def _identities(cluster: Cluster) -> Iterator[Finding]:
    """The id is in the top bits of an identity (pkg/identity/numericidentity.go), and stays while a pod lives."""
    config = cluster.config
    old = [number for number in config.identity_ids if number != config.id] if config is not None else []
    if config is None or not old:
        return
    told = ", ".join(map(str, old[:4]))
    yield Finding(
        Kind.OLD_IDENTITIES,
        Severity.ERROR if config.id else Severity.WARNING,
        (cluster.context,),
        cluster.name,
        f"{cluster.name} has cluster id {config.id}, but identities of its pods carry {told}: "
        "these pods were not restarted since the id changed, and other clusters take them for another cluster's",
        tuple(f"{cluster.name}: identities of cluster id {number}" for number in old),
        advice="restart the agents and all workloads: kubectl rollout restart, in every namespace",
    )


def _not_connected(cluster: Cluster, other: Cluster, claims: Claims) -> Iterator[Finding]:
    """Only where agents answered: nothing is concluded from a cluster that was not read."""
    if not_of_one_mesh(cluster, other):
        return
    claim = claims.of(cluster, other.name)
    if claim.claim is not LinkClaim.NOT_CONFIGURED or cluster.api.phase is not Phase.LIVE:
        return
    yield Finding(
        Kind.NOT_CONNECTED,
        Severity.WARNING,
        (cluster.context, other.context),
        cluster.name,
        f"{cluster.name} → {other.name}: {claim.words}",
        advice=f"cilium clustermesh connect --context {cluster.context} --destination-context {other.context}",
    )


def _policies(cluster: Cluster) -> Iterator[Finding]:
    reading = reading_of(cluster)
    for resource in (r.CNPS, r.CCNPS):
        for key, policy in sorted(cluster.of(resource).items()):
            stands = standing(policy, reading)
            if stands.marked_wrongly or (stands.refusal is not None and stands.refusal.by is not Refuser.DERIVED):
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
