"""Deployments: their ReplicaSets, rolling updates and status."""

from __future__ import annotations

import copy
import hashlib
import math
from typing import Any

import msgspec

from meshtui.sim.controllers.loop import DEPLOYMENTS, PODS, REPLICASETS, Loop, owner_ref, owner_uid
from meshtui.sim.store import Object

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object) -> str:
    """A name for a pod template, stable across runs."""
    digest = hashlib.sha256(msgspec.json.encode(template, order="deterministic")).digest()
    return "".join(_LETTERS[b % len(_LETTERS)] for b in digest[:10])


class Deployments:
    """Brings each Deployment's ReplicaSets to what its spec wants."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store

    def adopt(self) -> None:
        """Make the ReplicaSets that initial Deployments and pods imply."""
        pods: dict[tuple[str, str], tuple[str, str]] = {}
        for pod in self._store.list(PODS):
            for ref in pod["metadata"].get("ownerReferences") or []:
                if ref["kind"] == "ReplicaSet":
                    key = (pod["metadata"]["namespace"], ref["name"])
                    pods[key] = (ref["uid"], (pod["metadata"].get("labels") or {}).get(HASH, ""))
        for deployment in self._store.list(DEPLOYMENTS):
            self._adopt(deployment, pods)

    def _adopt(self, deployment: Object, pods: dict[tuple[str, str], tuple[str, str]]) -> None:
        meta = deployment["metadata"]
        for (namespace, name), (uid, hashed) in pods.items():
            if namespace == meta["namespace"] and name == f"{meta['name']}-{hashed}":
                made = self._replica_set(deployment, hashed, deployment["spec"].get("replicas", 1))
                made["metadata"]["uid"] = uid
                self._store.load(REPLICASETS, [made])
                return

    def reconcile(self, namespace: str, name: str) -> None:
        """Scale, roll and report one Deployment."""
        found = self._store.get(DEPLOYMENTS, namespace, name)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return
        owned = self._owned(found)
        current = self._current(found, owned)
        old = [rs for rs in owned if current is None or rs["metadata"]["uid"] != current["metadata"]["uid"]]
        if found["spec"].get("paused"):
            if current is not None and not old:
                self._scale(current, found["spec"]["replicas"])
        elif current is None:
            current = self._create(found, owned)
        else:
            current = self._renumber(found, current, old)
            self._roll(found, current, old)
        self._report(namespace, name)

    def _owned(self, deployment: Object) -> list[Object]:
        uid = deployment["metadata"]["uid"]
        sets = self._store.list(REPLICASETS, deployment["metadata"]["namespace"])
        return [rs for rs in sets if owner_uid(rs) == uid]

    @staticmethod
    def _current(deployment: Object, owned: list[Object]) -> Object | None:
        """The ReplicaSet with the Deployment's template."""
        for rs in owned:
            template = copy.deepcopy(rs["spec"]["template"])
            template["metadata"].get("labels", {}).pop(HASH, None)
            if template == _normal(deployment["spec"]["template"]):
                return rs
        return None

    def _create(self, deployment: Object, owned: list[Object]) -> Object:
        """The first ReplicaSet at full size, a later one at zero so that it rolls."""
        count = 0 if any(rs["spec"]["replicas"] for rs in owned) else deployment["spec"]["replicas"]
        hashed = template_hash(deployment["spec"]["template"])
        made = self._replica_set(deployment, hashed, count)
        del made["metadata"]["creationTimestamp"]
        newest = max((_revision(rs) for rs in owned), default=0)
        made["metadata"]["annotations"][REVISION] = str(newest + 1)
        kept = self._store.create(REPLICASETS, made)
        self._annotate(deployment, made["metadata"]["annotations"][REVISION])
        self._loop.add("deployment", deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        return kept

    def _renumber(self, deployment: Object, current: Object, old: list[Object]) -> Object:
        """A template that comes back, as by `rollout undo`, is the newest revision again."""
        newest = max((_revision(rs) for rs in old), default=0)
        if _revision(current) > newest:
            return current
        fresh = copy.deepcopy(current)
        fresh["metadata"].setdefault("annotations", {})[REVISION] = str(newest + 1)
        self._annotate(deployment, str(newest + 1))
        return self._store.update(REPLICASETS, fresh)

    def _annotate(self, deployment: Object, revision: str) -> None:
        new = copy.deepcopy(deployment)
        new["metadata"].setdefault("annotations", {})[REVISION] = revision
        self._store.update(DEPLOYMENTS, new)

    @staticmethod
    def _replica_set(deployment: Object, hashed: str, count: int) -> Object:
        meta = deployment["metadata"]
        template = copy.deepcopy(_normal(deployment["spec"]["template"]))
        template["metadata"].setdefault("labels", {})[HASH] = hashed
        selector = copy.deepcopy(deployment["spec"].get("selector") or {})
        selector.setdefault("matchLabels", {})[HASH] = hashed
        revision = (meta.get("annotations") or {}).get(REVISION, "1")
        return {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{hashed}",
                "namespace": meta["namespace"],
                "generation": 1,
                "labels": dict(template["metadata"]["labels"]),
                "annotations": {REVISION: revision},
                "ownerReferences": [owner_ref(deployment)],
                "creationTimestamp": meta["creationTimestamp"],
            },
            "spec": {"replicas": count, "selector": selector, "template": template},
            "status": {"replicas": 0, "observedGeneration": 1},
        }

    def _roll(self, deployment: Object, current: Object, old: list[Object]) -> None:
        spec = deployment["spec"]
        desired = spec["replicas"]
        if not any(rs["spec"]["replicas"] or rs["status"].get("replicas") for rs in old):
            self._scale(current, desired)
            return
        if spec["strategy"]["type"] == "Recreate":
            for rs in old:
                self._scale(rs, 0)
            return
        rolling = spec["strategy"].get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), desired, math.ceil)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), desired, math.floor)
        unavailable = unavailable or (0 if surge else 1)
        total = current["spec"]["replicas"] + sum(rs["spec"]["replicas"] for rs in old)
        room = max(0, desired + surge - total)
        self._scale(current, min(desired, current["spec"]["replicas"] + room))
        self._shrink(deployment, old, desired - unavailable)

    def _shrink(self, deployment: Object, old: list[Object], needed: int) -> None:
        """Take away old pods as far as `needed` ready ones remain; those not ready go first."""
        available = sum(rs["status"].get("readyReplicas", 0) for rs in self._owned(deployment))
        spare = max(0, available - needed)
        for rs in old:
            ready = rs["status"].get("readyReplicas", 0)
            broken = max(0, rs["spec"]["replicas"] - ready)
            gone = min(rs["spec"]["replicas"], broken + spare)
            spare -= max(0, gone - broken)
            self._scale(rs, rs["spec"]["replicas"] - gone)

    def _scale(self, rs: Object, count: int) -> None:
        if rs["spec"]["replicas"] == count:
            return
        new = copy.deepcopy(rs)
        new["spec"]["replicas"] = count
        self._store.update(REPLICASETS, new)

    def _report(self, namespace: str, name: str) -> None:
        deployment = self._store.get(DEPLOYMENTS, namespace, name)
        if deployment is None:
            return
        owned = self._owned(deployment)
        current = self._current(deployment, owned)

        def total(field: str) -> int:
            return sum(rs["status"].get(field, 0) for rs in owned)

        desired = deployment["spec"]["replicas"]
        counts: dict[str, int] = {
            "replicas": total("replicas"),
            "updatedReplicas": current["status"].get("replicas", 0) if current else 0,
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": total("availableReplicas"),
            "unavailableReplicas": max(0, desired - total("availableReplicas")),
        }
        status: Object = {"observedGeneration": deployment["metadata"].get("generation", 1)}
        status |= {field: count for field, count in counts.items() if count}
        status["terminatingReplicas"] = total("terminatingReplicas")
        status["conditions"] = self._conditions(deployment, current, counts)
        self._loop.set_status(DEPLOYMENTS, deployment, status)

    def _conditions(self, deployment: Object, current: Object | None, counts: dict[str, int]) -> list[dict[str, Any]]:
        before = {c["type"]: c for c in (deployment.get("status") or {}).get("conditions") or []}
        spec = deployment["spec"]
        rolling = spec["strategy"].get("rollingUpdate") or {}
        slack = _share(rolling.get("maxUnavailable", "25%"), spec["replicas"], math.floor)
        enough = counts["availableReplicas"] >= spec["replicas"] - slack
        done = counts["updatedReplicas"] == spec["replicas"] == counts["availableReplicas"] == counts["replicas"]
        name = current["metadata"]["name"] if current else ""
        told = "has successfully progressed." if done else "is progressing."
        known = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
        if before.get("Progressing", {}).get("reason") == "NewReplicaSetAvailable" and name in str(
            before["Progressing"].get("message")
        ):
            # A scale, or a pod that dies, is no roll: progress stays what the last roll left.
            progress = before["Progressing"]
        else:
            progress = self._condition(before, "Progressing", "True", known, f'ReplicaSet "{name}" {told}')
        words = (
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
            if enough
            else ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        )
        fresh = {"Available": self._condition(before, "Available", *words), "Progressing": progress}
        order = [k for k in before if k in fresh] + [k for k in ("Available", "Progressing") if k not in before]
        return [fresh[k] for k in order]

    def _condition(self, before: dict[str, Any], kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
        old = before.get(kind, {})
        if (old.get("status"), old.get("reason"), old.get("message")) == (status, reason, message):
            return dict(old)
        now = self._loop.now()
        return {
            "type": kind,
            "status": status,
            "lastUpdateTime": now,
            "lastTransitionTime": old.get("lastTransitionTime", now) if old.get("status") == status else now,
            "reason": reason,
            "message": message,
        }


def _revision(rs: Object) -> int:
    return int((rs["metadata"].get("annotations") or {}).get(REVISION, 0))


def _normal(template: Object) -> Object:
    """A template without what says nothing, so that two of them compare."""
    found = copy.deepcopy(template)
    meta = found.setdefault("metadata", {})
    for field in ("creationTimestamp", "annotations"):
        if not meta.get(field):
            meta.pop(field, None)
    return found


def _share(value: Any, of: int, rounding: Any) -> int:
    """A count, or a percentage of one."""
    if isinstance(value, str) and value.endswith("%"):
        return int(rounding(int(value[:-1]) * of / 100))
    return int(value)
