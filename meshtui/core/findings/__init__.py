"""What is wrong or surprising in a mesh, each with its meaning, its evidence and the change that would fix it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice

from meshtui.core.findings.broken import broken
from meshtui.core.findings.clusters import MeshFindings
from meshtui.core.findings.misspelt import misspelt, suspicious
from meshtui.core.findings.model import Finding, Fix, Kind
from meshtui.core.findings.policies import portions
from meshtui.core.findings.scope import OneCluster, Scope, of_policies, policy_findings
from meshtui.core.findings.traffic import Around, in_traffic, surroundings
from meshtui.core.findings.written import across, in_one, places
from meshtui.core.health.model import Judgement
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster, Delta, Mesh
from meshtui.core.reach import Reaches
from meshtui.core.routing import Surroundings

__all__ = [
    "Finding",
    "Findings",
    "Fix",
    "Kind",
    "Severity",
    "findings",
    "findings_for",
    "policy_findings",
    "service_keys",
]

_POLICIES_AT_ONCE = 2
"""Policies that are looked at in the time of one service."""


def findings(mesh: Mesh, judgement: Judgement | None = None) -> list[Finding]:
    """Every finding, worst first, always in the same order for the same mesh and judgement."""
    made = Findings(mesh)
    if judgement is not None:
        made.take(judgement)
    return made.all()


def findings_for(mesh: Mesh, service_key: str, *, around: Around | None = None) -> list[Finding]:
    """The findings of one service. `around`: everybody's links, to look at many services cheaply."""
    if not _annotated(mesh, service_key):
        return []
    found = places(mesh, service_key)
    result = [finding for place in found for finding in (*in_one(place), *misspelt(place))]
    links = around or surroundings(mesh)
    for clusters in _meshes(mesh, links):
        result += across(clusters, service_key, [place for place in found if place.context in clusters])
    result += in_traffic(mesh, service_key, found, links)
    return sorted(result, key=lambda finding: finding.order)


def _meshes(mesh: Mesh, around: Around) -> list[dict[str, Cluster]]:
    """The clusters, or those of each mesh where several were chosen: annotations mean something within one alone."""
    several = dict.fromkeys(links.fellows for links in around.values() if links.fellows)
    if not several:
        return [dict(mesh.clusters)]
    return [{context: cluster for context, cluster in mesh.clusters.items() if context in mine} for mine in several]


def service_keys(mesh: Mesh) -> set[str]:
    """Keys of all services of all clusters."""
    return {key for cluster in mesh.clusters.values() for key in cluster.services}


def _annotated(mesh: Mesh, key: str) -> bool:
    """Whether any cluster's service carries an annotation that is meant for Cilium: others have no such finding."""
    for cluster in mesh.clusters.values():
        service = cluster.services.get(key)
        if service is not None and suspicious(service):
            return True
    return False


