"""The last step of every write: the object as it is, and a changed one checked and kept."""

from __future__ import annotations

from meshtui.sim.api import admission, managed
from meshtui.sim.api.body import Body
from meshtui.sim.api.errors import conflict, not_found
from meshtui.sim.api.registry import storage
from meshtui.sim.api.request import Request
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster


def current(cluster: SimCluster, ask: Request) -> Object:
    """The object as it is. Raises ApiError 404."""
    found = cluster.store.get(storage(ask.resource), ask.namespace, ask.name)
    if found is None:
        raise not_found(ask.resource.plural, ask.resource.group, ask.name)
    return found


def store(cluster: SimCluster, ask: Request, old: Object, new: Object, body: Body, *, owned: bool = False) -> Object:
    """Check and keep a changed object; `owned` says that its field owners are right already. Raises ApiError."""
    resource = ask.resource
    meta = new["metadata"]
    asked = meta.get("resourceVersion")
    if asked and asked != old["metadata"]["resourceVersion"]:
        raise conflict(resource.plural, resource.group, ask.name)
    if meta.get("uid", old["metadata"]["uid"]) != old["metadata"]["uid"]:
        why = f"Precondition failed: UID in precondition: {meta['uid']}, UID in object meta: "
        raise conflict(resource.plural, resource.group, ask.name, why + str(old["metadata"]["uid"]))
    new = admission.admit_update(cluster, resource, old, new, body, ask.sub)
    if not owned and not ask.sub:
        managed.updated(old, new, body.manager, timestamp(cluster.world.clock.now()))
    if body.dry:
        return new
    kept = cluster.store.update(storage(resource), new)
    if kept["metadata"].get("deletionTimestamp") and not kept["metadata"].get("finalizers"):
        admission.finish_delete(cluster, resource, kept)
    return kept
