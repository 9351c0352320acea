"""The scale subresource: `kubectl scale`."""

from __future__ import annotations

import copy
from typing import Any

from meshtui.sim.api.body import JSON_PATCH, Body
from meshtui.sim.api.errors import bad_request, invalid, method_not_allowed, wrong
from meshtui.sim.api.kept import current, store
from meshtui.sim.api.patches import json_patch, merge
from meshtui.sim.api.request import Request
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster


def answer(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """Get, put or patch a Scale. Raises ApiError."""
    obj = current(cluster, ask)
    if ask.verb == "get":
        return scale_of(obj)
    if ask.verb not in ("update", "patch"):
        raise method_not_allowed()
    change = body.decoded()
    if ask.verb == "update":
        wanted = change
    elif body.media == JSON_PATCH:
        wanted = json_patch(scale_of(obj), change)
    else:
        wanted = merge(scale_of(obj), change)
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request('Scale in version "v1" cannot be handled as a Scale: spec.replicas is no integer')
    if replicas < 0:
        text = "must be greater than or equal to 0"
        raise invalid("Scale", "autoscaling", ask.name, [wrong("spec.replicas", str(replicas), text)])
    new = copy.deepcopy(obj)
    new["spec"]["replicas"] = replicas
    new["metadata"]["resourceVersion"] = (wanted.get("metadata") or {}).get("resourceVersion", "")
    return scale_of(store(cluster, Request(ask.resource, ask.verb, ask.namespace, ask.name), obj, new, body))


def scale_of(obj: Object) -> Object:
    """The Scale of a workload."""
    meta = obj["metadata"]
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    status: dict[str, Any] = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    if labels:
        status["selector"] = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {k: meta[k] for k in kept if k in meta},
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": status,
    }
