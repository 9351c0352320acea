"""How a dead component shows in the API: its pods turn unready, and ready again when it is back."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from meshtui.sim.clock import timestamp
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
PODS, DAEMONSETS, DEPLOYMENTS = ("", "pods"), ("apps", "daemonsets"), ("apps", "deployments")


def mark(cluster: SimCluster, label: str, container: str, nodes: Iterable[str] | None, *, ready: bool) -> None:
    """Set readiness of one container in the kube-system pods with `k8s-app` label, on `nodes` or everywhere."""
    wanted = None if nodes is None else set(nodes)
    for pod in cluster.store.list(PODS, "kube-system"):
        labels = pod["metadata"].get("labels") or {}
        if labels.get("k8s-app") != label or (wanted is not None and pod["spec"].get("nodeName") not in wanted):
            continue
        changed = copy.deepcopy(pod)
        _set(changed, container, ready=ready, at=timestamp(cluster.world.clock.now()))
        cluster.store.update(PODS, changed)
    _count(cluster, label)


def unready(cluster: SimCluster, label: str, container: str, node: str) -> None:
    """Let a container that still runs fail its readiness probe."""
    for pod in cluster.store.list(PODS, "kube-system"):
        if (pod["metadata"].get("labels") or {}).get("k8s-app") != label or pod["spec"].get("nodeName") != node:
            continue
        if all(c.get("ready") for c in pod["status"].get("containerStatuses") or () if c["name"] == container):
            changed = copy.deepcopy(pod)
            for held in changed["status"].get("containerStatuses") or ():
                if held["name"] == container:
                    held["ready"] = False
            _conclude(changed, container, timestamp(cluster.world.clock.now()))
            cluster.store.update(PODS, changed)
            _count(cluster, label)


def _set(pod: Object, container: str, *, ready: bool, at: str) -> None:
    status = pod["status"]
    for held in status.get("containerStatuses") or ():
        if held["name"] != container:
            continue
        held["ready"], held["started"] = ready, ready
        if ready:
            held["state"] = {"running": {"startedAt": at}}
            held["restartCount"] = held.get("restartCount", 0) + 1
        else:
            message = f"back-off 5m0s restarting failed container={container} pod={pod['metadata']['name']}"
            held["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    _conclude(pod, container, at)


def _conclude(pod: Object, container: str, at: str) -> None:
    """Write what the containers' readiness makes of the pod's."""
    status = pod["status"]
    whole = all(c.get("ready") for c in status.get("containerStatuses") or ())
    for condition in status.get("conditions") or ():
        if condition["type"] not in ("Ready", "ContainersReady"):
            continue
        wanted = "True" if whole else "False"
        if condition["status"] != wanted:
            condition["status"], condition["lastTransitionTime"] = wanted, at
        condition.pop("reason", None)
        condition.pop("message", None)
        if not whole:
            condition["reason"] = "ContainersNotReady"
            condition["message"] = f"containers with unready status: [{container}]"


def _count(cluster: SimCluster, label: str) -> None:
    """Let the owner's status say how many of its pods are ready."""
    pods = [
        p
        for p in cluster.store.list(PODS, "kube-system")
        if (p["metadata"].get("labels") or {}).get("k8s-app") == label
    ]
    ready = sum(all(c.get("ready") for c in p["status"].get("containerStatuses") or ()) for p in pods)
    daemonset = cluster.store.get(DAEMONSETS, "kube-system", label)
    if daemonset is not None:
        changed = copy.deepcopy(daemonset)
        changed["status"] |= {"numberReady": ready, "numberAvailable": ready, "numberUnavailable": len(pods) - ready}
        if ready == len(pods):
            del changed["status"]["numberUnavailable"]
        cluster.store.update(DAEMONSETS, changed)
