"""What Cilium says of itself when asked in its own containers: agent, service table, KVStoreMesh, cilium-health."""

from __future__ import annotations

import copy
import json
import zlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

from meshtui.sim import clustermesh
from meshtui.sim.api.registry import MCS_OPTION
from meshtui.sim.clock import go_duration
from meshtui.sim.datapath.emit import ring_of
from meshtui.sim.datapath.exports import Backend, imports
from meshtui.sim.datapath.identity import of_pod
from meshtui.sim.datapath.policybook import book_of
from meshtui.sim.datapath.request import proxy_port
from meshtui.sim.datapath.routing import selected
from meshtui.sim.datapath.view import MCS_EXPORTS, View, view
from meshtui.sim.dbg.shape import shaped, shaped_health, shaped_services
from meshtui.sim.health import report
from meshtui.sim.rulebook.rules import EGRESS
from meshtui.sim.seed import data
from meshtui.sim.troubleshoot import of_agent, of_kvstoremesh
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
NEVER = "0001-01-01T00:00:00.000Z"
WAITING = "Waiting for initial connection to be established"
ETCD = "etcd: 1/1 connected, leases=0, lock leases=0, has-quorum=true: endpoint status checks are disabled, ID: "


class NoAnswer(Exception):
    """Nobody answers; the text is what the program writes to stderr before it exits with 1."""


class Hangs(NoAnswer):
    """Nobody answers, and whoever asks waits for PATIENCE seconds before it says so."""


PATIENCE = 30.0
"""Seconds that Cilium's own programs wait for an agent."""


@cache
def _template() -> str:
    return data("agent-status.json")


def agent_status(world: World, cluster: SimCluster, node: str) -> Object:
    """`cilium-dbg status -o json` in a node's agent. Raises NoAnswer when the agent is down."""
    answering(world, cluster, node)
    known = view(cluster)
    status: Object = json.loads(_template())
    address, router = known.internal_ip(node), known.router_ip(node)
    status["cluster"]["self"] = f"{cluster.name}/{node}"
    ring = ring_of(cluster, node)
    observer: Object = {"current-flows": len(ring), "max-flows": ring.capacity, "seen-flows": ring.flows}
    observer["uptime"] = go_duration(world.clock.monotonic() - ring.started)
    status["hubble"] = {"observer": observer, "state": "Ok"}
    status["identity-range"] = {"max-identity": (cluster.id + 1 << 16) - 1, "min-identity": cluster.id << 16}
    status["ipam"] = _ipam(known, node)
    status["proxy"] |= {"ip": router} | _redirects(known, node)
    cidr = _pod_cidr(known, node)
    status["masquerading"] |= {"snat-exclusion-cidr": cidr, "snat-exclusion-cidr-v4": cidr}
    device = {"ip": ["", "", address, _link_local(node)], "name": "eth0"}
    status["kube-proxy-replacement"]["deviceList"] = [device]
    status["controllers"] = _controllers(world, known, node, status["controllers"])
    mesh = _remote_clusters(world, known, node=node)
    if mesh is not None:
        status["cluster-mesh"] = {"clusters": mesh}
    if world.faults.api_down(cluster.name):
        failure = f'Get "https://172.20.{cluster.id}.1:443/readyz": context deadline exceeded'
        status["kubernetes"] = {"msg": failure, "state": "Failure"}
    return shaped(status, known)


def answering(world: World, cluster: SimCluster, node: str) -> None:
    """Raises NoAnswer while a node's agent does not answer."""
    if world.faults.agent_stopped(cluster.name, node):
        raise Hangs(
            'Error: Cannot get status: Get "http://localhost/v1/healthz": context deadline exceeded\n'
            "Is the agent running?\n"
        )
    if world.faults.agent_down(cluster.name, node):
        socket = "dial unix /var/run/cilium/cilium.sock: connect: no such file or directory"
        raise NoAnswer(
            f'Error: Cannot get status: Get "http://localhost/v1/healthz": {socket}\nIs the agent running?\n'
        )