class Findings:
    """The findings of a mesh, kept up to date by deltas."""

    def __init__(self, mesh: Mesh, *, lazy: bool = False) -> None:
        self.mesh = mesh
        self._by_service: dict[str, list[Finding]] = {}
        self._of_mesh = MeshFindings(mesh)
        self._broken: list[Finding] = []
        self._of_policies: list[Finding] = []
        self._policies_stale = True
        self._looking: Iterator[list[Finding]] | None = None
        """The look at the policies that is under way."""
        self._looked: list[Finding] = []
        self._pods_known: frozenset[str] = frozenset()
        self.reaches = Reaches(mesh)
        """Who answers whom by routes and policies, kept up to date by the same deltas."""
        self._scope = Scope(self.reaches)
        self._one_cluster: dict[str, list[OneCluster]] = {}
        self._of_scope: list[Finding] | None = []
        """What these come to, policy by policy; None: to be worked out."""
        self._reports = {context: _reports(cluster) for context, cluster in mesh.clusters.items()}
        self._around = surroundings(mesh)
        self._configs = self._config_now()
        self._wanted: dict[str, None] = dict.fromkeys(service_keys(mesh))
        if not lazy:
            self.work()

    @property
    def around(self) -> Around:
        """Everybody's links as they were read last."""
        return self._around

    @property
    def backlog(self) -> int:
        """Services that `work` has still to look at; policies count as one."""
        return len(self._wanted) + (self._policies_stale or self._looking is not None)

    def take(self, judgement: Judgement) -> None:
        """What is broken by the newest judgement."""
        self._broken = list(broken(judgement))

    def update(self, delta: Delta) -> None:
        """Look again at what a delta touches: all services only where links, configuration or namespaces changed."""
        self.note(delta)
        self.work()

    def note(self, delta: Delta) -> None:
        """Remember what a delta touches; the clusters' own findings are made anew at once."""
        book = self.reaches.book
        others = self.reaches.note(delta)
        resources = {resource for _, resource in delta.objects}
        if self.reaches.book is not book:
            self._wanted.update(dict.fromkeys(key for key in service_keys(self.mesh) if _annotated(self.mesh, key)))
        if others or self.reaches.book is not book or self._learnt(resources):
            self._policies_stale = True
        self._of_mesh.note(delta)
        self._wanted.update(dict.fromkeys(self._touched(delta)))
        if r.NAMESPACES in resources or (delta.status and self._links_changed(delta.status)):
            self._wanted.update(dict.fromkeys(service_keys(self.mesh) | self._by_service.keys()))

    def _learnt(self, resources: Collection[Resource]) -> bool:
        """Whether the pods of another cluster are known now: of policies nothing is told before."""
        if r.PODS not in resources:
            return False
        known = frozenset(context for context, cluster in self.mesh.clusters.items() if r.PODS in cluster.objects)
        new, self._pods_known = known != self._pods_known, known
        return new

    def work(self, limit: int | None = None) -> None:
        """Look at up to `limit` of the services noted, or at all."""
        if limit is None or limit >= len(self._wanted):
            keys, self._wanted = list(self._wanted), {}
        else:
            keys = [key for key, _ in zip(self._wanted, range(limit), strict=False)]
            for key in keys:
                del self._wanted[key]
        self._look(keys)
        if not self._wanted:
            self._look_at_policies(limit)

    def _look_at_policies(self, limit: int | None) -> None:
        """Go on looking at the policies, or begin; what was found before counts until all were looked at."""
        if self._looking is None:
            if not self._policies_stale:
                return
            self._policies_stale, self._looked = False, []
            self._looking = portions(self.reaches)
        most = None if limit is None else limit * _POLICIES_AT_ONCE
        count = 0
        for found in islice(self._looking, most):
            self._looked += found
            count += 1
        if most is None or count < most:
            self._looking = None
            self._of_policies = list({each.order: each for each in self._looked}.values())

    def counts(self) -> dict[Severity, int]:
        """How many there are of each severity; those with none are left out."""
        found: dict[Severity, int] = {}
        for finding in self._each():
            found[finding.severity] = found.get(finding.severity, 0) + 1
        return found

    def all(self) -> list[Finding]:
        """All of them, worst first."""
        return sorted(self._each(), key=lambda finding: finding.order)

    def _each(self) -> Iterator[Finding]:
        yield from self._broken
        yield from self._of_mesh
        yield from self._of_policies
        if self._of_scope is None:
            self._of_scope = of_policies(one for listed in self._one_cluster.values() for one in listed)
        yield from self._of_scope
        for found in self._by_service.values():
            yield from found

    def of(self, service_key: str) -> list[Finding]:
        """Those of one service, worst first."""
        mine = [finding for finding in self._broken if service_key in finding.object.split()]
        return [*mine, *self._by_service.get(service_key, [])]

    def _look(self, keys: Iterable[str]) -> None:
        for key in keys:
            found = findings_for(self.mesh, key, around=self._around)
            if found:
                self._by_service[key] = found
            else:
                self._by_service.pop(key, None)
            narrowed = self._scope.of(key, self._around) if self._governed(key) else []
            if narrowed != self._one_cluster.pop(key, []):
                self._of_scope = None
            if narrowed:
                self._one_cluster[key] = narrowed

    def _governed(self, key: str) -> bool:
        """Whether policies may keep a service's remote traffic away: others cost no look."""
        return self.reaches.any_governed and _annotated(self.mesh, key)

    def _links_changed(self, told: Collection[str]) -> bool:
        """Whether what clusters know of each other is different; read anew where one of those told of said so."""
        configs = self._config_now()
        changed = configs != self._configs
        if changed:
            self._configs, told = configs, list(self.mesh.clusters)
            self._reports.clear()
        around = {context: known for context, known in self._around.items() if context in self.mesh.clusters}
        for context in told:
            cluster = self.mesh.clusters.get(context)
            if cluster is not None and self._reports.get(context) != (reports := _reports(cluster)):
                self._reports[context] = reports
                fresh = Surroundings.of(self.mesh, cluster)
                # What is alike stays the same object: routes that were worked out with it are known by that to hold.
                around[context] = around[context] if around.get(context) == fresh else fresh
        changed |= around != self._around
        self._around = around
        return changed

    def _config_now(self) -> dict[str, object]:
        # Which resources are known decides too: an empty list is news after "not known yet".
        return {c.context: (c.config, frozenset(c.objects)) for c in self.mesh.clusters.values()}

    def _touched(self, delta: Delta) -> set[str]:
        services = (names for (_, resource), names in delta.objects.items() if resource == r.SERVICES)
        return set().union(*services, *delta.backed.values())


def _reports(cluster: Cluster) -> tuple[object, ...]:
    """What a cluster's knowledge of the others is made from: the same objects as long as nothing else was told."""
    return list(cluster.agents.values()), list(cluster.health.values()), cluster.kvstoremesh
