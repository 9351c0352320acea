"""EndpointSlices: the pods behind every Service that selects some."""

from __future__ import annotations

import copy
from typing import Any

from meshtui.sim.clock import timestamp
from meshtui.sim.controllers.loop import PODS, SERVICES, SLICES, Loop, condition, owner_ref
from meshtui.sim.store import Object

MANAGED_BY = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
PER_SLICE = 100
Ports = list[dict[str, Any]]


class Endpoints:
    """Keeps slices in step with Services and pods."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._store = loop.store

    def pod_changed(self, pod: Object, old: Object | None) -> None:
        """Look again at the Services that select the pod, or did."""
        labels = [(p["metadata"].get("labels") or {}).items() for p in (pod, old) if p]
        for service in self._store.list(SERVICES, pod["metadata"]["namespace"]):
            selector = service.get("spec", {}).get("selector")
            if selector and any(selector.items() <= has for has in labels):
                self._loop.add("service", service["metadata"]["namespace"], service["metadata"]["name"])

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring one Service's slices up to date."""
        service = self._store.get(SERVICES, namespace, name)
        if service is None or service["metadata"].get("deletionTimestamp"):
            return
        selector = service["spec"].get("selector")
        if not selector or service["spec"].get("type") == "ExternalName":
            return
        wanted = self._wanted(service, selector)
        existing = self._slices(namespace, name)
        for (ports, endpoints), slice_ in zip(wanted, existing, strict=False):
            self._update(service, slice_, ports, endpoints)
        for ports, endpoints in wanted[len(existing) :]:
            self._create(service, ports, endpoints)
        for slice_ in existing[len(wanted) :]:
            self._store.delete(SLICES, namespace, slice_["metadata"]["name"])

    def _slices(self, namespace: str, name: str) -> list[Object]:
        found = []
        for slice_ in self._store.list(SLICES, namespace):
            labels = slice_["metadata"].get("labels") or {}
            if labels.get(SERVICE_NAME) == name and labels.get("endpointslice.kubernetes.io/managed-by") == MANAGED_BY:
                found.append(slice_)
        return found

    def _wanted(self, service: Object, selector: dict[str, str]) -> list[tuple[Ports, list[Object]]]:
        """(ports, endpoints) of each slice: pods whose named ports differ go to different ones."""
        groups: list[tuple[Ports, list[Object]]] = []
        publish = bool(service["spec"].get("publishNotReadyAddresses"))
        for pod in self._store.list(PODS, service["metadata"]["namespace"]):
            has = (pod["metadata"].get("labels") or {}).items()
            if not selector.items() <= has or not pod["status"].get("podIP"):
                continue
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                continue
            ports = _ports(service, pod)
            endpoint = _endpoint(pod, publish=publish)
            group = next((g for g in groups if g[0] == ports and len(g[1]) < PER_SLICE), None)
            if group is None:
                groups.append((ports, [endpoint]))
            else:
                group[1].append(endpoint)
        return groups or [(_ports(service, None), [])]

    def _update(self, service: Object, slice_: Object, ports: Ports, endpoints: list[Object]) -> None:
        new = copy.deepcopy(slice_)
        names = [e["targetRef"]["name"] for e in slice_.get("endpoints") or [] if "targetRef" in e]
        ordered = sorted(endpoints, key=lambda e: _place(names, e["targetRef"]["name"]))
        new["endpoints"], new["ports"] = ordered, ports or None
        labels = new["metadata"].setdefault("labels", {})
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        if (new["endpoints"], new["ports"]) == (slice_.get("endpoints") or [], slice_.get("ports")):
            return
        self._touch(new)
        self._store.update(SLICES, new)

    def _create(self, service: Object, ports: Ports, endpoints: list[Object]) -> None:
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        labels = {
            "endpointslice.kubernetes.io/managed-by": MANAGED_BY,
            SERVICE_NAME: name,
            **(service["metadata"].get("labels") or {}),
        }
        if service["spec"].get("clusterIP") == "None":
            labels["service.kubernetes.io/headless"] = ""
        made: Object = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{name}-{self._loop.suffix()}",
                "generateName": f"{name}-",
                "namespace": namespace,
                "generation": 1,
                "labels": labels,
                "ownerReferences": [owner_ref(service)],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports or None,
        }
        self._touch(made)
        self._store.create(SLICES, made)

    def _touch(self, slice_: Object) -> None:
        notes = slice_["metadata"].setdefault("annotations", {})
        notes["endpoints.kubernetes.io/last-change-trigger-time"] = timestamp(self._loop.clock.now())


def _place(names: list[str], name: str) -> tuple[int, str]:
    return (names.index(name) if name in names else len(names), name)


def _ports(service: Object, pod: Object | None) -> Ports:
    """A Service's ports as they are on a pod; a named target the pod does not have is left out."""
    found: Ports = []
    for port in service["spec"].get("ports") or []:
        number = _target(port, pod)
        if number is None:
            continue
        entry = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        found.append(entry)
    return found


def _target(port: dict[str, Any], pod: Object | None) -> int | None:
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    if str(target).isdigit():
        return int(target)
    containers = pod["spec"].get("containers") or [] if pod else []
    for candidate in (p for c in containers for p in c.get("ports") or []):
        if candidate.get("name") == target and candidate.get("protocol", "TCP") == port.get("protocol", "TCP"):
            return int(candidate["containerPort"])
    return None


def _endpoint(pod: Object, *, publish: bool) -> Object:
    terminating = bool(pod["metadata"].get("deletionTimestamp"))
    serving = condition(pod, "Ready")
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {
            "ready": publish or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
        "nodeName": pod["spec"].get("nodeName"),
    }
