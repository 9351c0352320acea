"""A request's body: how to take it, and whether it is an object of the kind asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from meshtui.sim.api import protobuf
from meshtui.sim.api.auth import User
from meshtui.sim.api.errors import bad_request, unsupported_media
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object

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
    told = non_string(obj)
    if told is not None:
        raise bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: json: cannot '
            f"unmarshal {told[0]} into Go struct field ObjectMeta.metadata.{told[1]} of type string"
        )


def non_string(obj: Object) -> tuple[str, str] | None:
    """The JSON kind and the field of the first label or annotation that is no string."""
    meta = obj.get("metadata")
    if not isinstance(meta, dict):
        return None
    for field in ("annotations", "labels"):
        for value in (meta.get(field) or {}).values():
            if value is not None and not isinstance(value, str):
                return _go_kind(value), field
    return None


def _go_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array"
