"""Create, update and patch: decode, change, default, check, commit."""

from __future__ import annotations

import copy
import json

from meshtui.sim.api import admission, managed
from meshtui.sim.api.apply import apply
from meshtui.sim.api.body import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    Body,
    check_kind,
    non_string,
)
from meshtui.sim.api.errors import (
    ApiError,
    already_exists,
    bad_request,
    method_not_allowed,
    not_found,
    unsupported_media,
)
from meshtui.sim.api.kept import current, store
from meshtui.sim.api.patches import PatchFailed, json_patch, merge
from meshtui.sim.api.registry import ApiResource, storage
from meshtui.sim.api.request import Request
from meshtui.sim.api.strategic import strategic_merge
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Exists, Object
from meshtui.sim.world import SimCluster


def create(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """A new object. Raises ApiError."""
    obj = body.decoded()
    check_kind(obj, ask.resource)
    meta = obj.setdefault("metadata", {})
    if meta.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    _place(meta, ask, cluster)
    obj = admission.admit_create(cluster, ask.resource, obj, body)
    managed.updated(None, obj, body.manager, timestamp(cluster.world.clock.now()))
    if cluster.store.entry(storage(ask.resource), meta.get("namespace", ""), obj["metadata"]["name"]):
        raise already_exists(ask.resource.plural, ask.resource.group, obj["metadata"]["name"])
    if body.dry:
        return obj
    try:
        return cluster.store.create(storage(ask.resource), obj)
    except Exists:
        raise already_exists(ask.resource.plural, ask.resource.group, obj["metadata"]["name"]) from None


def update(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """An object replaced by PUT. Raises ApiError."""
    old = current(cluster, ask)
    obj = body.decoded()
    check_kind(obj, ask.resource)
    meta = obj.setdefault("metadata", {})
    if meta.get("name") != ask.name:
        raise bad_request(
            f"the name of the object ({meta.get('name')}) does not match the name on the URL ({ask.name})"
        )
    return store(cluster, ask, old, obj, body)


def patch(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """An object changed by any of the four kinds of patch. Raises ApiError."""
    if body.media == APPLY_PATCH:
        return apply(cluster, ask, body)
    old = current(cluster, ask)
    new = _patched(old, ask.resource, body)
    return store(cluster, ask, old, new, body)


def _patched(old: Object, resource: ApiResource, body: Body) -> Object:
    change = body.decoded()
    if body.media == JSON_PATCH:
        try:
            new = json_patch(old, change)
        except PatchFailed:
            raise ApiError(
                422, "Invalid", "the server rejected our request due to an error in our request", {}
            ) from None
    elif body.media == STRATEGIC_PATCH:
        if resource.custom:
            known = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH, "application/apply-patch+cbor")
            raise unsupported_media(body.media, known)
        new = strategic_merge(copy.deepcopy(old), change)
    elif body.media == MERGE_PATCH:
        new = copy.deepcopy(merge(old, change))
    else:
        raise unsupported_media(body.media, (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH))
    if not isinstance(new, dict) or not isinstance(new.get("metadata"), dict):
        raise bad_request("the patch does not leave an object")
    _refuse_non_strings(new)
    return new


def _refuse_non_strings(obj: Object) -> None:
    """422 as the real server words it when a label or annotation is no string."""
    told = non_string(obj)
    if told is None:
        return
    kind, field = told
    text = json.dumps(obj, separators=(",", ":"), ensure_ascii=False)
    message = (
        f"Invalid value: {json.dumps(text)}: json: cannot unmarshal {kind} into Go struct field "
        f"ObjectMeta.metadata.{field} of type string"
    )
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": "patch"}]
    raise ApiError(422, "Invalid", f' "" is invalid: patch: {message}', {"causes": causes})


def _place(meta: Object, ask: Request, cluster: SimCluster) -> None:
    if ask.resource.namespaced:
        if not ask.namespace:
            raise method_not_allowed(ask.resource.plural)
        if meta.setdefault("namespace", ask.namespace) != ask.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if cluster.store.entry(("", "namespaces"), "", ask.namespace) is None:
            raise not_found("namespaces", "", ask.namespace)
    else:
        meta.pop("namespace", None)
    if not meta.get("name") and meta.get("generateName"):
        letters = "bcdfghjklmnpqrstvwxz2456789"
        suffix = "".join(cluster.world.rng.choice(letters) for _ in range(5))
        meta["name"] = f"{meta['generateName'][:58]}{suffix}"
