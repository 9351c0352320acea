"""Pods: scheduled, started, ready after a while; ended with grace."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

from meshtui.sim.clock import timestamp
from meshtui.sim.controllers.loop import NODES, PODS, Loop, condition
from meshtui.sim.datapath import servers
from meshtui.sim.store import Object

CILIUMNODES = ("cilium.io", "ciliumnodes")
STOP_SECONDS = 1.0
SLOW_TO_STOP, SLOW_STOP_SECONDS = ("kube-dns",), 30.0
"""CoreDNS answers until it is killed (recorded)."""


class Pods:
    """The scheduler and every kubelet."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store
        self._due: dict[str, float] = {}
        """When the pod of a uid takes its next step, in monotonic seconds."""

    def reconcile(self, namespace: str, name: str) -> None:
        """Move one pod a step along its life."""
        pod = self._store.get(PODS, namespace, name)
        if pod is None:
            return
        if pod["metadata"].get("deletionTimestamp"):
            self._end(pod)
        elif not pod["spec"].get("nodeName"):
            self._schedule(pod)
        elif pod["status"].get("phase") == "Pending":
            self._start(pod)

    def _schedule(self, pod: Object) -> None:
        node = self._node_for(pod)
        new = copy.deepcopy(pod)
        if node is None:
            new["status"]["conditions"] = [self._unschedulable(pod)]
            self._store.update(PODS, new)
            self._loop.later(2.0, "pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
            return
        generation = pod["metadata"].get("generation", 1)
        new["spec"]["nodeName"] = node
        new["status"]["conditions"] = [_condition("PodScheduled", "True", self._loop.now(), generation)]
        self._store.update(PODS, new)

    def _node_for(self, pod: Object) -> str | None:
        """The ready node with the fewest pods that the pod may run on."""
        wanted = pod["spec"].get("nodeSelector") or {}
        anywhere = any(t.get("operator") == "Exists" and not t.get("key") for t in pod["spec"].get("tolerations") or [])
        counts: dict[str, int] = {}
        for other in self._store.list(PODS):
            where = other["spec"].get("nodeName", "")
            counts[where] = counts.get(where, 0) + 1
        fit = [
            n["metadata"]["name"]
            for n in self._store.list(NODES)
            if (anywhere or (condition(n, "Ready") and not n["spec"].get("unschedulable") and not _tainted(n)))
            and wanted.items() <= (n["metadata"].get("labels") or {}).items()
        ]
        return min(fit, key=lambda n: (counts.get(n, 0), n), default=None)

    def _unschedulable(self, pod: Object) -> Object:
        total = len(self._store.list(NODES))
        message = (
            f"0/{total} nodes are available: {total} node(s) had untolerated taint(s). no new claims to deallocate, "
            f"preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
        )
        before = (pod["status"].get("conditions") or [{}])[0]
        since = before.get("lastTransitionTime") or self._loop.now()
        found = _condition("PodScheduled", "False", since, pod["metadata"].get("generation", 1))
        return {**found, "reason": "Unschedulable", "message": message}

    def _start(self, pod: Object) -> None:
        """First call: containers are created; after the delay: they run and are ready."""
        meta = pod["metadata"]
        delay = self._loop.cluster.world.options.ready_delay
        if "containerStatuses" not in pod["status"]:
            new = copy.deepcopy(pod)
            new["status"] |= self._creating(pod)
            self._store.update(PODS, new)
        if not self._waited(f"start {meta['uid']}", delay, pod):
            return
        new = copy.deepcopy(pod)
        new["status"] = self._running(pod)
        self._store.update(PODS, new)

    def _waited(self, step: str, seconds: float, pod: Object) -> bool:
        """Whether a step's time has come; the first call starts the wait."""
        now = self._loop.clock.monotonic()
        if step not in self._due:
            self._due[step] = now + seconds
            self._loop.later(seconds, "pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
            return False
        if now < self._due[step] - 0.001:
            return False
        del self._due[step]
        return True

    def _creating(self, pod: Object) -> Object:
        now, generation = self._loop.now(), pod["metadata"].get("generation", 1)
        host = self._host(pod["spec"]["nodeName"])
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        names = [c["name"] for c in pod["spec"].get("containers") or []]
        not_ready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(names)}]"}
        return {
            "observedGeneration": generation,
            "conditions": [
                _condition("PodReadyToStartContainers", "False", now, generation),
                _condition("Initialized", "True", now, generation),
                {**_condition("Ready", "False", now, generation), **not_ready},
                {**_condition("ContainersReady", "False", now, generation), **not_ready},
                _condition("PodScheduled", "True", now, generation),
            ],
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "startTime": now,
            "containerStatuses": [
                {
                    "name": c["name"],
                    "state": waiting,
                    "lastState": {},
                    "ready": False,
                    "restartCount": 0,
                    "image": c.get("image", ""),
                    "imageID": "",
                    "started": False,
                }
                for c in pod["spec"].get("containers") or []
            ],
        }

    def _running(self, pod: Object) -> Object:
        now, generation = self._loop.now(), pod["metadata"].get("generation", 1)
        address = self._address(pod)
        kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        status = {**pod["status"], "phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        unheard = [c["name"] for c in pod["spec"].get("containers") or [] if not servers.ready(c)]
        status["conditions"] = [_condition(k, "True", now, generation) for k in kinds]
        for found in status["conditions"] if unheard else ():
            if found["type"] in ("Ready", "ContainersReady"):
                told = f"containers with unready status: [{' '.join(unheard)}]"
                found |= {"status": "False", "reason": "ContainersNotReady", "message": told}
        status["containerStatuses"] = [
            {
                "name": c["name"],
                "state": {"running": {"startedAt": now}},
                "lastState": {},
                "ready": c["name"] not in unheard,
                "restartCount": 0,
                "image": c.get("image", ""),
                "imageID": f"sha256:{self._hex()}",
                "containerID": f"containerd://{self._hex()}",
                "started": True,
            }
            for c in pod["spec"].get("containers") or []
        ]
        return status

    def _hex(self) -> str:
        return f"{self._loop.rng.getrandbits(256):064x}"

    def _host(self, node: str) -> str:
        found = self._store.get(NODES, "", node)
        addresses = (found or {}).get("status", {}).get("addresses") or []
        return next((a["address"] for a in addresses if a["type"] == "InternalIP"), "")

    def _address(self, pod: Object) -> str:
        """A free address of the node's range; the node's own with hostNetwork."""
        node = pod["spec"]["nodeName"]
        if pod["spec"].get("hostNetwork"):
            return self._host(node)
        used = {p.get("status", {}).get("podIP") for p in self._store.list(PODS)}
        cilium = self._store.get(CILIUMNODES, "", node) or {}
        spec = cilium.get("spec", {})
        used |= {a.get("ip") for a in spec.get("addresses") or []}
        used.add((spec.get("health") or {}).get("ipv4"))
        ranges = (spec.get("ipam") or {}).get("podCIDRs") or [
            (self._store.get(NODES, "", node) or {}).get("spec", {}).get("podCIDR", "10.244.0.0/24")
        ]
        network = ipaddress.ip_network(ranges[0])
        for _ in range(10_000):
            address = str(network[self._loop.rng.randrange(2, network.num_addresses - 1)])
            if address not in used:
                return address
        return ""

    def _end(self, pod: Object) -> None:
        meta = pod["metadata"]
        slow = (meta.get("labels") or {}).get("k8s-app") in SLOW_TO_STOP
        wait = min(float(meta.get("deletionGracePeriodSeconds") or 0), SLOW_STOP_SECONDS if slow else STOP_SECONDS)
        if wait and not self._waited(f"end {meta['uid']}", wait, pod):
            return
        if meta.get("finalizers"):
            new = copy.deepcopy(pod)
            new["metadata"]["deletionGracePeriodSeconds"] = 0
            self._store.update(PODS, new)
            return
        self._store.delete(PODS, meta["namespace"], meta["name"])


def terminate(loop: Loop, pod: Object) -> None:
    """Ask a pod to end, as a delete with its own grace does."""
    meta = pod["metadata"]
    if not pod["spec"].get("nodeName"):
        loop.store.delete(PODS, meta["namespace"], meta["name"])
        return
    new = copy.deepcopy(pod)
    grace = int(pod["spec"].get("terminationGracePeriodSeconds", 30))
    new["metadata"]["deletionTimestamp"] = timestamp(loop.clock.now() + grace)
    new["metadata"]["deletionGracePeriodSeconds"] = grace
    loop.store.update(PODS, new)


def _tainted(node: Object) -> bool:
    taints = node["spec"].get("taints") or []
    return any(t.get("effect") in ("NoSchedule", "NoExecute") for t in taints)


def _condition(kind: str, status: str, since: str, generation: int) -> dict[str, Any]:
    return {
        "type": kind,
        "observedGeneration": generation,
        "status": status,
        "lastProbeTime": None,
        "lastTransitionTime": since,
    }
