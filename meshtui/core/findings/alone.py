"""The finding of a policy that one part of the mesh has and another lacks, although its pods are there, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from meshtui.core.findings.misspelt import suspicious
from meshtui.core.findings.model import Finding, Kind
from meshtui.core.findings.ofpolicy import by_policy, listed, name
from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.severity import Severity
from meshtui.core.model.state import Cluster
from meshtui.core.policy.labels import CLUSTER
from meshtui.core.policy.overview import rules_of, said
from meshtui.core.policy.podgroups import PodGroup
from meshtui.core.reach import Reaches
from meshtui.core.routing import annotations as a

_TOGETHER = 4
"""As many policies that the same cluster lacks are one finding."""


class _Lack(Struct, frozen=True):
    """One policy of `there` that `here` has not."""

    there: Cluster
    here: Cluster
    ref: PolicyRef
    pods: int
    service: str
    """A global service of the pods, which both clusters answer; empty where there is none."""


def alone(asked: Reaches) -> Iterator[list[Finding]]:
    """Policies that a cluster lacks while it has pods that they would select, were they applied there as they are.

    A policy under another name that says the same counts as the same.
    """
    clusters = list(asked.mesh.clusters.values())
    for here in clusters:
        told: set[PolicyRef] = set()
        for there in clusters:
            if there is here or not asked.governed(there.context):
                continue
            lacks = [lack for lack in _lacking(asked, there, here) if lack.ref not in told]
            told.update(lack.ref for lack in lacks)
            for serious in (True, False):
                group = [lack for lack in lacks if bool(lack.service) is serious]
                yield [_many(group)] if len(group) >= _TOGETHER else list(map(_one, group))


def _lacking(asked: Reaches, there: Cluster, here: Cluster) -> Iterator[_Lack]:
    missing = {ref for ref in by_policy(asked, there.context) if _lacks(here, ref)}
    if not missing:
        return
    same = {_words(policy) for resource in r.POLICIES for policy in here.of(resource).values()}
    reading, pod_groups = asked.book.reading(here.context), asked.pod_groups.of(here.context)
    services: dict[str, list[o.Service]] | None = None
    for ref in sorted(missing, key=lambda ref: (ref.namespace, ref.name, ref.kind)):
        resource = r.BY_KIND[ref.kind]
        policy = there.of(resource).get(name(ref))
        if policy is None or _words(policy) in same:
            continue
        rules = rules_of(resource, policy, reading)
        groups = {id(group): group for rule in rules for group in pod_groups.fitting(rule.subject)}
        if groups:
            services = _in_both(there, here) if services is None else services
            pods = sum(len(group.pods) for group in groups.values())
            yield _Lack(there, here, ref, pods, _behind(services, groups.values()))


def _lacks(here: Cluster, ref: PolicyRef) -> bool:
    """Whether a cluster's policies of a kind are known and this is none of them; nothing of one that is refused."""
    resource = r.BY_KIND[ref.kind]
    return resource in here.objects and name(ref) not in here.of(resource)


def _words(policy: o.Policy) -> tuple[str, str]:
    return policy.namespace, said(policy)


def _in_both(there: Cluster, here: Cluster) -> dict[str, list[o.Service]]:
    """Services that are global in both clusters, by namespace."""
    found: dict[str, list[o.Service]] = {}
    for key, service in here.services.items():
        other = there.services.get(key)
        if other is not None and service.spec.selector and _is_global(here, service) and _is_global(there, other):
            found.setdefault(service.namespace, []).append(service)
    return found


def _is_global(cluster: Cluster, service: o.Service) -> bool:
    if not suspicious(service):
        return False
    return a.effective(service, cluster.namespaces.get(service.namespace), cluster.config).global_


def _behind(services: dict[str, list[o.Service]], groups: Iterable[PodGroup]) -> str:
    """The first of the services that any of these pods is behind."""
    for group in groups:
        labels = group.party.labels
        for service in services.get(labels.namespace, ()):
            if all(labels.get("k8s", key) == value for key, value in (service.spec.selector or {}).items()):
                return service.key
    return ""


def _one(lack: _Lack) -> Finding:
    here, there = lack.here.name, lack.there.name
    pods = f"{lack.pods} pod{'s' if lack.pods != 1 else ''}"
    behind = f", behind the global service {lack.service}" if lack.service else ""
    return Finding(
        Kind.POLICY_ALONE,
        Severity.WARNING if lack.service else Severity.INFO,
        (lack.there.context, lack.here.context),
        name(lack.ref),
        f"policy {name(lack.ref)} is in {there} and not in {here}, where it would select {pods}{behind}",
        (f"{here}: no {lack.ref.kind} {name(lack.ref)}",),
        advice=_advice(lack),
    )


def _many(lacks: list[_Lack]) -> Finding:
    first = lacks[0]
    here, there = first.here.name, first.there.name
    names = [name(lack.ref) for lack in lacks]
    pods = "pods of global services" if first.service else "pods"
    return Finding(
        Kind.POLICY_ALONE,
        Severity.WARNING if first.service else Severity.INFO,
        (first.there.context, first.here.context),
        first.here.name,
        f"{len(lacks)} policies are in {there} and not in {here}, where they would select {pods}: {listed(names)}",
        tuple(f"{here}: no {lack.ref.kind} {name(lack.ref)}" for lack in lacks[:8]),
        advice=_advice(first),
    )


def _advice(lack: _Lack) -> str:
    """Each cluster enforces its own policies only, so it is either wanted there, too, or it names its cluster."""
    here, there = lack.here.name, lack.there.name
    return (
        f"each cluster enforces its own policies only: apply it in {here} too (meshtui policies apply FILE "
        f"--context {lack.here.context}), or say in its endpointSelector that {there} is meant: {CLUSTER}: {there}"
    )
