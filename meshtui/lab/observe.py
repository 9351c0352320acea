"""Reads the application's state back from the clusters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from meshtui.core.changes.planning import replicas_of
from meshtui.core.errors import NotFound
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster
from meshtui.core.routing.annotations import KEYS, read
from meshtui.lab import manifests
from meshtui.lab.facts import IMAGES
from meshtui.lab.place import LabCluster, Place
from meshtui.lab.state import REPLICAS, Side, State, policy_name
from meshtui.mesh.session import Session

SERVICE = "rebel-base"
CONFIGMAP = "rebel-base-response"
WORKLOADS = ("rebel-base", "x-wing")


async def observe(session: Session, place: Place) -> State:
    """Both clusters as the API servers have them now. Raises what asking for a ConfigMap raises."""
    first, second = await asyncio.gather(*(_side(session, place, half) for half in place.halves))
    return State(first, second)


async def _side(session: Session, place: Place, half: LabCluster) -> Side:
    cluster = session.mesh.clusters[half.context]
    service = cluster.services.get(place.key(SERVICE))
    deployment = cluster.of(r.DEPLOYMENTS).get(place.key(SERVICE))
    values = {what: read(service.annotations if service else {}, key).value for what, key in KEYS.items()}
    parts = {
        "namespace": place.namespace in cluster.namespaces,
        "configmap": await _answers_as(session, place, half),
        "deployment": all(_runs(cluster, place, name) for name in WORKLOADS),
        "service": service is not None,
    }
    return Side(
        frozenset(name for name, there in parts.items() if there),
        {what: value for what, value in values.items() if value is not None},
        REPLICAS if deployment is None else replicas_of(deployment),
        policies(cluster, place, half),
    )


async def _answers_as(session: Session, place: Place, half: LabCluster) -> bool:
    """Whether rebel-base's answer is there and names this cluster."""
    try:
        found = await session.api(half.context).get(r.CONFIGMAPS, CONFIGMAP, place.namespace)
    except NotFound:
        return False
    try:
        said = json.loads((found.data or {}).get("message", ""))
    except ValueError:
        return False
    return isinstance(said, dict) and str(said.get("Cluster", "")).lower() == half.name.lower()


def _runs(cluster: Cluster, place: Place, name: str) -> bool:
    """Whether a Deployment is there, with the image asked for where one was."""
    found = cluster.of(r.DEPLOYMENTS).get(place.key(name))
    if found is None:
        return False
    wanted = place.images.server if name == SERVICE else place.images.client
    if wanted in (IMAGES.server, IMAGES.client):
        return True
    return any(container.image == wanted for container in found.spec.template.spec.containers or ())


def policies(cluster: Cluster, place: Place, half: LabCluster) -> frozenset[str]:
    """The lab's policies that are in force in a cluster; `other NAME` where one of that name says something else."""
    there = cluster.of(r.CNPS)
    found = set()
    for name in manifests.POLICIES:
        policy = there.get(place.key(policy_name(name)))
        if policy is None:
            continue
        [ours] = place.objects(half, name)
        if _meaning(policy.spec) == _meaning(ours["spec"]):
            found.add(name)
    said = {policy_name(name) for name in found}
    names = {policy_name(name) for name in manifests.POLICIES}
    return frozenset(found | {f"other {name}" for name in names - said if place.key(name) in there})


def _meaning(spec: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A policy without what people read only."""
    return {key: value for key, value in (spec or {}).items() if key != "description"}
