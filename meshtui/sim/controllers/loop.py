"""The work queue of a cluster's controllers: one reconcile at a time, delays in the world's time."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from meshtui.sim.clock import timestamp
from meshtui.sim.store import GVR, Missing, Object
from meshtui.sim.world import SimCluster

Reconcile = Callable[[str, str], None]
_log = logging.getLogger(__name__)
PODS: GVR = ("", "pods")
SERVICES: GVR = ("", "services")
SLICES: GVR = ("discovery.k8s.io", "endpointslices")
DEPLOYMENTS: GVR = ("apps", "deployments")
REPLICASETS: GVR = ("apps", "replicasets")
DAEMONSETS: GVR = ("apps", "daemonsets")
NAMESPACES: GVR = ("", "namespaces")
NODES: GVR = ("", "nodes")


class Loop:
    """Reconciles what changed, each key once however often it was asked for."""

    def __init__(self, cluster: SimCluster) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self.clock = cluster.world.clock
        self.rng = cluster.world.rng
        self._kinds: dict[str, Reconcile] = {}
        self._queue: dict[tuple[str, str, str], None] = {}
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, kind: str, reconcile: Reconcile) -> None:
        """What to do for keys of a kind: called with namespace and name."""
        self._kinds[kind] = reconcile

    def add(self, kind: str, namespace: str, name: str) -> None:
        """Reconcile this soon."""
        self._queue[kind, namespace, name] = None
        self._wake.set()

    def later(self, seconds: float, kind: str, namespace: str, name: str) -> None:
        """Reconcile this after some time."""

        async def wait() -> None:
            await self.clock.sleep(seconds)
            self.add(kind, namespace, name)

        self.spawn(wait())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as the cluster runs."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self) -> None:
        """Work the queue for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.drain()
            await asyncio.sleep(0)

    def drain(self) -> None:
        """Work the queue until it is empty."""
        while self._queue:
            key = next(iter(self._queue))
            del self._queue[key]
            try:
                self._kinds[key[0]](key[1], key[2])
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                # One object nobody can make sense of must not stop the others.
                _log.exception("cannot reconcile %s %s/%s in %s", *key, self.cluster.name)

    async def stop(self) -> None:
        """End everything spawned."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def now(self) -> str:
        """The world's time as a timestamp."""
        return timestamp(self.clock.now())

    def suffix(self, length: int = 5) -> str:
        """Random letters as generated names end in."""
        return "".join(self.rng.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(length))

    def set_status(self, gvr: GVR, obj: Object, status: Object) -> None:
        """Write an object's status, if it differs and the object is still there."""
        if obj.get("status") == status:
            return
        new = copy.deepcopy(obj)
        new["status"] = status
        try:
            self.store.update(gvr, new)
        except Missing:
            return


def owner_uid(obj: Object, kind: str = "") -> str:
    """The uid of an object's controller (of a kind), or empty."""
    for ref in obj["metadata"].get("ownerReferences") or []:
        if ref.get("controller") and (not kind or ref.get("kind") == kind):
            return str(ref["uid"])
    return ""


def owner_ref(owner: Object) -> Object:
    """A controller reference to an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def ready(pod: Object) -> bool:
    """Whether a pod is ready and staying."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return condition(pod, "Ready")


def condition(obj: Object, kind: str) -> bool:
    """Whether a condition of an object is True."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)
