"""One object as its API server has it: as a manifest, as YAML, who wrote which part of it when, its events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from meshtui.core.model.resources import Resource

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HIDDEN_KINDS = frozenset(("Secret",))
"""Kinds whose content is never shown."""


class FieldManager(Struct, frozen=True):
    """Who wrote some fields: field manager, operation, time as the API server says it (RFC 3339)."""

    manager: str
    operation: str
    time: str
    subresource: str = ""
    annotations: tuple[str, ...] = ()
    """Keys of metadata.annotations it owns."""
    fields: int = 0
    """How many fields it owns in all."""


class ObjectEvent(Struct, frozen=True):
    """One Event of Kubernetes about an object."""

    time: str
    """When it was seen last, RFC 3339."""
    kind: str
    """Normal or Warning."""
    reason: str
    message: str
    source: str
    count: int = 1


def as_manifest(resource: Resource, item: Any) -> dict[str, Any] | None:
    """What is known of a policy as a manifest that restores it; None when there is none."""
    if item is None:
        return None
    meta: dict[str, Any] = {"name": item.name}
    if item.namespace:
        meta["namespace"] = item.namespace
    if item.labels:
        meta["labels"] = dict(item.labels)
    if item.annotations:
        meta["annotations"] = dict(item.annotations)
    manifest: dict[str, Any] = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}
    for part in ("spec", "specs", "data"):
        value = getattr(item, part, None)
        if isinstance(value, dict | list):
            manifest[part] = value
    return manifest


def written(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as a person writes one: without what kubectl remembers of its last apply, which would be wrong."""
    metadata = dict(manifest.get("metadata") or {})
    marks = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key != LAST_APPLIED}
    return {**manifest, "metadata": {**metadata, "annotations": marks} if marks else metadata}


def writers(document: Mapping[str, Any]) -> list[FieldManager]:
    """metadata.managedFields, newest first; entries that are not as Kubernetes writes them are left out."""
    entries = (document.get("metadata") or {}).get("managedFields") or []
    found = [writer for entry in entries if isinstance(entry, Mapping) for writer in _writer(entry)]
    return sorted(found, key=lambda writer: writer.time, reverse=True)


def _writer(entry: Mapping[str, Any]) -> Iterator[FieldManager]:
    fields = entry.get("fieldsV1")
    if not isinstance(fields, Mapping):
        return
    metadata = fields.get("f:metadata")
    owned = metadata.get("f:annotations") if isinstance(metadata, Mapping) else None
    keys = [key.removeprefix("f:") for key in owned if key.startswith("f:")] if isinstance(owned, Mapping) else []
    yield FieldManager(
        str(entry.get("manager", "")),
        str(entry.get("operation", "")),
        str(entry.get("time", "")),
        str(entry.get("subresource", "")),
        tuple(sorted(keys)),
        _count(fields),
    )


def _count(fields: Mapping[str, Any]) -> int:
    """Fields in a FieldsV1 set: its leaves."""
    return sum(_count(value) if isinstance(value, Mapping) and value else 1 for value in fields.values())


def who_wrote(document: Mapping[str, Any], annotation: str) -> FieldManager | None:
    """The newest writer of an annotation, as far as managedFields tell."""
    return next((writer for writer in writers(document) if annotation in writer.annotations), None)


def folded(document: Mapping[str, Any]) -> dict[str, Any]:
    """The object without managedFields and without what kubectl remembers of the last apply.

    A Secret keeps its keys alone: no value of one is ever shown.
    """
    shown = {key: value for key, value in document.items() if key not in ("metadata", "data", "stringData")}
    metadata = {k: v for k, v in (document.get("metadata") or {}).items() if k != "managedFields"}
    sent = metadata.get("annotations") or {}
    annotations = {k: v for k, v in sent.items() if k != LAST_APPLIED}
    if sent and not annotations:
        del metadata["annotations"]  # nobody wrote an empty one
    elif sent:
        metadata["annotations"] = annotations
    kept = {"apiVersion": shown.pop("apiVersion", ""), "kind": shown.pop("kind", ""), "metadata": metadata}
    for part in ("data", "stringData"):
        if part in document:
            hide = document.get("kind") in _HIDDEN_KINDS
            kept[part] = dict.fromkeys(document[part] or {}, "(not shown)") if hide else document[part]
    return kept | shown


def events(document: Mapping[str, Any]) -> list[ObjectEvent]:
    """The items of an event list, newest first (core/v1, as `kubectl get events` has them)."""
    found = []
    for item in document.get("items") or []:
        series = item.get("series") or {}
        time = series.get("lastObservedTime") or item.get("lastTimestamp") or item.get("eventTime") or ""
        source = (item.get("source") or {}).get("component") or item.get("reportingComponent") or ""
        count = series.get("count") or item.get("count") or 1
        message, kind = str(item.get("message", "")), str(item.get("type", ""))
        found.append(ObjectEvent(str(time), kind, str(item.get("reason", "")), message, str(source), int(count)))
    return sorted(found, key=lambda told: told.time, reverse=True)
