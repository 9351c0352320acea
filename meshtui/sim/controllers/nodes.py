"""Nodes: heartbeats, NotReady when the kubelet is dead, and Cilium's taint when only its agent is."""

from __future__ import annotations

import copy

from meshtui.sim.clock import micro_timestamp
from meshtui.sim.controllers.loop import NODES, PODS, Loop, condition
from meshtui.sim.faults import outages
from meshtui.sim.store import GVR, Object

LEASES: GVR = ("coordination.k8s.io", "leases")
HEARTBEAT_SECONDS = 10.0
CHECK_SECONDS = 0.5
AGENT_UNREADY_AFTER = 95.0
"""Seconds until an agent that hangs is not ready: three probes 30 s apart that wait 5 s each."""
_TAINT = "node.kubernetes.io/unreachable"
_AGENT_TAINT = "node.cilium.io/agent-not-ready"
"""Put there by Cilium's operator (agent-not-ready-taint-key): a dead agent alone leaves its node Ready."""


class Nodes:
    """Every kubelet's heartbeat, and the controller that misses them."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store

    async def run(self) -> None:
        """Beat and check for ever."""
        beats = 0.0
        while True:
            self.check()
            if beats <= 0:
                self.beat()
                beats = HEARTBEAT_SECONDS
            await self._loop.clock.sleep(CHECK_SECONDS)
            beats -= CHECK_SECONDS

    def beat(self) -> None:
        """Renew the leases of living nodes."""
        now = self._loop.clock.now()
        for node in self._store.list(NODES):
            name = node["metadata"]["name"]
            if self._dead(name):
                continue
            lease = self._store.get(LEASES, "kube-node-lease", name)
            spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": micro_timestamp(now)}
            if lease is None:
                self._store.create(LEASES, _lease(node, spec))
            else:
                self._store.update(LEASES, {**copy.deepcopy(lease), "spec": spec})

    def check(self) -> None:
        """Write what changed about nodes since the last look."""
        for node in self._store.list(NODES):
            name = node["metadata"]["name"]
            dead = self._dead(name)
            unknown = any(t.get("key") == _TAINT for t in node["spec"].get("taints") or [])
            if dead and not unknown:
                if self._missed(name):
                    self._lose(node)
            elif unknown and not dead:
                self._regain(node)
            elif not dead:
                self._taint(node)

    def _dead(self, name: str) -> bool:
        return self._loop.cluster.world.faults.node_down(self._loop.cluster.name, name)

    def _missed(self, name: str) -> bool:
        """Whether a dead node has been silent for longer than the node lifecycle controller waits."""
        cluster = self._loop.cluster
        since = cluster.world.faults.since(lambda b: b.node_down(cluster.name, name))
        grace = cluster.world.options.node_grace
        return since is not None and self._loop.clock.monotonic() - since >= grace

    def _probe_agent(self, name: str) -> bool:
        """Whether a node's agent fails its readiness probe; one that hangs fails it for good at the third time."""
        cluster = self._loop.cluster
        since = cluster.world.faults.since(lambda b: b.agent_stopped(cluster.name, name))
        failed = since is not None and self._loop.clock.monotonic() - since >= AGENT_UNREADY_AFTER
        if failed:
            outages.unready(cluster, "cilium", "cilium-agent", name)
        return failed or cluster.world.faults.agent_crashed(cluster.name, name)

    def _taint(self, node: Object) -> None:
        """Keep new pods off a node whose agent is not ready, as Cilium's operator does."""
        silent = self._probe_agent(node["metadata"]["name"])
        taints = node["spec"].get("taints") or []
        rest = [t for t in taints if t.get("key") != _AGENT_TAINT]
        if silent == (len(rest) < len(taints)):
            return
        new = copy.deepcopy(node)
        new["spec"]["taints"] = [*rest, {"key": _AGENT_TAINT, "effect": "NoSchedule"}] if silent else rest
        if not new["spec"]["taints"]:
            del new["spec"]["taints"]
        self._store.update(NODES, new)

    def _lose(self, node: Object) -> None:
        """As the node lifecycle controller does after its grace: Unknown, tainted, its pods not ready."""
        new = copy.deepcopy(node)
        added = self._loop.now()
        effects = ("NoSchedule", "NoExecute")
        new["spec"].setdefault("taints", []).extend({"effect": e, "key": _TAINT, "timeAdded": added} for e in effects)
        for found in new["status"].get("conditions") or []:
            if found["type"] in ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure"):
                found |= {
                    "status": "Unknown",
                    "lastTransitionTime": self._loop.now(),
                    "reason": "NodeStatusUnknown",
                    "message": "Kubelet stopped posting node status.",
                }
        self._store.update(NODES, new)
        self._set_pods(node["metadata"]["name"], "False")

    def _regain(self, node: Object) -> None:
        new = copy.deepcopy(node)
        taints = [t for t in new["spec"]["taints"] if t.get("key") != _TAINT]
        new["spec"]["taints"] = taints
        if not taints:
            del new["spec"]["taints"]
        words = {
            "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
            "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
            "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        }
        for found in new["status"].get("conditions") or []:
            if found["type"] in words:
                status, reason, message = words[found["type"]]
                found |= {"status": status, "reason": reason, "message": message}
                found |= {"lastTransitionTime": self._loop.now(), "lastHeartbeatTime": self._loop.now()}
        self._store.update(NODES, new)
        self._set_pods(node["metadata"]["name"], "True")

    def _set_pods(self, node: str, status: str) -> None:
        """A lost node's pods are marked not ready, which takes them out of their Services."""
        for pod in self._store.list(PODS):
            if pod["spec"].get("nodeName") != node or condition(pod, "Ready") == (status == "True"):
                continue
            new = copy.deepcopy(pod)
            for found in new["status"].get("conditions") or []:
                if found["type"] == "Ready":
                    found |= {"status": status, "lastTransitionTime": self._loop.now()}
            self._store.update(PODS, new)


def _lease(node: Object, spec: Object) -> Object:
    name, uid = node["metadata"]["name"], node["metadata"]["uid"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": name,
            "namespace": "kube-node-lease",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}],
        },
        "spec": spec,
    }
