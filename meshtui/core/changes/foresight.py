"""What steps will do to traffic, foreseen on a copy of the mesh before they are made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from meshtui.core.changes.plan import Step, Verb
from meshtui.core.changes.toggles import annotate
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Namespace, Object, Service
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.reach import Reach, Reaches
from meshtui.core.routing import what_if
from meshtui.core.routing.annotations import effective
from meshtui.core.routing.whatif import emptied
from meshtui.core.services.row import rank

_Annotated = TypeVar("_Annotated", Service, Namespace)


def foresee(mesh: Mesh, steps: Sequence[Step]) -> tuple[str, ...]:
    """Sentences such as `koornacht's clients: K 2, T 2 → K 2`, by routes and policies, before steps are made.

    Of policies applied or deleted every service is told whose clients get another answer. Where new pods of a scale-up
    land is not known before, so it says nothing.
    """
    changes: dict[tuple[str, Resource], dict[str, Object | None]] = {}
    keys: dict[str, None] = {}
    policies = False
    for step in steps:
        cluster = mesh.clusters.get(step.context)
        if cluster is None:
            continue
        if step.verb is Verb.ANNOTATE and step.resource is r.SERVICES:
            service = cluster.services.get(step.key)
            if service is not None:
                changes.setdefault((step.context, r.SERVICES), {})[step.key] = _annotated(service, step)
                keys[step.key] = None
        elif step.verb is Verb.ANNOTATE and step.resource is r.NAMESPACES:
            namespace = cluster.namespaces.get(step.name)
            if namespace is not None:
                changes.setdefault((step.context, r.NAMESPACES), {})[step.key] = _annotated(namespace, step)
                keys.update(dict.fromkeys(_shared_in(cluster, step.name)))
        elif step.verb is Verb.SCALE and not (step.after or {}).get("replicas"):
            for key in services_of(cluster, step.key):
                for where, items in emptied(mesh, step.context, key).items():
                    changes.setdefault(where, {}).update(items)
                keys[key] = None
        elif step.verb in (Verb.APPLY, Verb.DELETE) and step.resource in r.POLICIES:
            changes.setdefault((step.context, step.resource), {})[step.key] = _policy(step)
            policies = True
    if not changes:
        return ()
    after = what_if(mesh, changes)
    told = reach_effects(mesh, after, keys) if keys else ()
    return (*told, *_elsewhere(mesh, after, keys)) if policies else told


MOST = 12
"""Sentences on services whose answer a policy changes; the rest is counted."""


def _policy(step: Step) -> Object | None:
    """The policy as it would be; one that cannot be read counts as none."""
    if step.after is None:
        return None
    try:
        return msgspec.convert(dict(step.after), step.resource.struct, strict=False)
    except msgspec.ValidationError:
        return None


def _elsewhere(mesh: Mesh, after: Mesh, told: Collection[str]) -> tuple[str, ...]:
    """What policies change for the clients of any service but those `told`; said, too, when they change nothing."""
    keys = sorted({key for cluster in mesh.clusters.values() for key in cluster.services if not rank(key)} - set(told))
    found: list[str] = []
    old, new = Reaches(mesh), Reaches(after)
    for key in keys:
        found += [f"{key}: {text}" for text in _changed(old, new, key)]
    if not found:
        return ("no service's clients get another answer",)
    more = len(found) - MOST
    return (*found[:MOST], *((f"and {more} more",) if more > 0 else ()))


def _changed(old: Reaches, new: Reaches, key: str) -> list[str]:
    sentences = []
    for context, cluster in old.mesh.clusters.items():
        if key not in cluster.services:
            continue
        then, now = old.of(context, key), new.of(context, key)
        if then.summary != now.summary:
            sentences.append(f"{cluster.name}'s clients: {then.summary} → {now.summary}")
    return sentences


def reach_effects(before: Mesh, after: Mesh, service_keys: Iterable[str]) -> tuple[str, ...]:
    """One sentence per cluster's clients of some services: what they get now and then, or that nothing changes.

    With more than one service each sentence begins with the service's key.
    """
    keys = list(service_keys)
    old, new = Reaches(before), Reaches(after)
    told: list[str] = []
    for key in keys:
        for context, cluster in before.clusters.items():
            then, now = old.of(context, key), new.of(context, key)
            moved = then.summary != now.summary or _addresses(then) != _addresses(now)
            change = f"{then.summary} → {now.summary}" if moved else f"{then.summary}, unchanged"
            told.append((f"{key}: " if len(keys) > 1 else "") + f"{cluster.name}'s clients: {change}")
    return tuple(told)


def _addresses(found: Reach) -> set[str]:
    return {hop.backend.ip for hop in found.hops}


def _annotated(item: _Annotated, step: Step) -> _Annotated:
    annotations = annotate(item.metadata.annotations or {}, step.after or {})
    return msgspec.structs.replace(item, metadata=msgspec.structs.replace(item.metadata, annotations=annotations))


def _shared_in(cluster: Cluster, namespace: str) -> list[str]:
    """Services of a namespace that go to other clusters if the namespace does."""
    found = (item for item in cluster.services.values() if item.namespace == namespace)
    return [item.key for item in found if effective(item, None, cluster.config).shared]


def services_of(cluster: Cluster, deployment_key: str) -> list[str]:
    """Keys of the services whose selector the deployment's pods match."""
    deployment: Any = cluster.of(r.DEPLOYMENTS).get(deployment_key)
    if deployment is None:
        return []
    labels = deployment.spec.template.metadata.labels or {}
    namespace = deployment.namespace
    return [
        key
        for key, service in cluster.services.items()
        if service.namespace == namespace and service.spec.selector and service.spec.selector.items() <= labels.items()
    ]
