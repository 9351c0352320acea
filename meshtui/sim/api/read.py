"""Get and list: whole objects, tables, metadata only; paged and selected."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec

from meshtui.sim.api import selectors
from meshtui.sim.api.errors import ApiError, bad_request, not_found
from meshtui.sim.api.registry import ApiResource, storage
from meshtui.sim.api.request import Request
from meshtui.sim.api.tables import Shape, table_of
from meshtui.sim.store import Compacted, Entry, Store

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
)


def get(store: Store, ask: Request, shape: Shape, now: float) -> bytes:
    """One object as JSON in the shape asked for. Raises ApiError 404."""
    entry = store.entry(storage(ask.resource), ask.namespace, ask.name)
    if entry is None:
        raise not_found(ask.resource.plural, ask.resource.group, ask.name)
    if shape.kind == "Table":
        return msgspec.json.encode(table_of(ask.resource, [entry], shape, now, str(entry.rv)))
    if shape.kind:
        return msgspec.json.encode(partial(entry))
    return full(entry, ask.resource)


def full(entry: Entry, resource: ApiResource) -> bytes:
    """One object as JSON with the kind and apiVersion it is asked for by."""
    head = b'{"kind":"%s","apiVersion":"%s",' % (resource.kind.encode(), resource.group_version.encode())
    return head + entry.bare[1:]


def partial(entry: Entry) -> dict[str, Any]:
    """An object's metadata alone."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": entry.obj["metadata"],
    }


def chosen(entries: list[Entry], resource: ApiResource, query: Mapping[str, str]) -> list[Entry]:
    """Those that the query's label and field selectors match. Raises ApiError 400."""
    by_label = selectors.labels(query.get("labelSelector", ""))
    by_field = selectors.fields(query.get("fieldSelector", ""), resource.plural, resource.group_version, resource.kind)
    if by_label:
        entries = [e for e in entries if by_label(e.obj)]
    if by_field:
        entries = [e for e in entries if by_field(e.obj)]
    return entries


def listing(store: Store, ask: Request, query: Mapping[str, str], shape: Shape, now: float) -> bytes:
    """A list as JSON in the shape asked for. Raises ApiError 400 and 410."""
    rv, start = _from(store, query)
    namespace = ask.namespace or None
    try:
        entries = store.entries_at(storage(ask.resource), namespace, rv)
    except Compacted as error:
        raise _expired(store, query, error, start) from None
    entries = chosen(entries, ask.resource, query)
    if start:
        entries = [e for e in entries if list(e.key) > start]
    meta: dict[str, Any] = {"resourceVersion": str(rv)}
    limit = _limit(query)
    if limit and len(entries) > limit:
        rest = len(entries) - limit
        entries = entries[:limit]
        meta["continue"] = _token(rv, list(entries[-1].key))
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            meta["remainingItemCount"] = rest
    return _encode(ask.resource, entries, meta, shape, now)


def _encode(resource: ApiResource, entries: list[Entry], meta: dict[str, Any], shape: Shape, now: float) -> bytes:
    if shape.kind == "Table":
        table = table_of(resource, entries, shape, now, meta["resourceVersion"])
        table["metadata"] = meta
        return msgspec.json.encode(table)
    if shape.kind:
        items = [partial(e) for e in entries]
        return msgspec.json.encode(
            {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": items,
            }
        )
    head = b'{"kind":"%sList","apiVersion":"%s","metadata":%s,"items":[' % (
        resource.kind.encode(),
        resource.group_version.encode(),
        msgspec.json.encode(meta),
    )
    bodies = [full(e, resource) for e in entries] if resource.custom else [e.bare for e in entries]
    return head + b",".join(bodies) + b"]}"


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "")
    if text and not text.isdigit():
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text or 0)


def _from(store: Store, query: Mapping[str, str]) -> tuple[int, list[str]]:
    """The version to list at, and the key after which a further page starts."""
    token = query.get("continue", "")
    if token:
        return _read_token(store, token)
    text = query.get("resourceVersion", "")
    if text and not text.isdigit():
        raise bad_request(f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    asked = int(text or 0)
    if asked > store.rv:
        raise ApiError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {asked}, current: {store.rv}",
            {
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
        )
    return (asked if query.get("resourceVersionMatch") == "Exact" else store.rv), []


def _token(rv: int, after: list[str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": rv, "start": after})).decode()


def _read_token(store: Store, token: str) -> tuple[int, list[str]]:
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(token))
        rv, start = int(found["rv"]), list(found["start"])
    except (binascii.Error, ValueError, KeyError, TypeError, msgspec.DecodeError):
        raise bad_request("continue key is not valid") from None
    return (rv if rv > 0 else store.rv), start


def _expired(store: Store, query: Mapping[str, str], error: Compacted, start: list[str]) -> ApiError:
    if not query.get("continue"):
        return ApiError(410, "Expired", str(error))
    found = ApiError(410, "Expired", _TOO_OLD)
    found.continue_token = _token(-1, start)
    return found
