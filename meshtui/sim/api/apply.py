"""Server-side apply: owned fields merge, lost ones go, others' are conflicts."""

from __future__ import annotations

import copy
from typing import Any

from meshtui.sim.api import admission, managed
from meshtui.sim.api.body import Body, check_kind
from meshtui.sim.api.errors import ApiError, bad_request, invalid, required
from meshtui.sim.api.kept import store
from meshtui.sim.api.managed import Path
from meshtui.sim.api.registry import storage
from meshtui.sim.api.request import Request
from meshtui.sim.api.strategic import strategic_merge
from meshtui.sim.clock import timestamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster


def apply(cluster: SimCluster, ask: Request, body: Body) -> Object:
    """Create or change an object by the fields its applier wants. Raises ApiError."""
    wanted = body.decoded()
    check_kind(wanted, ask.resource)
    manager = body.query.get("fieldManager", "")
    if not manager:
        causes = [required("fieldManager", "is required for apply patch")]
        raise invalid("PatchOptions", "meta.k8s.io", "", causes)
    meta = wanted.setdefault("metadata", {})
    if meta.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    meta.setdefault("name", ask.name)
    if ask.resource.namespaced:
        meta.setdefault("namespace", ask.namespace)
    else:
        meta.pop("namespace", None)  # as registry/rest.BeforeCreate empties it
    old = cluster.store.get(storage(ask.resource), ask.namespace, ask.name)
    now = timestamp(cluster.world.clock.now())
    mine = (manager, "Apply")
    paths = set(managed.leaves(wanted))
    if old is None:
        return _created(cluster, ask, body, wanted, mine)
    _refuse_conflicts(old, wanted, mine, force=body.query.get("force") in ("1", "true"))
    new = strategic_merge(copy.deepcopy(old), wanted)
    for path in _dropped(old, paths, mine):
        _remove(new, path)
    # A field that was owned empty may be wanted with content now, or the other way round: it stays.
    new = strategic_merge(new, wanted)
    has = managed.owners(old)
    changed = {p for p, v in managed.leaves(wanted).items() if managed.leaves(old).get(p) != v}
    for key in has:
        if key != mine:
            has[key] = has[key] - changed
    before = has.get(mine)
    has[mine] = paths
    managed.record(new, has, {mine: now} if before != paths or changed else {})
    return store(cluster, ask, old, new, body, owned=True)


def _created(cluster: SimCluster, ask: Request, body: Body, wanted: Object, mine: tuple[str, str]) -> Object:
    wanted["metadata"].pop("resourceVersion", None)
    paths = set(managed.leaves(wanted))
    if ask.resource.namespaced and cluster.store.entry(("", "namespaces"), "", ask.namespace) is None:
        raise ApiError(
            404, "NotFound", f'namespaces "{ask.namespace}" not found', {"name": ask.namespace, "kind": "namespaces"}
        )
    obj = admission.admit_create(cluster, ask.resource, wanted, body)
    managed.record(obj, {mine: paths}, {mine: timestamp(cluster.world.clock.now())})
    return obj if body.dry else cluster.store.create(storage(ask.resource), obj)


def _refuse_conflicts(old: Object, wanted: Object, mine: tuple[str, str], *, force: bool) -> None:
    """409 when a field somebody else owns would change its value."""
    if force:
        return
    has = managed.leaves(old)
    changed = {p for p, v in managed.leaves(wanted).items() if p in has and has[p] != v}
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}"' + (f" using {old['apiVersion']}" if op == "Update" else ""),
            "field": _dotted(path),
        }
        for (manager, op), paths in managed.owners(old).items()
        if (manager, op) != mine
        for path in sorted(paths & changed)
    ]
    if not causes:
        return
    told = "\n".join(f"- {c['field']}" for c in causes)
    many = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    who = {c["message"] for c in causes}
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        message = f"Apply failed with {many}: {'; '.join(sorted(f'{w}s' for w in who))}:\n{told}"
    raise ApiError(409, "Conflict", message, {"causes": causes})


def _dotted(path: Path) -> str:
    text = ""
    for step in path:
        kind, _, name = step.partition(":")
        text += f".{name}" if kind == "f" else f"[{name.strip('{}')}]" if kind == "k" else f"[{name}]"
    return text.replace('":', "=").replace('"', "") if "[" in text else text


def _dropped(old: Object, paths: set[Path], mine: tuple[str, str]) -> list[Path]:
    """Fields that were this manager's alone and that it no longer wants, deepest first."""
    has = managed.owners(old)
    others: set[Path] = set().union(*(p for key, p in has.items() if key != mine)) if has else set()
    return sorted(has.get(mine, set()) - paths - others, key=len, reverse=True)


def _remove(obj: Any, path: Path) -> None:
    """Remove what a path leads to, and what is empty without it."""
    step = path[0]
    if step.startswith("f:"):
        key = step[2:]
        if not isinstance(obj, dict) or key not in obj:
            return
        if len(path) == 1:
            del obj[key]
            return
        if isinstance(obj[key], list):
            _remove_item(obj, key, path)
        else:
            _remove(obj[key], path[1:])
        if obj.get(key) in ({}, []):
            del obj[key]


def _remove_item(obj: dict[str, Any], field: str, path: Path) -> None:
    for item in list(obj[field]):
        if managed.item_key(field, item, path[:1]) == path[1]:
            if len(path) == 2:
                obj[field].remove(item)
            else:
                _remove(item, path[2:])
