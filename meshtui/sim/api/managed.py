"""Who owns which field: managedFields, as paths in memory and FieldsV1 in objects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from meshtui.sim.api.strategic import merge_key
from meshtui.sim.store import Object

Path = tuple[str, ...]
"""Steps as FieldsV1 writes them: `f:spec`, `k:{"port":80,"protocol":"TCP"}`, `v:"x"`."""
_APART = {"apiVersion", "kind", "status"}
_META = {"annotations", "labels", "finalizers", "ownerReferences"}


def item_key(field: str, item: Any, at: Path) -> str:
    """The step to one item of a keyed list; empty when the list is atomic."""
    names = tuple(step.removeprefix("f:") for step in at)
    key = merge_key(field, names)
    if field == "finalizers":
        return "v:" + msgspec.json.encode(item).decode()
    if not key or not isinstance(item, dict) or key not in item:
        return ""
    found = {key: item[key]}
    if field == "ports":
        found["protocol"] = item.get("protocol", "TCP")
    return "k:" + msgspec.json.encode(found).decode()


def leaves(obj: Object) -> dict[Path, Any]:
    """Every owned field of an object with its value; metadata the server sets is nobody's."""
    found: dict[Path, Any] = {}
    for key, value in obj.items():
        if key == "metadata":
            for name in _META & set(value):
                _walk(value[name], ("f:metadata", f"f:{name}"), name, found)
        elif key not in _APART:
            _walk(value, (f"f:{key}",), key, found)
    return found


def _walk(value: Any, at: Path, field: str, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            _walk(item, (*at, f"f:{key}"), key, found)
        return
    if isinstance(value, list) and value:
        keys = [item_key(field, item, at) for item in value]
        if all(keys):
            for key, item in zip(keys, value, strict=True):
                found[(*at, key)] = None
                if isinstance(item, dict):
                    for name, inner in item.items():
                        _walk(inner, (*at, key, f"f:{name}"), name, found)
            return
    found[at] = value


def to_fields(paths: Iterable[Path]) -> dict[str, Any]:
    """FieldsV1 of some paths."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        at = root
        for step in path:
            at = at.setdefault(step, {})
        if path[-1].startswith("k:"):
            at["."] = {}
    return root


def from_fields(fields: dict[str, Any], at: Path = ()) -> set[Path]:
    """The paths in a FieldsV1."""
    if not fields:
        return {at} if at else set()
    found: set[Path] = set()
    for step, inner in fields.items():
        if step == ".":
            if at and at[-1].startswith("k:"):
                found.add(at)
            continue
        found |= from_fields(inner, (*at, step))
    return found


def owners(obj: Object) -> dict[tuple[str, str], set[Path]]:
    """(manager, operation) → paths; entries of subresources are left alone."""
    found = {}
    for entry in obj["metadata"].get("managedFields") or []:
        if not entry.get("subresource"):
            found[entry["manager"], entry["operation"]] = from_fields(entry.get("fieldsV1") or {})
    return found


def record(obj: Object, has: dict[tuple[str, str], set[Path]], when: dict[tuple[str, str], str]) -> None:
    """Write owners into an object; `when` holds the time of each entry that changed."""
    meta = obj["metadata"]
    before = meta.get("managedFields") or []
    times = {(e["manager"], e["operation"]): e.get("time") for e in before if not e.get("subresource")}
    entries = [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": obj["apiVersion"],
            "time": when.get((manager, operation)) or times.get((manager, operation)),
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(paths),
        }
        for (manager, operation), paths in has.items()
        if paths
    ]
    entries += [e for e in before if e.get("subresource")]
    if entries:
        meta["managedFields"] = entries
    else:
        meta.pop("managedFields", None)


def updated(old: Object | None, new: Object, manager: str, now: str) -> None:
    """After a create, update or patch: what changed belongs to `manager` alone."""
    before = leaves(old) if old else {}
    after = leaves(new)
    changed = {p for p, v in after.items() if p not in before or before[p] != v}
    gone = set(before) - set(after)
    if not changed and not gone:
        return
    has = owners(old) if old else {}
    for key in has:
        has[key] = has[key] - changed - gone
    mine = (manager, "Update")
    has[mine] = has.get(mine, set()) | changed
    record(new, has, {mine: now} if changed else {})
