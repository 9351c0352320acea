"""ReplicaSets: as many pods as wanted, and how many of them are ready."""

from __future__ import annotations

import copy

from meshtui.sim.api.defaults import pod_spec
from meshtui.sim.controllers.loop import PODS, REPLICASETS, Loop, owner_ref, owner_uid, ready
from meshtui.sim.controllers.pods import terminate
from meshtui.sim.store import Object

TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
]


class ReplicaSets:
    """Creates and removes pods."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring one ReplicaSet's pods to its count."""
        found = self._store.get(REPLICASETS, namespace, name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        owned = self._pods(found)
        staying = [p for p in owned if not p["metadata"].get("deletionTimestamp")]
        missing = found["spec"]["replicas"] - len(staying)
        for _ in range(missing):
            self._store.create(PODS, self._pod(found))
        if missing < 0:
            for pod in sorted(staying, key=_worth)[:-missing]:
                terminate(self._loop, pod)
        self.report(namespace, name)

    def _pods(self, rs: Object) -> list[Object]:
        uid = rs["metadata"]["uid"]
        return [p for p in self._store.list(PODS, rs["metadata"]["namespace"]) if owner_uid(p) == uid]

    def report(self, namespace: str, name: str) -> None:
        """Write one ReplicaSet's status."""
        rs = self._store.get(REPLICASETS, namespace, name)
        if rs is None:
            return
        owned = self._pods(rs)
        staying = [p for p in owned if not p["metadata"].get("deletionTimestamp")]
        up = sum(1 for p in staying if ready(p))
        status: Object = {"replicas": len(staying)}
        if staying:
            status["fullyLabeledReplicas"] = len(staying)
        if up:
            status |= {"readyReplicas": up, "availableReplicas": up}
        status["terminatingReplicas"] = len(owned) - len(staying)
        status["observedGeneration"] = rs["metadata"].get("generation", 1)
        self._loop.set_status(REPLICASETS, rs, status)

    def _pod(self, rs: Object) -> Object:
        template = copy.deepcopy(rs["spec"]["template"])
        meta = template.get("metadata") or {}
        name = rs["metadata"]["name"]
        pod_meta: Object = {
            "name": f"{name}-{self._loop.suffix()}",
            "generateName": f"{name}-",
            "namespace": rs["metadata"]["namespace"],
            "generation": 1,
            "labels": meta.get("labels") or {},
            "ownerReferences": [owner_ref(rs)],
        }
        if meta.get("annotations"):
            pod_meta["annotations"] = meta["annotations"]
        spec = template["spec"]
        admit_pod(spec, self._loop.suffix())
        status = {"phase": "Pending", "qosClass": "BestEffort"}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": spec, "status": status}


def admit_pod(spec: Object, suffix: str) -> None:
    """What admission adds to every pod: its service account, its token, tolerations, priority."""
    pod_spec(spec)
    spec.setdefault("serviceAccountName", spec.get("serviceAccount") or "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("tolerations", []).extend(t for t in TOLERATIONS if t not in spec["tolerations"])
    spec.setdefault("priority", 0)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    if spec.get("automountServiceAccountToken") is False:
        return
    volume = f"kube-api-access-{suffix}"
    spec.setdefault("volumes", []).append(_token_volume(volume))
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    for container in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        mounts = container.setdefault("volumeMounts", [])
        mounts.append({"name": volume, "readOnly": True, "mountPath": path})


def _token_volume(name: str) -> Object:
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {
            "downwardAPI": {
                "items": [
                    {
                        "path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                    }
                ]
            }
        },
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def _worth(pod: Object) -> tuple[bool, bool, float]:
    """Whom to take first: without a node, not ready, youngest."""
    stamp = pod["metadata"]["creationTimestamp"]
    digits = "".join(c for c in stamp if c.isdigit())
    return (bool(pod["spec"].get("nodeName")), ready(pod), -float(digits))
