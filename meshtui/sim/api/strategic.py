"""Strategic merge patch: lists of built-in types merge by key, with kubectl's `$` directives."""

from __future__ import annotations

from typing import Any

_KEYS: dict[str, str] = {
    "containers": "name", "initContainers": "name", "ephemeralContainers": "name", "volumes": "name",
    "env": "name", "imagePullSecrets": "name", "volumeMounts": "mountPath", "volumeDevices": "devicePath",
    "conditions": "type", "addresses": "type", "ownerReferences": "uid", "hostAliases": "ip",
    "taints": "key", "secrets": "name", "topologySpreadConstraints": "topologyKey", "podIPs": "ip",
    "resourceClaims": "name", "containerStatuses": "name",
}  # fmt: skip
_SETS = {"finalizers"}


def strategic_merge(target: Any, patch: Any, path: tuple[str, ...] = ()) -> Any:
    """`target` changed by a strategic merge patch."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    if patch.get("$patch") == "delete":
        return None
    result = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        result = {k: v for k, v in result.items() if k in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$"):
            _directive(result, key, value)
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, list):
            order = patch.get(f"$setElementOrder/{key}")
            result[key] = _merge_list(result.get(key), value, key, (*path, key), order)
        else:
            result[key] = strategic_merge(result.get(key), value, (*path, key))
    _order_untouched(result, patch, path)
    return result


def merge_key(field: str, path: tuple[str, ...]) -> str:
    """The key by which a list of a built-in type merges, or empty: the list is atomic."""
    if field == "ports":
        return "containerPort" if "containers" in path or "initContainers" in path else "port"
    return _KEYS.get(field, "")


def _directive(result: dict[str, Any], key: str, value: Any) -> None:
    name, _, field = key.partition("/")
    if name == "$deleteFromPrimitiveList" and isinstance(result.get(field), list):
        result[field] = [item for item in result[field] if item not in value]


def _merge_list(has: Any, patch: list[Any], field: str, path: tuple[str, ...], order: Any) -> list[Any]:
    if field in _SETS:
        return [*(has or []), *(p for p in patch if p not in (has or []))]
    key = merge_key(field, path)
    if any(isinstance(p, dict) and p.get("$patch") == "replace" for p in patch):
        return [p for p in patch if not (isinstance(p, dict) and "$patch" in p)]
    if not key or not all(isinstance(p, dict) for p in patch):
        return list(patch)
    items = {item.get(key): item for item in has or [] if isinstance(item, dict)}
    for change in patch:
        if change.get("$patch") == "delete":
            items.pop(change.get(key), None)
        else:
            items[change.get(key)] = strategic_merge(items.get(change.get(key)), change, path)
    return _in_order(list(items.values()), key, order)


def _in_order(items: list[Any], key: str, order: Any) -> list[Any]:
    """Put items as `$setElementOrder` names them; those it does not name keep their place at the end."""
    if not order:
        return items
    wanted = [o.get(key) if isinstance(o, dict) else o for o in order]
    named = [i for w in wanted for i in items if i.get(key) == w]
    return [*named, *(i for i in items if i.get(key) not in wanted)]


def _order_untouched(result: dict[str, Any], patch: dict[str, Any], path: tuple[str, ...]) -> None:
    """Apply an order given for a list that is otherwise unchanged."""
    for directive, order in patch.items():
        name, _, field = directive.partition("/")
        if name == "$setElementOrder" and field not in patch and isinstance(result.get(field), list):
            key = merge_key(field, (*path, field))
            if key:
                result[field] = _in_order(result[field], key, order)
