"""What `kubectl get events` shows: the words that scheduler, kubelets and controllers leave about changes they made."""

from __future__ import annotations

from collections import deque
from typing import Any

from meshtui.sim.controllers.loop import DEPLOYMENTS, NODES, PODS, REPLICASETS, Loop, condition
from meshtui.sim.store import GVR, Missing, Object

EVENTS: GVR = ("", "events")
KEPT = 1000
"""Events of a cluster that are kept; a real one keeps an hour's."""
CONTROLLERS = {"ReplicaSet": "replicaset-controller", "DaemonSet": "daemonset-controller"}


class Events:
    """Reads them off what changes in the store."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store
        self._names: deque[tuple[str, str]] = deque()
        self._count = 0

    def changed(self, kind: str, gvr: GVR, obj: Object, old: Object | None) -> None:
        """Tell of one change what its maker would tell."""
        if gvr == PODS:
            self._pod(kind, obj, old)
        elif gvr == REPLICASETS and kind != "DELETED":
            self._scaled(obj, old)
        elif gvr == NODES and old is not None:
            self._node(obj, old)

    def _pod(self, kind: str, pod: Object, old: Object | None) -> None:
        name = pod["metadata"]["name"]
        if kind == "ADDED":
            self._owner(pod, "SuccessfulCreate", f"Created pod: {name}")
        elif kind == "MODIFIED" and old is not None:
            self._life(pod, old)
            if pod["metadata"].get("deletionTimestamp") and not old["metadata"].get("deletionTimestamp"):
                for container in pod["spec"]["containers"]:
                    self._kubelet(pod, "Killing", f"Stopping container {container['name']}")
                if self._too_many(pod):
                    self._owner(pod, "SuccessfulDelete", f"Deleted pod: {name}")

    def _life(self, pod: Object, old: Object) -> None:
        """Scheduled, or not; containers created; containers running."""
        meta, node = pod["metadata"], pod["spec"].get("nodeName")
        status, before = pod.get("status", {}), old.get("status", {})
        if node and not old["spec"].get("nodeName"):
            told = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
            self._tell(pod, "Scheduled", told, "default-scheduler")
        elif not node and status.get("conditions") and not before.get("conditions"):
            self._tell(pod, "FailedScheduling", status["conditions"][0]["message"], "default-scheduler", "Warning")
        for container in pod["spec"]["containers"]:
            if "containerStatuses" in status and "containerStatuses" not in before:
                image = f'Container image "{container.get("image", "")}" already present on machine'
                self._kubelet(pod, "Pulled", image)
                self._kubelet(pod, "Created", f"Created container: {container['name']}")
            if status.get("phase") == "Running" and before.get("phase") == "Pending":
                self._kubelet(pod, "Started", f"Started container {container['name']}")

    def _too_many(self, pod: Object) -> bool:
        """Whether its ReplicaSet took the pod away, and not a person."""
        for ref in pod["metadata"].get("ownerReferences") or ():
            owner = self._store.get(REPLICASETS, pod["metadata"]["namespace"], ref["name"])
            if owner is not None:
                pods = self._store.list(PODS, pod["metadata"]["namespace"])
                left = sum(
                    any(r["uid"] == ref["uid"] for r in p["metadata"].get("ownerReferences") or ())
                    and not p["metadata"].get("deletionTimestamp")
                    for p in pods
                )
                return left >= int(owner["spec"]["replicas"])
        return False

    def _scaled(self, rs: Object, old: Object | None) -> None:
        was, now = old["spec"]["replicas"] if old else 0, rs["spec"]["replicas"]
        for ref in rs["metadata"].get("ownerReferences") or () if was != now else ():
            owner = self._store.get(DEPLOYMENTS, rs["metadata"]["namespace"], ref["name"])
            if owner is not None:
                way = "up" if now > was else "down"
                told = f"Scaled {way} replica set {rs['metadata']['name']} from {was} to {now}"
                self._tell(owner, "ScalingReplicaSet", told, "deployment-controller")

    def _node(self, node: Object, old: Object) -> None:
        if condition(node, "Ready") != condition(old, "Ready"):
            reason, by = ("NodeReady", "kubelet") if condition(node, "Ready") else ("NodeNotReady", "node-controller")
            self._tell(node, reason, f"Node {node['metadata']['name']} status is now: {reason}", by)

    def _owner(self, pod: Object, reason: str, message: str) -> None:
        for ref in pod["metadata"].get("ownerReferences") or ():
            if ref["kind"] in CONTROLLERS:
                about = {**ref, "metadata": {**ref, "namespace": pod["metadata"]["namespace"]}}
                self._tell(about, reason, message, CONTROLLERS[ref["kind"]])

    def _kubelet(self, pod: Object, reason: str, message: str) -> None:
        self._tell(pod, reason, message, "kubelet", host=pod["spec"].get("nodeName", ""))

    def _tell(self, about: Object, reason: str, message: str, by: str, kind: str = "Normal", host: str = "") -> None:
        meta, now = about["metadata"], self._loop.now()
        namespace = meta.get("namespace", "default")
        self._count += 1
        name = f"{meta['name']}.{int(self._loop.clock.now() * 1e9) + self._count:x}"
        source: dict[str, Any] = {"component": by} | ({"host": host} if host else {})
        fields = {"namespace": meta.get("namespace"), "resourceVersion": meta.get("resourceVersion")}
        involved = {"kind": about["kind"], "name": meta["name"], "uid": meta["uid"], "apiVersion": about["apiVersion"]}
        made = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved | {k: v for k, v in fields.items() if v},
            "reason": reason,
            "message": message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": by,
            "reportingInstance": host,
        }
        self._store.create(EVENTS, made)
        self._names.append((namespace, name))
        if len(self._names) > KEPT:
            self._forget()

    def _forget(self) -> None:
        try:
            self._store.delete(EVENTS, *self._names.popleft())
        except Missing:
            return
