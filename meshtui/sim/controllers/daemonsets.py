"""DaemonSets: one pod on every node that may have one, replaced when the template changes."""

from __future__ import annotations

import copy

from meshtui.sim.controllers.deployments import template_hash
from meshtui.sim.controllers.loop import DAEMONSETS, NODES, PODS, Loop, owner_ref, owner_uid, ready
from meshtui.sim.controllers.pods import terminate
from meshtui.sim.controllers.replicasets import admit_pod
from meshtui.sim.store import Object

HASH = "controller-revision-hash"
GENERATION = "pod-template-generation"


class DaemonSets:
    """Creates, replaces and counts the pods of DaemonSets."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store
        self._first: dict[str, str] = {}
        """Hash of the template that each initial pod, by uid, was made from."""

    def adopt(self) -> None:
        """Take the initial pods for made from the initial templates."""
        for found in self._store.list(DAEMONSETS):
            hashed = template_hash(found["spec"]["template"])
            self._first |= {pod["metadata"]["uid"]: hashed for pod in self._pods(found)}

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring one DaemonSet's pods to its nodes and template."""
        found = self._store.get(DAEMONSETS, namespace, name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        nodes = self._nodes(found)
        by_node = {p["spec"].get("nodeName", ""): p for p in self._pods(found)}
        for node in nodes:
            if node not in by_node:
                self._store.create(PODS, self._pod(found, node))
        for node, pod in by_node.items():
            if node not in nodes and not pod["metadata"].get("deletionTimestamp"):
                terminate(self._loop, pod)
        self._roll(found, by_node)
        self._report(namespace, name, nodes)

    def _nodes(self, found: Object) -> list[str]:
        wanted = (found["spec"]["template"]["spec"].get("nodeSelector") or {}).items()
        nodes = self._store.list(NODES)
        return [n["metadata"]["name"] for n in nodes if wanted <= (n["metadata"].get("labels") or {}).items()]

    def _pods(self, found: Object) -> list[Object]:
        uid = found["metadata"]["uid"]
        return [p for p in self._store.list(PODS, found["metadata"]["namespace"]) if owner_uid(p) == uid]

    def _current(self, found: Object, pod: Object) -> bool:
        """Whether a pod is made from the template as it is now."""
        label: str = (pod["metadata"].get("labels") or {}).get(HASH, "")
        return self._first.get(pod["metadata"]["uid"], label) == template_hash(found["spec"]["template"])

    def _roll(self, found: Object, by_node: dict[str, Object]) -> None:
        strategy = found["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        allowed = max(1, int(str(limit).rstrip("%")) * len(by_node) // 100 if "%" in str(limit) else int(limit))
        down = sum(1 for p in by_node.values() if not ready(p))
        for pod in by_node.values():
            if self._current(found, pod) or pod["metadata"].get("deletionTimestamp"):
                continue
            if ready(pod):
                if down >= allowed:
                    continue
                down += 1
            terminate(self._loop, pod)

    def _report(self, namespace: str, name: str, nodes: list[str]) -> None:
        found = self._store.get(DAEMONSETS, namespace, name)
        if found is None:
            return
        pods = [p for p in self._pods(found) if not p["metadata"].get("deletionTimestamp")]
        up = sum(1 for p in pods if ready(p))
        status: Object = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(nodes),
            "numberReady": up,
            "observedGeneration": found["metadata"].get("generation", 1),
        }
        updated = sum(1 for p in pods if self._current(found, p))
        extra = {"updatedNumberScheduled": updated, "numberAvailable": up, "numberUnavailable": len(nodes) - up}
        status |= {field: count for field, count in extra.items() if count}
        self._loop.set_status(DAEMONSETS, found, status)

    def _pod(self, found: Object, node: str) -> Object:
        template = copy.deepcopy(found["spec"]["template"])
        name = found["metadata"]["name"]
        labels = dict((template.get("metadata") or {}).get("labels") or {})
        labels[HASH] = template_hash(found["spec"]["template"])
        labels[GENERATION] = str(found["metadata"].get("generation", 1))
        meta: Object = {
            "name": f"{name}-{self._loop.suffix()}",
            "generateName": f"{name}-",
            "namespace": found["metadata"]["namespace"],
            "generation": 1,
            "labels": labels,
            "ownerReferences": [owner_ref(found)],
        }
        if (template.get("metadata") or {}).get("annotations"):
            meta["annotations"] = template["metadata"]["annotations"]
        spec = template["spec"]
        admit_pod(spec, self._loop.suffix())
        spec["nodeName"] = node
        status = {"phase": "Pending", "qosClass": "BestEffort"}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": status}
