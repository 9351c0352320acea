"""Delete and delete collection: finalizers, grace, preconditions and who is deleted along."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from meshtui.sim.api.body import Body
from meshtui.sim.api.errors import conflict
from meshtui.sim.api.kept import current
from meshtui.sim.api.read import chosen
from meshtui.sim.api.registry import ApiResource, storage
from meshtui.sim.api.request import Request
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster


def delete(cluster: SimCluster, ask: Request, body: Body) -> tuple[int, Object]:
    """Delete one object: HTTP status and the answer. Raises ApiError."""
    options = _options(body)
    obj = current(cluster, ask)
    _preconditions(ask, obj, options)
    dry = body.dry or options.get("dryRun") == ["All"]
    gone = mark(cluster, ask.resource, obj, options, body.query, dry=dry)
    if gone is not None:
        return 200, gone
    return 200, _success(ask.resource, obj)


def delete_collection(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """Delete all that the selectors match; the answer is their list."""
    options = _options(body)
    entries = cluster.store.entries(storage(ask.resource), ask.namespace or None)
    picked = [e.obj for e in chosen(entries, ask.resource, body.query)]
    dry = body.dry or options.get("dryRun") == ["All"]
    for obj in picked:
        mark(cluster, ask.resource, obj, options, body.query, dry=dry)
    return {
        "kind": f"{ask.resource.kind}List",
        "apiVersion": ask.resource.group_version,
        "metadata": {"resourceVersion": str(cluster.store.rv)},
        "items": picked,
    }


def mark(
    cluster: SimCluster,
    resource: ApiResource,
    obj: Object,
    options: Mapping[str, Any],
    query: Mapping[str, str],
    *,
    dry: bool,
) -> Object | None:
    """Remove an object, or mark it as being deleted and return it when something must end first."""
    policy = options.get("propagationPolicy") or query.get("propagationPolicy") or "Background"
    new = copy.deepcopy(obj)
    meta = new["metadata"]
    if policy == "Orphan":
        _orphan(cluster, obj, dry=dry)
    if policy == "Foreground" and resource.group == "apps":
        meta["finalizers"] = [*dict.fromkeys([*(meta.get("finalizers") or []), "foregroundDeletion"])]
    grace = _grace(resource, obj, options, query)
    waits = bool(meta.get("finalizers")) or grace > 0 or resource.gvr == ("", "namespaces")
    if not waits:
        if not dry:
            cluster.store.delete(storage(resource), meta.get("namespace", ""), meta["name"])
        return None
    if "deletionTimestamp" not in meta:
        meta["deletionTimestamp"] = timestamp(cluster.world.clock.now() + grace)
        meta["deletionGracePeriodSeconds"] = grace
        if resource.gvr == ("", "namespaces"):
            del meta["deletionGracePeriodSeconds"]
            new["status"] = {**new.get("status", {}), "phase": "Terminating"}
    return new if dry else cluster.store.update(storage(resource), new)


def _grace(resource: ApiResource, obj: Object, options: Mapping[str, Any], query: Mapping[str, str]) -> int:
    if resource.gvr != ("", "pods"):
        return 0
    asked = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    if asked is not None:
        return int(asked)
    # A pod that runs nowhere has nothing to wait for.
    if not obj.get("spec", {}).get("nodeName"):
        return 0
    return int(obj.get("spec", {}).get("terminationGracePeriodSeconds", 30))


def _options(body: Body) -> dict[str, Any]:
    found = body.decoded() if body.data else {}
    return found if isinstance(found, dict) else {}


def _preconditions(ask: Request, obj: Object, options: Mapping[str, Any]) -> None:
    wanted = options.get("preconditions") or {}
    for field, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        value = wanted.get(field)
        has = obj["metadata"][field]
        if value and value != has:
            why = f"Precondition failed: {label} in precondition: {value}, {label} in object meta: {has}"
            raise conflict(ask.resource.plural, ask.resource.group, ask.name, why)


def _orphan(cluster: SimCluster, owner: Object, *, dry: bool) -> None:
    """Cut the ties of what the object owns, so that it stays."""
    if dry:
        return
    uid = owner["metadata"]["uid"]
    for gvr in cluster.store.resources():
        for obj in cluster.store.list(gvr, owner["metadata"].get("namespace") or None):
            refs = obj["metadata"].get("ownerReferences") or []
            if any(r.get("uid") == uid for r in refs):
                freed = copy.deepcopy(obj)
                freed["metadata"]["ownerReferences"] = [r for r in refs if r.get("uid") != uid]
                cluster.store.update(gvr, freed)


def _success(resource: ApiResource, obj: Object) -> Object:
    details = {"name": obj["metadata"]["name"], "group": resource.group, "kind": resource.plural}
    details["uid"] = obj["metadata"]["uid"]
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {k: v for k, v in details.items() if v},
    }
