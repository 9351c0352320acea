"""Which change makes which controller look again."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.sim.controllers import bootstrap
from meshtui.sim.controllers.cilium import CCNPS, CNPS, Cilium
from meshtui.sim.controllers.daemonsets import DaemonSets
from meshtui.sim.controllers.deployments import Deployments
from meshtui.sim.controllers.endpoints import Endpoints
from meshtui.sim.controllers.events import Events
from meshtui.sim.controllers.garbage import Garbage
from meshtui.sim.controllers.loop import (
    DAEMONSETS,
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICASETS,
    SERVICES,
    SLICES,
    Loop,
)
from meshtui.sim.controllers.pods import Pods
from meshtui.sim.controllers.replicasets import ReplicaSets
from meshtui.sim.store import GVR, Object

_SIMPLE = {
    DEPLOYMENTS: "deployment",
    REPLICASETS: "replicaset",
    DAEMONSETS: "daemonset",
    SERVICES: "service",
    CNPS: "policy",
    CCNPS: "policy",
}


def connect(loop: Loop, authority: str) -> Callable[[], None]:
    """Make every controller and subscribe them to the store; returns how to stop."""
    return loop.store.subscribe(_Wiring(loop, authority).changed)


class _Wiring:
    def __init__(self, loop: Loop, authority: str) -> None:
        self._loop = loop
        self._authority = authority
        self._endpoints = Endpoints(loop)
        self._garbage = Garbage(loop)
        self._events = Events(loop)
        cilium = Cilium(loop)
        loop.handle("deployment", Deployments(loop).reconcile)
        loop.handle("replicaset", ReplicaSets(loop).reconcile)
        daemonsets = DaemonSets(loop)
        daemonsets.adopt()
        loop.handle("daemonset", daemonsets.reconcile)
        loop.handle("pod", Pods(loop).reconcile)
        loop.handle("service", self._endpoints.reconcile)
        loop.handle("namespace", self._garbage.namespace)
        loop.handle("new namespace", self._furnish)
        loop.handle("endpoint", cilium.pod)
        loop.handle("policy", cilium.policy)
        loop.handle("orphans", lambda _, uid: self._garbage.owner_gone(uid))
        loop.handle("foreground", self._foreground)

    def changed(self, kind: str, gvr: GVR, obj: Object, old: Object | None) -> None:
        """Queue what a change concerns, and tell of it."""
        self._events.changed(kind, gvr, obj, old)
        meta = obj["metadata"]
        namespace, name = meta.get("namespace", ""), meta["name"]
        if gvr in _SIMPLE:
            self._loop.add(_SIMPLE[gvr], namespace, name)
        if gvr == PODS:
            self._pod(obj, old)
        elif gvr == NAMESPACES:
            self._loop.add("new namespace" if kind == "ADDED" else "namespace", namespace, name)
        elif gvr == SLICES and kind != "ADDED":
            service = (meta.get("labels") or {}).get("kubernetes.io/service-name", "")
            self._loop.add("service", namespace, service)
        elif gvr == NODES and kind != "MODIFIED":
            for found in self._loop.store.list(DAEMONSETS):
                self._loop.add("daemonset", found["metadata"]["namespace"], found["metadata"]["name"])
        elif gvr == REPLICASETS:
            self._owner(obj, "Deployment", "deployment")
        if kind == "DELETED":
            self._loop.add("orphans", "", meta["uid"])
        elif meta.get("deletionTimestamp") and meta.get("finalizers"):
            self._loop.add("foreground", "/".join(gvr), f"{namespace}/{name}")

    def _pod(self, pod: Object, old: Object | None) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self._loop.add("pod", namespace, name)
        self._loop.add("endpoint", namespace, name)
        self._owner(pod, "ReplicaSet", "replicaset")
        self._owner(pod, "DaemonSet", "daemonset")
        self._endpoints.pod_changed(pod, old)

    def _owner(self, obj: Object, owner: str, kind: str) -> None:
        for ref in obj["metadata"].get("ownerReferences") or []:
            if ref.get("kind") == owner:
                self._loop.add(kind, obj["metadata"]["namespace"], ref["name"])

    def _furnish(self, _: str, name: str) -> None:
        for gvr, obj in bootstrap.namespace(self._loop.store, name, self._authority):
            self._loop.store.create(gvr, obj)

    def _foreground(self, where: str, what: str) -> None:
        group, _, plural = where.partition("/")
        namespace, _, name = what.partition("/")
        found = self._loop.store.get((group, plural), namespace, name)
        if found is not None:
            self._garbage.foreground((group, plural), found)
            if self._loop.store.get((group, plural), namespace, name) is not None:
                self._loop.later(0.2, "foreground", where, what)
