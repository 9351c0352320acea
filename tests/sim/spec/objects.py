"""Every object recorded at a step, beside the simulator's; only what no two meshes share is left out."""

from __future__ import annotations

import base64
import json
import lzma
import re
from functools import cache
from typing import Any

from meshtui.sim.world import SimCluster
from tests.sim.worlds import RECORDINGS

Object = dict[str, Any]
RESOURCES = {
    "namespaces": "", "nodes": "", "pods": "", "services": "", "deployments": "apps", "daemonsets": "apps",
    "endpointslices": "discovery.k8s.io", "ciliumnodes": "cilium.io", "ciliumendpoints": "cilium.io",
    "ciliumidentities": "cilium.io", "ciliumnetworkpolicies": "cilium.io",
}  # fmt: skip
"""Recorded lists, with their API groups."""
_DRAWN = (
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
)


@cache
def recorded() -> dict[str, Any]:
    """step → cluster → list or file name → content."""
    return dict(json.loads(lzma.decompress((RECORDINGS / "objects" / "all.json.xz").read_bytes())))


def comparable(items: list[Object]) -> dict[str, Object]:
    """Objects by namespace and name, without uids, times and versions: all else has to be equal."""
    found = {}
    for item in items:
        meta = item["metadata"]
        text = json.dumps({k: v for k, v in item.items() if k not in ("apiVersion", "kind")})
        for pattern, mark in _DRAWN:
            text = re.sub(pattern, mark, text)
        plain = json.loads(text)
        plain["metadata"].pop("resourceVersion", None)
        found[f"{meta.get('namespace', '')}/{meta['name']}".lstrip("/")] = plain
    return found


def differences(cluster: SimCluster, step: str) -> set[str]:
    """Which objects are not field by field as recorded at a step: `services default/rebel-base` …"""
    found = set()
    for resource, group in RESOURCES.items():
        if resource not in recorded()[step][cluster.name]:
            continue
        mine = comparable(cluster.store.list((group, resource)))
        theirs = comparable(recorded()[step][cluster.name][resource]["items"])
        found |= {f"{resource} {name}" for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}
    config = recorded()[step][cluster.name].get("cilium-config")
    if config is not None:
        mine_config = cluster.store.get(("", "configmaps"), "kube-system", "cilium-config")
        if mine_config is None or mine_config["data"] != config["data"]:
            found.add("configmaps kube-system/cilium-config")
    return found | {f"secrets {name}" for name in secret_differences(cluster, step)}


def secret_differences(cluster: SimCluster, step: str) -> set[str]:
    """Secrets whose type or keys are not the recorded ones, and mesh Secrets whose endpoints are not."""
    held = {s["metadata"]["name"]: s for s in cluster.store.list(("", "secrets"), "kube-system")}
    mine = {name: (s["type"], sorted(s.get("data") or {})) for name, s in held.items()}
    step_files = recorded()[step][cluster.name]
    theirs = {s["name"]: (s["type"], sorted(s["keys"])) for s in step_files["secret-names"]}
    found = {f"kube-system/{n}" for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n)}
    for name in ("cilium-clustermesh", "cilium-kvstoremesh"):
        data = held.get(name, {}).get("data") or {}
        decoded = {key: base64.b64decode(value).decode() for key, value in data.items()}
        if decoded != step_files.get(f"secret-{name}", {}):
            found.add(f"kube-system/{name}")
    return found