def _remote_clusters(world: World, known: View, *, node: str = "") -> list[Object] | None:
    """RemoteCluster objects of a node's agent, or without `node` of KVStoreMesh; zero and false are left out, as the
    API's model does. None without a mesh.
    """
    remotes = known.remotes()
    if not remotes:
        return None
    return [_remote_cluster(world, known, name, node) for name in sorted(remotes)]


def _remote_cluster(world: World, known: View, name: str, node: str) -> Object:
    other, kvstoremesh = world.clusters[name], not node
    if kvstoremesh:
        connection = clustermesh.kvstoremesh(world, known.cluster, other)
    else:
        connection = clustermesh.agent(world, known.cluster, node, name)
    told = imports(world).counts(world, known.name, name)
    before = 0 if kvstoremesh else 1
    remote: Object = {
        "connected": connection.phase != clustermesh.WAITING,
        "last-failure": NEVER if kvstoremesh else "2026-11-23T19:32:28.093Z",
        "name": name,
        "num-failures": before + connection.failures,
        "ready": connection.phase == clustermesh.CONNECTED,
        "status": WAITING,
        "synced": {},
    }
    if connection.failed is not None:
        remote["last-failure"] = _milliseconds(world, connection.failed)
    if connection.counts:
        remote |= {
            "num-endpoints": told.endpoints,
            "num-identities": told.identities,
            "num-nodes": told.nodes,
            "num-shared-services": told.services,
        }
        if kvstoremesh and known.version >= (1, 20):
            remote["num-endpoint-slices"] = told.services
        if kvstoremesh and view(other).config().get(MCS_OPTION) == "true":
            remote["num-service-exports"] = len(other.store.list(MCS_EXPORTS))
    if kvstoremesh and connection.counts:
        remote["synced"] = {"service-exports": False}
    if connection.phase != clustermesh.WAITING:
        etcd = f"{zlib.crc32(f'{known.name if kvstoremesh else name}-etcd'.encode()):08x}{other.id:08x}"
        remote["status"] = f"{ETCD}{etcd}"
    if connection.phase == clustermesh.UNCONFIGURED:
        remote["config"] = {"required": True}
    if connection.phase == clustermesh.CONNECTED:
        remote |= _configured(known, view(other), kvstoremesh=kvstoremesh)
    return {k: v for k, v in sorted(remote.items()) if v != 0}


def _configured(known: View, other: View, *, kvstoremesh: bool) -> Object:
    """What a remote cluster wrote of itself, and which of its objects have arrived."""
    config = {
        "cluster-id": other.id,
        "endpoint-slices-export-mode": "services-and-endpointslices",
        "kvstoremesh": True,
        "required": True,
        "retrieved": True,
        "service-exports-enabled": other.config().get(MCS_OPTION) == "true",
        "sync-canaries": True,
    }
    synced = dict.fromkeys(("endpoints", "identities", "nodes", "services"), True)
    if kvstoremesh:
        del config["kvstoremesh"]
        synced |= {"endpoint-slices": True, "service-exports": True}
    if known.version < (1, 20):
        del config["endpoint-slices-export-mode"]
        synced.pop("endpoint-slices", None)
    return {"config": config, "synced": synced}


