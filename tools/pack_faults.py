"""Packs recorded faults for the tests: `pack_faults.py RECORDINGS OUT` writes one small JSON file for each fault.

Kept is what a judgement reads: agents', KVStoreMesh's and cilium-health's words, its troubleshoot, pruned objects,
and of the flows TCP handshakes, first data and drops between pods.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLOW = ("time", "uuid", "verdict", "IP", "event_type", "traffic_direction", "trace_observation_point", "is_reply")
PEER = ("identity", "cluster_name", "namespace", "pod_name")
LABELS = ("k8s-app", "name", "app", "app.kubernetes.io/name", "io.cilium/app", "kubernetes.io/service-name")


def main(source: Path, target: Path) -> None:
    """Pack all of them."""
    target.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        packed = {"times": times(folder), "documents": documents(folder)}
        if packed["documents"]:
            text = json.dumps(packed, separators=(",", ":"), sort_keys=True).encode()
            (target / f"{folder.name}.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))


def times(folder: Path) -> dict[str, str]:
    """`applied` and `healed`, times of day."""
    path = folder / "times.txt"
    return dict(re.findall(r"^(applied|healed) (\S+)", path.read_text(), re.MULTILINE)) if path.exists() else {}


def documents(folder: Path) -> dict[str, Any]:
    """`+60` → cluster → document → content."""
    found: dict[str, Any] = {}
    for place in sorted(folder.glob("*/*")):
        if place.is_dir() and place.parent.name != "screens":
            found.setdefault(place.name, {})[place.parent.name] = documents_of(place)
    return found


def documents_of(place: Path) -> dict[str, Any]:
    """One cluster's documents of one moment."""
    found: dict[str, Any] = {"agents": {}, "health": {}, "flows": list(flows(place))}
    for path in place.glob("*.agent-status.json"):
        found["agents"][path.name.removesuffix(".agent-status.json")] = agent(json.loads(path.read_text()))
    for path in place.glob("*.health-status.json"):
        found["health"][path.name.removesuffix(".health-status.json")] = json.loads(path.read_text())
    for name, key in (("kvstoremesh-status.json", "kvstoremesh"), ("kubectl.json", "objects")):
        path = place / name
        if path.exists():
            content = json.loads(path.read_text())
            found[key] = [pruned(item) for item in content["items"]] if key == "objects" else content
    path = place / "kvstoremesh-troubleshoot.txt"
    if path.exists():
        found["troubleshoot"] = path.read_text()
    return found


def agent(status: dict[str, Any]) -> dict[str, Any]:
    """What is read of an agent's status, and the controllers that fail."""
    kept = {
        key: status[key] for key in ("cilium", "cluster", "cluster-mesh", "kubernetes", "encryption") if key in status
    }
    failing = [c for c in status.get("controllers") or () if c.get("status", {}).get("consecutive-failure-count")]
    return {**kept, "controllers": failing}


def pruned(item: dict[str, Any]) -> dict[str, Any]:
    """An object without what nobody reads."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in meta}
    kept["labels"] = {key: value for key, value in (meta.get("labels") or {}).items() if key in LABELS}
    rest = {key: item[key] for key in ("kind", "apiVersion", "addressType", "ports", "endpoints") if key in item}
    spec, status = item.get("spec") or {}, item.get("status") or {}
    template = spec.get("template") or {}
    if template:
        containers = template.get("spec", {}).get("containers") or ()
        template = {"spec": {"containers": [{k: c[k] for k in ("name", "image") if k in c} for c in containers]}}
    elif "containers" in spec:
        spec["containers"] = [{k: c[k] for k in ("name", "image") if k in c} for c in spec["containers"]]
    keys = ("nodeName", "hostNetwork", "podCIDR", "replicas", "selector", "containers")
    spec = {key: spec[key] for key in keys if key in spec} | ({"template": template} if template else {})
    for key in (
        "images",
        "allocatable",
        "capacity",
        "daemonEndpoints",
        "nodeInfo",
        "initContainerStatuses",
        "features",
    ):
        status.pop(key, None)
    for container in status.get("containerStatuses") or ():
        for key in (
            "image",
            "imageID",
            "containerID",
            "lastState",
            "resources",
            "user",
            "volumeMounts",
            "allocatedResources",
        ):
            container.pop(key, None)
    return {**rest, "metadata": kept, "spec": spec, "status": status}


def flows(place: Path) -> Iterator[dict[str, Any]]:
    """TCP packets between pods that open, refuse, begin or end a connection; drops."""
    seen = set()
    for path in sorted(place.glob("*flows.jsonl.gz")):
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            flow = json.loads(line).get("flow")
            if not flow or flow["uuid"] in seen:
                continue
            tcp = flow.get("l4", {}).get("TCP")
            pods = all(flow.get(side, {}).get("pod_name") for side in ("source", "destination"))
            if not (tcp and pods):
                continue
            seen.add(flow["uuid"])
            kept = {key: flow[key] for key in FLOW if key in flow}
            kept["l4"] = {"TCP": tcp}
            kept["node_name"] = flow["node_name"]
            for side in ("source", "destination"):
                kept[side] = {key: flow[side][key] for key in PEER if key in flow[side]}
            for key in ("drop_reason", "drop_reason_desc", "destination_service"):
                if key in flow:
                    kept[key] = flow[key]
            yield kept


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
