"""What Cilium's other containers say when they start: operator, clustermesh-apiserver, KVStoreMesh, Relay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from meshtui.sim.builds import build
from meshtui.sim.datapath.view import View, view
from meshtui.sim.logs.agent import SLOG_SINCE
from meshtui.sim.logs.lines import Line, logrus, slog

Start = Callable[[View, float], Iterator[Line]]


def _say(known: View, at: float, message: str, module: str, **fields: Any) -> Line:
    if known.version >= SLOG_SINCE:
        return slog(at, message, module, **fields)
    return logrus(at, message, module.rpartition(".")[2], **fields)


def operator(known: View, at: float) -> Iterator[Line]:
    """The operator, which leads alone."""
    yield _say(known, at, f"Cilium Operator {build(known.version).line}", "operator")
    yield _say(known, at + 0.05, "Connected to apiserver", "operator.operator-infra.k8s-client")
    yield _say(known, at + 0.3, "Leading the operator HA deployment", "operator")
    yield _say(known, at + 0.9, "Initialization complete", "operator")


def apiserver(known: View, at: float) -> Iterator[Line]:
    """clustermesh-apiserver, which writes the cluster's state to its etcd."""
    cluster = {"clusterID": known.id, "clusterName": known.name}
    yield _say(known, at, f"Cilium ClusterMesh {build(known.version).line}", "clustermesh-apiserver")
    yield _say(known, at + 0.06, "Starting clustermesh-apiserver...", "clustermesh-apiserver", **cluster)
    yield _say(known, at + 0.5, "Initial synchronization from Kubernetes completed", "clustermesh-apiserver")


def kvstoremesh(known: View, at: float) -> Iterator[Line]:
    """KVStoreMesh, which copies the other clusters' state."""
    module = "kvstoremesh.leader-lifecycle.kvstoremesh"
    yield _say(known, at, f"Cilium KVStoreMesh {build(known.version).line}", "kvstoremesh")
    for name in known.remotes():
        other = known.cluster.world.clusters[name]
        address = f"https://{name}.mesh.cilium.io:{_node_port(view(other))}"
        about = {"clusterName": name, "endpoints": f"[{address}]", "config": f"/var/lib/cilium/clustermesh/{name}"}
        yield _say(known, at + 0.2, "Starting watcher", module, **about, prefix="cilium/.heartbeat")
        yield _say(known, at + 0.3, "Initial etcd connection established", module, **about)
        yield _say(known, at + 0.31, "Connection to remote cluster established", module, clusterName=name)


def relay(known: View, at: float) -> Iterator[Line]:
    """Hubble Relay, which finds its peers through the agents."""
    yield _say(known, at, "Starting gRPC health server...", "hubble-relay", addr=":4222")
    yield _say(known, at + 0.01, "Starting gRPC server...", "hubble-relay", options="{}")
    for name in (known.name, *known.remotes()):
        peers = view(known.cluster.world.clusters[name])
        for node in peers.nodes():
            address = f"{peers.internal_ip(node)}:4244"
            about = {"address": address, "peer": f"{name}/{node}"}
            yield _say(known, at + 0.4, "Connecting", "hubble-relay", **about)
            yield _say(known, at + 0.45, "Connected", "hubble-relay", **about)


def _node_port(known: View) -> int:
    service = known.service("kube-system", "clustermesh-apiserver") or {}
    ports = (service.get("spec") or {}).get("ports") or [{}]
    return int(ports[0].get("nodePort") or ports[0].get("port") or 2379)


STARTS: dict[str, Start] = {
    "cilium-operator": operator,
    "apiserver": apiserver,
    "kvstoremesh": kvstoremesh,
    "hubble-relay": relay,
}
