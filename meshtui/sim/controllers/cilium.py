"""Cilium's operator and agents: identities and endpoints of pods, the verdict on policies."""

from __future__ import annotations

import copy
from typing import Any

from meshtui.sim.api.registry import has_cilium
from meshtui.sim.controllers.loop import NAMESPACES, PODS, Loop
from meshtui.sim.datapath.identity import security_labels
from meshtui.sim.datapath.view import view
from meshtui.sim.rulebook import refusals
from meshtui.sim.store import GVR, Object

ENDPOINTS: GVR = ("cilium.io", "ciliumendpoints")
IDENTITIES: GVR = ("cilium.io", "ciliumidentities")
CNPS: GVR = ("cilium.io", "ciliumnetworkpolicies")
CCNPS: GVR = ("cilium.io", "ciliumclusterwidenetworkpolicies")
VALIDATION_SECONDS = 0.15


class Cilium:
    """Writes what the agents and the operator write."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store
        self._due: dict[str, float] = {}

    def pod(self, namespace: str, name: str) -> None:
        """Keep a pod's CiliumEndpoint."""
        pod = self._store.get(PODS, namespace, name)
        existing = self._store.get(ENDPOINTS, namespace, name)
        if not has_cilium(self._store):
            return
        if pod is None:
            if existing is not None:
                self._store.delete(ENDPOINTS, namespace, name)
            return
        if pod["spec"].get("hostNetwork") or not pod["status"].get("podIP"):
            return
        labels = self._labels(pod)
        if existing is None:
            self._store.create(ENDPOINTS, self._endpoint(pod, labels))
        elif labels != self._known(existing):
            new = copy.deepcopy(existing)
            new["status"]["identity"] = self._identity_of(labels)
            new["metadata"]["labels"] = dict(pod["metadata"].get("labels") or {})
            self._store.update(ENDPOINTS, new)

    @staticmethod
    def _known(endpoint: Object) -> dict[str, str]:
        pairs = (endpoint.get("status", {}).get("identity") or {}).get("labels") or []
        return dict(sorted(p.partition("=")[::2] for p in pairs))

    def _labels(self, pod: Object) -> dict[str, str]:
        """The labels that make a pod's identity."""
        namespace = self._store.get(NAMESPACES, "", pod["metadata"]["namespace"])
        return security_labels(pod, namespace, self._loop.cluster.name)

    def _identity_of(self, labels: dict[str, str]) -> dict[str, Any]:
        return {"id": self._identity(labels), "labels": [f"{k}={v}" for k, v in labels.items()]}

    def _identity(self, labels: dict[str, str]) -> int:
        """The identity of these labels, allocated when new: the cluster's id in its high bits."""
        for known in self._store.list(IDENTITIES):
            if known.get("security-labels") == labels:
                return int(known["metadata"]["name"])
        used = {i["metadata"]["name"] for i in self._store.list(IDENTITIES)}
        while True:
            number = (self._loop.cluster.id << 16) + self._loop.rng.randrange(256, 65535)
            if str(number) not in used:
                break
        namespace = labels["k8s:io.kubernetes.pod.namespace"]
        self._store.create(
            IDENTITIES,
            {
                "apiVersion": "cilium.io/v2",
                "kind": "CiliumIdentity",
                "metadata": {
                    "name": str(number),
                    "generation": 1,
                    "labels": {"io.kubernetes.pod.namespace": namespace},
                },
                "security-labels": labels,
            },
        )
        return number

    def _endpoint(self, pod: Object, labels: dict[str, str]) -> Object:
        meta = pod["metadata"]
        ref = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        attachment = f"{self._loop.rng.getrandbits(256):064x}:eth0"
        return {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumEndpoint",
            "metadata": {
                "name": meta["name"],
                "namespace": meta["namespace"],
                "generation": 1,
                "labels": dict(meta.get("labels") or {}),
                "ownerReferences": [ref],
            },
            "status": {
                "encryption": {},
                "external-identifiers": {"cni-attachment-id": attachment},
                "id": self._loop.rng.randrange(1, 4096),
                "identity": self._identity_of(labels),
                "networking": {
                    "addressing": [{"ipv4": pod["status"]["podIP"]}],
                    "node": pod["status"].get("hostIP", ""),
                },
                "service-account": pod["spec"].get("serviceAccountName", "default"),
                "state": "ready",
            },
        }

    def policy(self, namespace: str, name: str) -> None:
        """Say whether a policy is valid, a moment after it came or changed."""
        gvr = CNPS if namespace else CCNPS
        found = self._store.get(gvr, namespace, name)
        if found is None:
            return
        key = f"{found['metadata']['uid']} {found['metadata'].get('generation', 1)}"
        now = self._loop.clock.monotonic()
        if key not in self._due:
            self._due[key] = now + VALIDATION_SECONDS
            self._loop.later(VALIDATION_SECONDS, "policy", namespace, name)
        elif now >= self._due[key] - 0.001:
            self._judge(gvr, found)

    def _judge(self, gvr: GVR, found: Object) -> None:
        """The operator's word, as its version and configuration have it."""
        known = view(self._loop.cluster)
        why = refusals.operator(found, known.version, known.config())
        told = {
            "message": why or refusals.SUCCEEDED,
            "status": "False" if why else "True",
            "type": "Valid",
        }
        before = (found.get("status") or {}).get("conditions") or []
        same = [c for c in before if all(c.get(k) == v for k, v in told.items())]
        if not same:
            # The words may change and the time stay: it is the status' own.
            kept = [c["lastTransitionTime"] for c in before if (c["type"], c["status"]) == ("Valid", told["status"])]
            stamp = {"lastTransitionTime": kept[0] if kept else self._loop.now()}
            others = [c for c in before if c["type"] != "Valid"]
            self._loop.set_status(
                gvr, found, {**(found.get("status") or {}), "conditions": [*others, {**stamp, **told}]}
            )
