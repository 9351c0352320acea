"""EndpointSlices of other clusters' backends, for Services that want them (pkg/clustermesh/endpointslicesync)."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from meshtui.sim.controllers.loop import SLICES, Loop, owner_ref
from meshtui.sim.datapath.exports import Backend, imports
from meshtui.sim.datapath.view import MIRRORED, NAME_LABEL, View, view

Object = dict[str, Any]
OPTION = "clustermesh-enable-endpoint-sync"
GLOBAL, SYNC = "service.cilium.io/global", "service.cilium.io/global-sync-endpoint-slices"
MANAGED, SOURCE = "endpointslice.kubernetes.io/managed-by", "multicluster.kubernetes.io/source-cluster"
HEADLESS = "service.kubernetes.io/headless"
PER_SLICE = 100


def sync(loop: Loop) -> None:
    """Make the slices what the other clusters export; none where the option is off."""
    known = view(loop.cluster)
    held: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
    for piece in loop.store.list(SLICES):
        labels = piece["metadata"].get("labels") or {}
        if labels.get(MANAGED) == MIRRORED:
            key = (piece["metadata"]["namespace"], labels.get(NAME_LABEL, ""), labels.get(SOURCE, ""))
            held[key].append(piece)
    if known.config().get(OPTION) == "true":
        for service in known.services():
            if wants(service):
                for remote in known.remotes():
                    _service(loop, known, service, remote, held)
    for left in held.values():
        for piece in left:
            loop.store.delete(SLICES, piece["metadata"]["namespace"], piece["metadata"]["name"])


def wants(service: Object) -> bool:
    """Whether a Service's slices are synchronised: headless ones by default; only the new key makes it global."""
    notes = service["metadata"].get("annotations") or {}
    if str(notes.get(GLOBAL, "")).lower() != "true":
        return False
    written = notes.get(SYNC)
    return service["spec"].get("clusterIP") == "None" if written is None else str(written).lower() == "true"


def _service(
    loop: Loop, known: View, service: Object, remote: str, held: dict[tuple[str, str, str], list[Object]]
) -> None:
    """One Service's slices of one cluster; what it keeps is taken out of `held`."""
    meta = service["metadata"]
    key = (meta["namespace"], meta["name"])
    backends = imports(known.cluster.world).of(known.cluster.world, known.name, remote, key) or []
    existing = held.pop((*key, remote), [])
    labels = {
        **(meta.get("labels") or {}),
        MANAGED: MIRRORED,
        SOURCE: remote,
        NAME_LABEL: meta["name"],
        **({HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}),
    }
    wanted = _chunks(backends, remote)
    for piece, (ports, endpoints) in zip(existing, wanted, strict=False):
        new = copy.deepcopy(piece)
        new["metadata"]["labels"] = labels
        new["ports"], new["endpoints"] = ports, endpoints
        loop.store.update(SLICES, new)
    for ports, endpoints in wanted[len(existing) :]:
        made = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": f"{meta['name']}-{loop.suffix()}",
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "generation": 1,
                "labels": labels,
                "ownerReferences": [owner_ref(service)],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports,
        }
        loop.store.create(SLICES, made)
    if len(existing) > len(wanted):
        held[(*key, remote)] = existing[len(wanted) :]


def _chunks(backends: list[Backend], remote: str) -> list[tuple[list[Object], list[Object]]]:
    """(ports, endpoints) of each slice: addresses with the same ports together, at most a hundred of them."""
    ports_of: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for b in backends:
        ports_of[b.ip].append((b.port_name, b.protocol, b.port))
    groups: dict[tuple[tuple[str, str, int], ...], list[str]] = defaultdict(list)
    for ip, has in ports_of.items():
        groups[tuple(sorted(has))].append(ip)
    found: list[tuple[list[Object], list[Object]]] = []
    for ports, ips in sorted(groups.items()):
        told = [{"name": name, "protocol": protocol, "port": port} for name, protocol, port in ports]
        pages = [sorted(ips)[at : at + PER_SLICE] for at in range(0, len(ips), PER_SLICE)]
        found += [(told, [_endpoint(ip, remote) for ip in page]) for page in pages]
    return found


def _endpoint(ip: str, remote: str) -> Object:
    conditions = {"ready": True, "serving": True, "terminating": False}
    return {"addresses": [ip], "conditions": conditions, "nodeName": remote, "zone": remote}
