"""Table columns of Cilium's resources: the printer columns of its definitions."""

from __future__ import annotations

import json
from typing import Any

from meshtui.sim.api.columns import Column, Kind, age, name_of
from meshtui.sim.store import GVR, Object


def _endpoint(obj: Object, now: float) -> list[Any]:
    del now
    status = obj.get("status") or {}
    pairs = (status.get("networking") or {}).get("addressing") or []
    policy = status.get("policy") or {}
    return [
        name_of(obj),
        (status.get("identity") or {}).get("id"),
        (policy.get("ingress") or {}).get("state"),
        (policy.get("egress") or {}).get("state"),
        status.get("state"),
        next((p["ipv4"] for p in pairs if p.get("ipv4")), None),
        next((p["ipv6"] for p in pairs if p.get("ipv6")), None),
    ]


def _identity(obj: Object, now: float) -> list[Any]:
    labels = obj.get("security-labels") or {}
    return [name_of(obj), labels.get("k8s:io.kubernetes.pod.namespace"), age(obj, now)]


def _node(obj: Object, now: float) -> list[Any]:
    addresses = obj.get("spec", {}).get("addresses") or []
    internal = {a["type"]: a["ip"] for a in reversed(addresses)}
    return [name_of(obj), internal.get("CiliumInternalIP"), internal.get("InternalIP"), age(obj, now)]


def _policy(obj: Object, now: float) -> list[Any]:
    conditions = (obj.get("status") or {}).get("conditions") or []
    valid = next((c["status"] for c in conditions if c["type"] == "Valid"), None)
    return [name_of(obj), age(obj, now), valid]


def _import(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    ips = spec.get("ips")
    return [name_of(obj), spec.get("type"), json.dumps(ips, separators=(",", ":")) if ips else None, age(obj, now)]


_NAME = Column("Name")
_AGE = Column("Age", "date")
_POLICY = Kind((_NAME, _AGE, Column("Valid")), _policy)

CILIUM: dict[GVR, Kind] = {
    ("cilium.io", "ciliumendpoints"): Kind(
        (
            _NAME,
            Column("Security Identity", "integer"),
            Column("Ingress Enforcement", priority=1),
            Column("Egress Enforcement", priority=1),
            Column("Endpoint State"),
            Column("IPv4"),
            Column("IPv6"),
        ),
        _endpoint,
    ),
    ("cilium.io", "ciliumidentities"): Kind((_NAME, Column("Namespace"), _AGE), _identity),
    ("cilium.io", "ciliumnodes"): Kind((_NAME, Column("CiliumInternalIP"), Column("InternalIP"), _AGE), _node),
    ("cilium.io", "ciliumnetworkpolicies"): _POLICY,
    ("cilium.io", "ciliumclusterwidenetworkpolicies"): _POLICY,
    ("cilium.io", "ciliumcidrgroups"): Kind((_NAME, _AGE), lambda obj, now: [name_of(obj), age(obj, now)]),
    ("multicluster.x-k8s.io", "serviceexports"): Kind((_NAME, _AGE), lambda obj, now: [name_of(obj), age(obj, now)]),
    ("multicluster.x-k8s.io", "serviceimports"): Kind((_NAME, Column("Type"), Column("IP"), _AGE), _import),
}
