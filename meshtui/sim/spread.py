"""Pods over the nodes of a lab, as a scheduler leaves them: the recorded ones all ran on a cluster's only node."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import Any

import msgspec

Object = dict[str, Any]
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_ROLES = (CONTROL_PLANE, "node.kubernetes.io/exclude-from-external-load-balancers")
_STAYS = "coredns"
"""Tolerates the control plane's taint and starts before there are workers."""


def over(found: list[Object], number: int) -> None:
    """Move a cluster's workloads to its workers, and with each pod what names its address or node."""
    nodes = [o for o in found if o["kind"] == "Node"]
    if len(nodes) < 2:
        return
    for node in nodes[1:]:
        for role in _ROLES:
            node["metadata"].get("labels", {}).pop(role, None)
    nodes[0]["spec"].setdefault("taints", []).append({"effect": "NoSchedule", "key": CONTROL_PLANE})
    _peers(found, nodes)
    moved = _moves(found, [n["metadata"]["name"] for n in nodes])
    hosts = {n["metadata"]["name"]: _internal_ip(n) for n in nodes}
    first = nodes[0]["metadata"]["name"]
    for position, obj in enumerate(found):
        if obj["kind"] in ("Pod", "CiliumEndpoint") and (name := obj["metadata"]["name"]) in moved:
            found[position] = _moved(obj, number, (first, hosts[first]), (moved[name], hosts[moved[name]]), nodes)
        elif obj["kind"] == "EndpointSlice":
            for endpoint in obj.get("endpoints") or ():
                pod = (endpoint.get("targetRef") or {}).get("name", "")
                if pod in moved:
                    endpoint["nodeName"] = moved[pod]
                    index = [n["metadata"]["name"] for n in nodes].index(moved[pod])
                    endpoint["addresses"] = [_address(a, number, index) for a in endpoint["addresses"]]


def _moves(found: list[Object], nodes: list[str]) -> dict[str, str]:
    """Pod → worker, for pods of Deployments: each workload's pods in turn over the workers."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    moves = {}
    for pod in (o for o in found if o["kind"] == "Pod" and o["spec"].get("nodeName") == nodes[0]):
        meta = pod["metadata"]
        owners = [r["name"] for r in meta.get("ownerReferences") or () if r["kind"] == "ReplicaSet"]
        if not owners or owners[0].startswith(_STAYS):
            continue
        key = (meta.get("namespace", ""), owners[0])
        moves[meta["name"]] = nodes[1 + counts[key] % (len(nodes) - 1)]
        counts[key] += 1
    return moves


def _moved(obj: Object, number: int, old: tuple[str, str], new: tuple[str, str], nodes: list[Object]) -> Object:
    index = [n["metadata"]["name"] for n in nodes].index(new[0])
    text = json.dumps(obj).replace(f'"{old[0]}"', f'"{new[0]}"')
    text = re.sub(re.escape(old[1]) + r"(?!\d)", new[1], text)
    text = text.replace(f"10.{number}.0.", f"10.{number}.{index}.")
    result: Object = msgspec.json.decode(text)
    return result


def _address(address: str, number: int, index: int) -> str:
    return address.replace(f"10.{number}.0.", f"10.{number}.{index}.")


def _internal_ip(node: Object) -> str:
    return next(str(a["address"]) for a in node["status"]["addresses"] if a["type"] == "InternalIP")


def _peers(found: list[Object], nodes: list[Object]) -> None:
    """Every node's agent is behind the Service that a Relay finds them by."""
    for obj in found:
        labels = obj["metadata"].get("labels") or {}
        if obj["kind"] != "EndpointSlice" or labels.get("kubernetes.io/service-name") != "hubble-peer":
            continue
        pods = {o["spec"]["nodeName"]: o for o in found if o["kind"] == "Pod" and _is_agent(o)}
        shape = obj["endpoints"][0]
        for node in nodes[1:]:
            name = node["metadata"]["name"]
            endpoint = {**shape, "addresses": [_internal_ip(node)], "nodeName": name}
            if name in pods and "targetRef" in shape:
                meta = pods[name]["metadata"]
                endpoint["targetRef"] = {**shape["targetRef"], "name": meta["name"], "uid": meta["uid"]}
            obj["endpoints"].append(endpoint)


def _is_agent(pod: Object) -> bool:
    return (pod["metadata"].get("labels") or {}).get("k8s-app") == "cilium"
