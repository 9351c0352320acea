"""What happens to an object between its arrival and the store: names, fixed fields, defaults, checks."""

from __future__ import annotations

import copy

from meshtui.sim.api import custom, defaults, validation
from meshtui.sim.api.body import Body
from meshtui.sim.api.errors import invalid, required
from meshtui.sim.api.registry import ApiResource, storage
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_GENERATION = {
    "deployments", "daemonsets", "replicasets", "statefulsets", "endpointslices", "networkpolicies",
    "ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumnodes", "ciliumendpoints",
    "ciliumidentities", "pods", "jobs", "cronjobs", "ingresses", "poddisruptionbudgets",
}  # fmt: skip
_STATUS_APART = {"pods", "nodes", "services", "namespaces", "deployments", "replicasets", "daemonsets", "statefulsets"}
_FIXED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


def admit_create(cluster: SimCluster, resource: ApiResource, obj: Object, body: Body) -> Object:
    """The object as it will be kept. Raises ApiError 422."""
    meta = obj["metadata"]
    if not meta.get("name"):
        causes = [required("metadata.name", "name or generateName is required")]
        raise invalid(resource.kind, resource.group, "", causes)
    for field in ("uid", "creationTimestamp", "deletionTimestamp", "selfLink"):
        meta.pop(field, None)
    meta.pop("resourceVersion", None)
    meta["uid"] = cluster.store.new_uid()
    meta["creationTimestamp"] = timestamp(cluster.world.clock.now())
    if resource.plural in _GENERATION:
        meta["generation"] = 1
    if resource.plural in _STATUS_APART or (resource.custom and "status" in resource.subs):
        obj.pop("status", None)
    defaults.strict(cluster, resource, obj, body.query)
    defaults.fill(cluster, resource, obj, dry=body.dry)
    validation.check(resource, obj, None, custom.causes(cluster, resource, obj))
    return obj


def admit_update(cluster: SimCluster, resource: ApiResource, old: Object, new: Object, body: Body, sub: str) -> Object:
    """The changed object as it will be kept. Raises ApiError 422."""
    if sub == "status":
        kept = copy.deepcopy(old)
        if "status" in new:
            kept["status"] = new["status"]
        return kept
    meta, was = new["metadata"], old["metadata"]
    if meta.get("name") != was["name"]:
        text = "field is immutable"
        causes = [("FieldValueInvalid", f'Invalid value: "{meta.get("name")}": {text}', "metadata.name")]
        raise invalid(resource.kind, resource.group, was["name"], causes)
    for field in (*_FIXED, "generation", "namespace"):
        if field in was:
            meta[field] = was[field]
        else:
            meta.pop(field, None)
    meta["resourceVersion"] = was["resourceVersion"]
    if resource.plural in _STATUS_APART or (resource.custom and "status" in resource.subs):
        new.pop("status", None)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
    for field in ("annotations", "labels", "finalizers", "ownerReferences"):
        if field in meta and not meta[field]:
            del meta[field]
    defaults.strict(cluster, resource, new, body.query)
    defaults.refill(cluster, resource, old, new)
    validation.check(resource, new, old, custom.causes(cluster, resource, new))
    return new


def finish_delete(cluster: SimCluster, resource: ApiResource, obj: Object) -> None:
    """Remove an object whose last finalizer is gone."""
    if resource.plural == "pods" and obj["metadata"].get("deletionGracePeriodSeconds"):
        return
    meta = obj["metadata"]
    cluster.store.delete(storage(resource), meta.get("namespace", ""), meta["name"])
