"""What steps will do to traffic, foreseen on a copy of the mesh before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from meshtui.core import resources as r
from meshtui.core.objects import Object, Service
from meshtui.core.plan import Step, Verb
from meshtui.core.resources import Resource
from meshtui.core.routing import effects, what_if
from meshtui.core.routing.whatif import emptied
from meshtui.core.state import Cluster, Mesh
from meshtui.core.toggles import annotate


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
        elif step.verb is Verb.SCALE and not (step.after or {}).get("replicas"):
            for key in services_of(cluster, step.key):
                for where, items in emptied(mesh, step.context, key).items():
                    changes.setdefault(where, {}).update(items)
                keys[key] = None
    return effects(mesh, what_if(mesh, changes), keys) if keys else ()


def _annotated(service: Service, step: Step) -> Service:
    annotations = annotate(service.annotations, step.after or {})
    return msgspec.structs.replace(service, metadata=msgspec.structs.replace(service.metadata, annotations=annotations))


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
