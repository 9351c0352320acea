"""The finding of policies that mean one cluster only: a global service whose remote backends a selector leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from meshtui.core.findings.model import Finding, Kind
from meshtui.core.findings.ofpolicy import listed, name
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Mesh
from meshtui.core.policy.labels import CLUSTER, NAMESPACE, Labels
from meshtui.core.policy.model import Party, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.nearmiss import widened
from meshtui.core.policy.parties import party
from meshtui.core.policy.rulebook import Rulebook
from meshtui.core.policy.selectors import Requirement, Selector
from meshtui.core.reach import Reaches
from meshtui.core.routing import Backend, Route, Surroundings, route

_Scoped = tuple[Rule, Selector]
_APART = 8
"""Policies of one cluster that are told one by one; more are one finding."""
_COMMON = (NAMESPACE, CLUSTER)
"""Labels that many pods share: a poor way to look a selector up."""


class OneCluster(Struct, frozen=True):
    """A policy that keeps a client from a service's backends, because its selector means its own cluster alone."""

    context: str
    cluster: str
    """Where the policy is, which is the cluster it means."""
    policy: PolicyRef
    direction: TrafficDirection
    service: str
    other: str
    """The other side's cluster."""
    client: str
    """`namespace/pod`."""

    @property
    def sentence(self) -> str:
        """Of the service."""
        if self.direction is TrafficDirection.EGRESS:
            return (
                f"{self.policy.name} in {self.cluster} lets {self.client} reach {self.service} "
                f"in {self.cluster} only: its requests to {self.other} are dropped"
            )
        return (
            f"{self.policy.name} in {self.cluster} admits clients of {self.cluster} only: "
            f"requests of {self.other}'s {self.client} to {self.service} are dropped there"
        )

    @property
    def advice(self) -> str:
        """What to write."""
        side = "to" if self.direction is TrafficDirection.EGRESS else "from"
        return f"add to its {side}Endpoints selector: {widened(self.cluster, self.other)}"

    @property
    def evidence(self) -> tuple[str, ...]:
        """The option and the policy."""
        return (f"{self.cluster}: policy-default-local-cluster=true", f"{self.cluster}: {name(self.policy)}")


def policy_findings(mesh: Mesh, service_key: str, *, book: Rulebook | None = None) -> list[Finding]:
    """Policies that would let one service's remote traffic pass, were it not for their implied cluster."""
    found = Scope(Reaches(mesh, book)).of(service_key)
    unique = {each.sentence: each for each in found}
    findings = [
        Finding(
            Kind.POLICY_MEANS_ONE_CLUSTER,
            Severity.WARNING,
            (each.context,),
            each.service,
            each.sentence,
            each.evidence,
            advice=each.advice,
        )
        for each in unique.values()
    ]
    return sorted(findings, key=lambda finding: finding.order)


def of_policies(found: Iterable[OneCluster]) -> list[Finding]:
    """The same told policy by policy: one finding each, with the services whose traffic it keeps away."""
    sides: dict[tuple[str, TrafficDirection, str], dict[PolicyRef, list[OneCluster]]] = {}
    for each in found:
        side = sides.setdefault((each.context, each.direction, each.other), {})
        side.setdefault(each.policy, []).append(each)
    told: list[Finding] = []
    for side in sides.values():
        told += [_of_many(list(side.values()))] if len(side) > _APART else map(_of_policy, side.values())
    return told


def _of_many(groups: list[list[OneCluster]]) -> Finding:
    first = groups[0][0]
    names = [name(group[0].policy) for group in groups]
    what = "let out to" if first.direction is TrafficDirection.EGRESS else "admit clients of"
    return Finding(
        Kind.POLICY_MEANS_ONE_CLUSTER,
        Severity.WARNING,
        (first.context,),
        first.cluster,
        f"{len(names)} policies of {first.cluster} {what} {first.cluster} only, and global services' requests "
        f"{'to' if first.direction is TrafficDirection.EGRESS else 'from'} {first.other} are dropped: {listed(names)}",
        tuple(each for group in groups[:8] for each in group[0].evidence[1:]),
        advice=first.advice,
    )


def _of_policy(group: list[OneCluster]) -> Finding:
    first = group[0]
    services = sorted({each.service for each in group})
    where = f"{first.cluster}'s policy {name(first.policy)}"
    if first.direction is TrafficDirection.EGRESS:
        text = f"{where} lets out to {first.cluster} only: {first.client}'s requests to {first.other}'s backends of"
    else:
        text = f"{where} admits clients of {first.cluster} only: requests of {first.other}'s {first.client} to"
    return Finding(
        Kind.POLICY_MEANS_ONE_CLUSTER,
        Severity.WARNING,
        (first.context,),
        name(first.policy),
        f"{text} {listed(services)} are dropped",
        first.evidence,
        advice=first.advice,
    )


