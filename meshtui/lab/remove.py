"""What takes the lab's application away: exactly what it put there."""

from __future__ import annotations

from msgspec.structs import replace

from meshtui.core.changes import planning
from meshtui.core.changes.plan import Plan, Step, Verb
from meshtui.core.errors import NotFound
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.lab import manifests
from meshtui.lab.place import LabCluster, Place
from meshtui.mesh.session import Session

_KINDS = {"ConfigMap": r.CONFIGMAPS, "Deployment": r.DEPLOYMENTS, "Service": r.SERVICES}


async def removal(session: Session, place: Place) -> list[Plan]:
    """A plan per cluster: its namespace where the lab made it, else the lab's objects; none when nothing is left."""
    plans = [await _half(session, place, half) for half in place.halves]
    return [plan for plan in plans if plan.steps]


async def _half(session: Session, place: Place, half: LabCluster) -> Plan:
    cluster = session.mesh.clusters[half.context]
    space = cluster.namespaces.get(place.namespace)
    if space is not None and space.labels.get(manifests.OWNER_LABEL) == manifests.OWNER:
        return session.plan_delete(half.context, r.NAMESPACES, "", place.namespace)
    steps: list[Step] = []
    for name in manifests.POLICIES:
        for each in place.objects(half, name):
            steps += _delete(session, half, r.CNPS, each["metadata"]["name"], place)
    for name in manifests.APPLICATION:
        for each in place.objects(half, name):
            kind, title = each["kind"], each["metadata"]["name"]
            if kind == "ConfigMap" and await _exists(session, half, place, title):
                before = {"metadata": {"name": title, "namespace": place.namespace}}
                steps.append(Step(half.context, Verb.DELETE, r.CONFIGMAPS, place.namespace, title, before, None))
            elif kind != "ConfigMap":
                steps += _delete(session, half, _KINDS[kind], title, place)
    unique = {(step.resource.plural, step.key): step for step in steps}
    title = f"remove the lab from {place.namespace} in {half.name}"
    plan = planning.finish(session.mesh, title, tuple(unique.values()), nothing="nothing of the lab is left")
    return plan if unique else replace(plan, steps=())


def _delete(session: Session, half: LabCluster, resource: Resource, name: str, place: Place) -> tuple[Step, ...]:
    return session.plan_delete(half.context, resource, place.namespace, name).steps


async def _exists(session: Session, half: LabCluster, place: Place, name: str) -> bool:
    """ConfigMaps are not watched."""
    try:
        await session.api(half.context).get(r.CONFIGMAPS, name, place.namespace)
    except NotFound:
        return False
    return True
