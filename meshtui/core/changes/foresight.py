"""What steps will do to traffic, foreseen on a copy of the mesh before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from meshtui.core.changes.plan import Step, Verb
from meshtui.core.changes.toggles import annotate
from meshtui.core.model import resources as r
from meshtui.core.model.objects import Namespace, Object, Service
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing import effects, what_if
from meshtui.core.routing.annotations import effective
from meshtui.core.routing.whatif import emptied

_Annotated = TypeVar("_Annotated", Service, Namespace)


def foresee(mesh: Mesh, steps: Sequence[Step]) -> tuple[str, ...]:
    """Sentences such as `koornacht's clients: K 2, T 2 → K 2`, for annotations and for scaling to zero.

    Policies change no backend, and where new pods of a scale-up land is not known before, so these say nothing.
    """
    changes: dict[tuple[str, Resource], dict[str, Object | None]] = {}
    keys: dict[str, None] = {}
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
    return effects(mesh, what_if(mesh, changes), keys) if keys else ()


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
