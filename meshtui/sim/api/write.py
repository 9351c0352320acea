"""Create, update, patch and delete: decode, change, default, check, commit."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from meshtui.sim.api import admission, managed, protobuf
from meshtui.sim.api.auth import User
from meshtui.sim.api.errors import (
    ApiError,
    already_exists,
    bad_request,
    conflict,
    method_not_allowed,
    not_found,
    unsupported_media,
)
from meshtui.sim.api.patches import PatchFailed, json_patch, merge
from meshtui.sim.api.registry import ApiResource, storage
from meshtui.sim.api.request import Ask
from meshtui.sim.api.strategic import strategic_merge
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Exists, Object
from meshtui.sim.world import SimCluster

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body and what the query says about how to take it."""

    data: bytes
    media: str
    query: Mapping[str, str]
    user: User
    agent: str = ""

    @property
    def dry(self) -> bool:
        """Whether nothing may be kept. Raises ApiError for a dry run of another kind."""
        value = self.query.get("dryRun", "")
        if value not in ("", "All"):
            raise bad_request(f'Invalid value: "{value}": must be one of [All]')
        return value == "All"

    @property
    def manager(self) -> str:
        """Who owns the fields this request sets."""
        return self.query.get("fieldManager", "") or self.agent.partition("/")[0] or "unknown"

    def decoded(self) -> Any:
        """The body's JSON or YAML. Raises ApiError 400 and 415."""
        if self.media in ("application/yaml", APPLY_PATCH):
            try:
                return yaml.safe_load(self.data)
            except yaml.YAMLError as error:
                raise bad_request(f"error decoding YAML: {error}") from None
        if self.media == protobuf.MEDIA:
            return protobuf.decode(self.data)
        if self.media not in ("application/json", "", JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
            raise unsupported_media(self.media, ("application/json", "application/yaml"))
        try:
            return msgspec.json.decode(self.data)
        except msgspec.DecodeError as error:
            raise bad_request(f"the object provided is unrecognized: {error}") from None


def create(cluster: SimCluster, ask: Ask, body: Body) -> Object:
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


def update(cluster: SimCluster, ask: Ask, body: Body) -> Object:
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


def patch(cluster: SimCluster, ask: Ask, body: Body) -> Object:
    """An object changed by any of the four kinds of patch. Raises ApiError."""
    if body.media == APPLY_PATCH:
        from meshtui.sim.api.apply import apply

        return apply(cluster, ask, body)
    old = current(cluster, ask)
    new = _patched(old, ask.resource, body)
    return store(cluster, ask, old, new, body)


def current(cluster: SimCluster, ask: Ask) -> Object:
    """The object as it is. Raises ApiError 404."""
    found = cluster.store.get(storage(ask.resource), ask.namespace, ask.name)
    if found is None:
        raise not_found(ask.resource.plural, ask.resource.group, ask.name)
    return found


def store(cluster: SimCluster, ask: Ask, old: Object, new: Object, body: Body, *, owned: bool = False) -> Object:
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
    told = admission.non_string(obj)
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


def check_kind(obj: Any, resource: ApiResource) -> None:
    """Refuse an object of another kind, or with labels that are no strings. Raises ApiError 400."""
    if not isinstance(obj, dict):
        raise bad_request("the object provided is unrecognized (must be of type " + resource.kind + ")")
    obj.setdefault("kind", resource.kind)
    obj.setdefault("apiVersion", resource.group_version)
    if (obj["apiVersion"], obj["kind"]) != (resource.group_version, resource.kind):
        raise bad_request(
            f"{resource.kind} in version {json.dumps(resource.version)} cannot be handled as a {resource.kind}: "
            f"the API version in the data ({obj['apiVersion']}) does not match the expected API version "
            f"({resource.group_version})"
        )
    told = admission.non_string(obj)
    if told is not None:
        raise bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: json: cannot '
            f"unmarshal {told[0]} into Go struct field ObjectMeta.metadata.{told[1]} of type string"
        )


def _place(meta: Object, ask: Ask, cluster: SimCluster) -> None:
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