def _milliseconds(world: World, at: float) -> str:
    when = datetime.fromtimestamp(world.clock.now() - world.clock.monotonic() + at, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def kvstoremesh_status(world: World, cluster: SimCluster) -> list[Object]:
    """`clustermesh-apiserver kvstoremesh-dbg status -o json`. Raises NoAnswer while KVStoreMesh is down."""
    _running_kvstoremesh(world, cluster)
    if world.faults.kvstoremesh_down(cluster.name):
        refused = "dial tcp 127.0.0.1:9889: connect: connection refused"
        raise NoAnswer(f'Error: Get "http://localhost:9889/v1/cluster": {refused}\n')
    return _remote_clusters(world, view(cluster)) or []


def service_list(world: World, cluster: SimCluster, node: str) -> list[Object]:
    """`cilium-dbg service list -o json`: every frontend with the backends the datapath uses. Raises NoAnswer."""
    answering(world, cluster, node)
    known = view(cluster)
    numbered = sorted(
        known.services(), key=lambda s: (s["metadata"].get("creationTimestamp", ""), s["metadata"]["name"])
    )
    found, number = [], 0
    for service in numbered:
        spec = service["spec"]
        if spec.get("clusterIP") in ("None", "", None):
            continue
        for port in sorted(spec.get("ports") or (), key=lambda p: p.get("protocol", "TCP")):
            number += 1
            backends = selected(world, known, service, port, node)
            held = _frontend(service, port, number, [_backend(b) for b in backends])
            found.append({"spec": held, "status": {"realized": copy.deepcopy(held)}})
    found.sort(key=lambda s: (_numeric(s["spec"]["frontend-address"]["ip"]), s["spec"]["id"]))
    return shaped_services(found, known)


def _frontend(service: Object, port: Object, number: int, backends: list[Object]) -> Object:
    spec, meta = service["spec"], service["metadata"]
    return {
        "backend-addresses": backends,
        "flags": {
            "extTrafficPolicy": spec.get("externalTrafficPolicy", "Cluster"),
            "intTrafficPolicy": spec.get("internalTrafficPolicy", "Cluster"),
            "name": meta["name"],
            "namespace": meta["namespace"],
            "trafficPolicy": spec.get("externalTrafficPolicy", "Cluster"),
            "type": "ClusterIP",
        },
        "frontend-address": {
            "ip": spec["clusterIP"],
            "port": port["port"],
            "protocol": port.get("protocol", "TCP"),
            "scope": "external",
        },
        "id": number,
    }


def _backend(backend: Backend) -> Object:
    found: Object = {"ip": backend.ip, "nodeName": backend.node, "port": backend.port, "preferred": True}
    found |= {"protocol": backend.protocol, "state": "terminating" if backend.terminating else "active", "weight": 100}
    if not backend.node:
        del found["nodeName"]
    return found


def _numeric(ip: str) -> tuple[int, ...]:
    return tuple(int(p) for p in ip.split(".")) if ip.count(".") == 3 else (999,)


def health(world: World, cluster: SimCluster, node: str) -> Object:
    """`cilium-health status -o json` on a node: the one report that tells a dead link. Raises NoAnswer."""
    answering(world, cluster, node)
    return shaped_health(report(world, cluster, node), view(cluster))


def troubleshoot(world: World, cluster: SimCluster, node: str, names: list[str]) -> str:
    """`cilium-dbg troubleshoot clustermesh [NAME…]` in a node's agent. Raises NoAnswer."""
    if world.faults.agent_down(cluster.name, node) and not world.faults.agent_stopped(cluster.name, node):
        answering(world, cluster, node)
    return of_agent(world, cluster, names)


def _running_kvstoremesh(world: World, cluster: SimCluster) -> None:
    """Raises NoAnswer while the node is dead that KVStoreMesh runs on: nothing on it answers anybody."""
    place = clustermesh.place_of(cluster)
    if world.faults.node_down(place.cluster, place.node):
        address = view(cluster).internal_ip(place.node)
        raise NoAnswer(f"error dialing backend: dial tcp {address}:10250: connect: no route to host\n")


def kvstoremesh_troubleshoot(world: World, cluster: SimCluster, names: list[str]) -> str:
    """`clustermesh-apiserver kvstoremesh-dbg troubleshoot [NAME…]`. Raises NoAnswer while KVStoreMesh is down."""
    _running_kvstoremesh(world, cluster)
    if world.faults.kvstoremesh_down(cluster.name):
        raise NoAnswer("Error: container kvstoremesh is not running\n")
    return of_kvstoremesh(world, cluster, names)


def _pods(known: View, node: str) -> list[Object]:
    return [p for p in known.pod_by_ip.values() if p["spec"].get("nodeName") == node]


def _pod_cidr(known: View, node: str) -> str:
    return str((known.node(node) or {}).get("spec", {}).get("podCIDR", ""))


def _ipam(known: View, node: str) -> Object:
    allocations = {
        p["status"]["podIP"]: f"{p['metadata']['namespace']}/{p['metadata']['name']}" for p in _pods(known, node)
    }
    allocations |= {known.router_ip(node): "router", known.health_ip(node): "health"}
    allocations.pop("", None)
    text = f"IPv4: {len(allocations)}/254 allocated from {_pod_cidr(known, node)}, "
    return {"allocations": allocations, "ipv4": list(allocations), "ipv6": None, "status": text}


def _redirects(known: View, node: str) -> Object:
    """Endpoints whose DNS goes through the proxy."""
    found = []
    policies = book_of(known)
    for pod in _pods(known, node):
        party = of_pod(known, pod)
        entries = [e for r in policies.selecting(party.labels, EGRESS) for e in r.entries if e.l7 and "dns" in e.l7]
        for port in {(p.protocol, p.low) for e in entries for p in e.ports or ()}:
            name = f"{party.endpoint_id}:egress:{port[0]}:{port[1]}:"
            found.append({"name": name, "proxy": "cilium-dns-egress", "proxy-port": proxy_port(known, party)})
    if not found:
        return {"redirects": None}
    return {"redirects": sorted(found, key=lambda r: str(r["name"])), "total-redirects": len(found)}


def _controllers(world: World, known: View, node: str, always: list[Object]) -> list[Object]:
    """The agent's controllers: all well, but for those that look for a cluster they know nothing of."""
    now = datetime.fromtimestamp(world.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    named = [c["name"] for c in always]
    configuration = {c["name"]: c["configuration"] for c in always}
    for pod in _pods(known, node):
        number = of_pod(known, pod).endpoint_id
        full = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        named += [f"resolve-identity-{number}", f"sync-policymap-{number}", f"resolve-labels-{full}"]
        named += [f"endpoint-{number}-regeneration-recovery", f"sync-to-k8s-ciliumendpoint ({number})"]
    named += [f"remote-etcd-{name}" for name in known.remotes()]
    failing = {
        f"remote-etcd-{name}-cluster-config": clustermesh.agent(world, known.cluster, node, name)
        for name in known.remotes()
        if clustermesh.agent(world, known.cluster, node, name).phase == clustermesh.UNCONFIGURED
    }
    named += failing
    found = []
    for name in named:
        tag = zlib.crc32(f"{known.name}/{node}/{name}".encode())
        found.append(
            {
                "configuration": configuration.get(name, {"error-retry": True}),
                "name": name,
                "status": {"last-failure-timestamp": NEVER, "last-success-timestamp": now, "success-count": 1}
                if name not in failing
                else _failing(world, now, failing[name].since),
                "uuid": f"{tag:08x}-{tag & 0xFFFF:04x}-4{tag & 0xFFF:03x}-8{tag >> 4 & 0xFFF:03x}-{tag:012x}",
            }
        )
    return found


def _failing(world: World, now: str, since: float) -> Object:
    """A controller that looks again and again for what a cluster should have written; every 10 s after quick starts."""
    count = 5 + int((world.clock.monotonic() - since) / 10)
    return {
        "consecutive-failure-count": count,
        "failure-count": count,
        "last-failure-msg": "not found",
        "last-failure-timestamp": now,
        "last-success-timestamp": NEVER,
    }


def _link_local(node: str) -> str:
    tag = zlib.crc32(node.encode())
    return f"fe80::{tag >> 16:x}:{tag & 0xFFFF:x}ff:fe10:{tag & 0xFFF:x}"
