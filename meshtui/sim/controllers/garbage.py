"""Garbage collection: what is owned goes with its owner, a namespace with all in it."""

from __future__ import annotations

import copy

from meshtui.sim.controllers.loop import NAMESPACES, PODS, Loop
from meshtui.sim.controllers.pods import terminate
from meshtui.sim.store import GVR, Object

FOREGROUND = "foregroundDeletion"


class Garbage:
    """Deletes dependants and empties namespaces."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store

    def owner_gone(self, uid: str) -> None:
        """Delete what a vanished object owned."""
        for gvr, obj in self._owned(uid):
            self._remove(gvr, obj)

    def foreground(self, gvr: GVR, obj: Object) -> None:
        """Delete dependants first, then let the owner go."""
        if FOREGROUND not in (obj["metadata"].get("finalizers") or []):
            return
        owned = self._owned(obj["metadata"]["uid"])
        for kind, dependant in owned:
            if not dependant["metadata"].get("deletionTimestamp"):
                self._remove(kind, dependant)
        if owned and self._owned(obj["metadata"]["uid"]):
            return
        new = copy.deepcopy(obj)
        new["metadata"]["finalizers"].remove(FOREGROUND)
        self._store.update(gvr, new)
        if not new["metadata"]["finalizers"]:
            self._store.delete(gvr, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def namespace(self, _: str, name: str) -> None:
        """Empty a namespace that is being deleted, then remove it."""
        found = self._store.get(NAMESPACES, "", name)
        if found is None or not found["metadata"].get("deletionTimestamp"):
            return
        left = False
        for gvr in self._store.resources():
            for obj in self._store.list(gvr, name):
                self._remove(gvr, obj)
            left = left or bool(self._store.list(gvr, name))
        if left:
            self._loop.later(0.2, "namespace", "", name)
        else:
            self._store.delete(NAMESPACES, "", name)

    def _owned(self, uid: str) -> list[tuple[GVR, Object]]:
        return [
            (gvr, obj)
            for gvr in self._store.resources()
            for obj in self._store.list(gvr)
            if any(r.get("uid") == uid for r in obj["metadata"].get("ownerReferences") or [])
        ]

    def _remove(self, gvr: GVR, obj: Object) -> None:
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return
        if gvr == PODS:
            terminate(self._loop, obj)
        elif self._store.entry(gvr, meta.get("namespace", ""), meta["name"]):
            self._store.delete(gvr, meta.get("namespace", ""), meta["name"])
