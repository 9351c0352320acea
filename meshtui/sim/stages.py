"""The steps of building a mesh, from two bare clusters on: what a running world is moved to, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from meshtui.sim import seed
from meshtui.sim.api.registry import BY_KIND
from meshtui.sim.options import SimOptions
from meshtui.sim.states import STATES
from meshtui.sim.store import GVR, Store

Object = dict[str, Any]
REPLICASETS: GVR = ("apps", "replicasets")
_KEPT = frozenset({"kube-root-ca.crt"})
"""Objects that controllers put into every namespace."""


def _no_control_plane(obj: Object) -> bool:
    name = str(obj["metadata"]["name"])
    return not name.startswith(("clustermesh-apiserver", "cilium-clustermesh", "cilium-kvstoremesh"))


def _no_application(obj: Object) -> bool:
    meta = obj["metadata"]
    named = str(meta["name"]).startswith(("rebel-base", "x-wing"))
    return meta.get("namespace") != "default" or not named


_PARTS: dict[str, tuple[str, Callable[[Object], bool]]] = {
    "clusters": ("no-cni", lambda _: True),
    "hubble": ("mesh-enabled", _no_control_plane),
    "connected": ("deployed", _no_application),
}
"""Stages between two recorded states: the later state, and what of it is there already."""


def stage_of(name: str) -> tuple[str, Callable[[Object], bool]]:
    """The recorded state a stage is part of, and which of its objects are there. Raises ValueError."""
    if name in _PARTS:
        return _PARTS[name]
    if name not in STATES or STATES[name].faults:
        raise ValueError(f"unknown stage {name!r}; known: {', '.join([*_PARTS, *STATES])}")
    return name, lambda _: True


def objects(options: SimOptions, cluster: str, number: int, name: str) -> list[Object]:
    """All objects of one cluster at a stage. Raises ValueError on an unknown one."""
    state, there = stage_of(name)
    return [obj for obj in seed.objects(options, cluster, number, state) if there(obj)]


def put(store: Store, wanted: list[Object]) -> None:
    """Make a store hold these objects and no others of kinds that clusters are seeded with; watches are told.

    Nothing may reconcile meanwhile: what is deleted here would be made again.
    """
    by_gvr: dict[GVR, dict[tuple[str, str], Object]] = {gvr: {} for gvr in _seeded(store)}
    for obj in wanted:
        meta = obj["metadata"]
        gvr = BY_KIND[obj["apiVersion"], obj["kind"]].gvr
        by_gvr.setdefault(gvr, {})[meta.get("namespace", ""), meta["name"]] = obj
    for gvr, kept in by_gvr.items():
        for found in store.list(gvr):
            key = (found["metadata"].get("namespace", ""), found["metadata"]["name"])
            if key not in kept and key[1] not in _KEPT:
                store.delete(gvr, *key)
    for gvr, objs in by_gvr.items():
        for key, obj in objs.items():
            if store.entry(gvr, *key) is None:
                store.create(gvr, obj)
            else:
                store.update(gvr, obj)


def _seeded(store: Store) -> list[GVR]:
    """Kinds that a seed or a person may have filled; not what the API server itself keeps."""
    own = ("rbac.authorization.k8s.io", "coordination.k8s.io", "events.k8s.io")
    skip = {("", "serviceaccounts"), ("", "events")}
    return [gvr for gvr in store.resources() if gvr[0] not in own and gvr not in skip]