class Scope:
    """Looks at services one by one; the selectors that Cilium narrows are looked up by their labels.

    Source: pkg/k8s/apis/cilium.io/utils/utils.go; recording 13-ingress-tion.
    """

    def __init__(self, asked: Reaches) -> None:
        self._asked = asked
        self._book = asked.book
        self._egress: dict[str, dict[tuple[str, str] | None, list[_Scoped]]] = {}

    def of(self, service_key: str, around: Mapping[str, Surroundings] | None = None) -> list[OneCluster]:
        """All that keep remote traffic of a service away. `around`: everybody's links, to look at many cheaply."""
        mesh = self._asked.mesh
        if self._book is not self._asked.book:
            self._book, self._egress = self._asked.book, {}
        found: list[OneCluster] = []
        for context in mesh.clusters:
            taken = route(mesh, context, service_key, around=(around or {}).get(context))
            for backend in _one_per_cluster(taken):
                if self._asked.governed(context) or self._asked.governed(backend.context):
                    found += [*self._kept_in(taken, backend), *self._kept_out(taken, backend)]
        return found

    def _kept_in(self, taken: Route, backend: Backend) -> Iterator[OneCluster]:
        """Egress: policies of the client's cluster."""
        target = self._pod(backend)
        if target is None:
            return
        for rule, selector in self._scoped(taken.context, target.labels):
            if not _leaves_out(selector, target.labels):
                continue
            client = self._first(taken.context, rule.subject)
            if (
                client is not None
                and self._asked.verdict(client, target, backend.protocol, backend.port).egress.refused
            ):
                yield OneCluster(
                    taken.context,
                    taken.cluster,
                    rule.policy,
                    TrafficDirection.EGRESS,
                    taken.service,
                    backend.cluster,
                    client.name,
                )

    def _kept_out(self, taken: Route, backend: Backend) -> Iterator[OneCluster]:
        """Ingress: policies of the backend's cluster."""
        target = self._pod(backend)
        if target is None:
            return
        for rule in self._book.selecting(target, TrafficDirection.INGRESS):
            for selector in _narrowed(rule, TrafficDirection.INGRESS):
                client = self._first(taken.context, Selector(selector.written, selector.implied_namespace))
                if (
                    client is not None
                    and self._asked.verdict(client, target, backend.protocol, backend.port).ingress.refused
                ):
                    yield OneCluster(
                        backend.context,
                        backend.cluster,
                        rule.policy,
                        TrafficDirection.INGRESS,
                        taken.service,
                        taken.cluster,
                        client.name,
                    )

    def _scoped(self, context: str, labels: Labels) -> Iterator[_Scoped]:
        """Narrowed egress selectors of a cluster that may fit these labels."""
        index = self._egress.get(context)
        if index is None:
            index = self._egress[context] = {}
            for rule in self._book.rules(context):
                for selector in _narrowed(rule, TrafficDirection.EGRESS):
                    for label in _telling(selector):
                        index.setdefault(label, []).append((rule, selector))
        yield from index.get(None, ())
        for label in labels.by_key.items():
            yield from index.get(label, ())

    def _pod(self, backend: Backend) -> Party | None:
        cluster = self._asked.mesh.clusters[backend.context]
        pod = cluster.pods.get(backend.pod)
        return party(cluster, pod) if pod is not None and not pod.spec.host_network else None

    def _first(self, context: str, selector: Selector) -> Party | None:
        """The first workload of a cluster, by its pod's name, that a selector matches."""
        fitting = (group.party for group in self._asked.pod_groups.of(context).fitting(selector))
        return min(fitting, key=lambda one: one.name, default=None)


def _one_per_cluster(taken: Route) -> list[Backend]:
    return list({b.context: b for b in reversed(taken.backends) if b.remote and b.pod}.values())


def _narrowed(rule: Rule, direction: TrafficDirection) -> Iterator[Selector]:
    """Allow selectors of a rule to which Cilium adds the local cluster."""
    for entry in rule.entries.get(direction, ()):
        for peer in entry.peers or ():
            if not entry.deny and peer.kind is PeerKind.SELECTOR and peer.selector.implied_cluster is not None:
                yield peer.selector


def _leaves_out(selector: Selector, labels: Labels) -> bool:
    failing = selector.failing(labels)
    return failing is not None and failing is selector.implied_cluster


def _telling(selector: Selector) -> list[tuple[str, str] | None]:
    """The labels one of which a pod has that the selector fits; None where any pod may."""
    asked: list[Requirement] = [q for q in selector.requirements if q.operator == "In"]
    asked = [q for q in asked if q is not selector.implied_cluster]
    best = min(asked, key=lambda q: (q.key in _COMMON, len(q.values)), default=None)
    return [None] if best is None else [(best.key, value) for value in best.values]
