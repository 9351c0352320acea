"""The agents a Relay talks to: its own cluster's nodes and those of every cluster in the mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from meshtui.sim.datapath.emit import all_rings
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.ring import Ring
from meshtui.sim.world import SimCluster

T = TypeVar("T")
TRIES = 5


@dataclass(frozen=True)
class Peer:
    """One agent as a Relay sees it."""

    name: str
    """`cluster/node`."""
    address: str
    ring: Ring
    available: bool

    @property
    def server_name(self) -> str:
        """Name in the agent's certificate."""
        cluster, _, node = self.name.partition("/")
        return f"{node.replace('.', '-')}.{cluster.replace('.', '-')}.hubble-grpc.cilium.io"


def steady(read: Callable[[], T]) -> T:
    """Read what another thread may be changing; a change in the middle means reading again."""
    for _ in range(TRIES - 1):
        try:
            return read()
        except (KeyError, RuntimeError, IndexError):
            continue
    return read()


def peers(cluster: SimCluster) -> list[Peer]:
    """All agents, sorted by name."""
    return steady(lambda: _peers(cluster))


def _peers(cluster: SimCluster) -> list[Peer]:
    world = cluster.world
    found = []
    for name in (cluster.name, *view(cluster).remotes()):
        other = world.clusters[name]
        known = view(other)
        cut = world.faults.cut(cluster.name, name)
        for node, ring in all_rings(other).items():
            down = world.faults.agent_down(name, node)
            address = f"{known.internal_ip(node)}:4244"
            found.append(Peer(ring.node, address, ring, not cut and not down))
    return sorted(found, key=lambda p: p.name)


def deployed(cluster: SimCluster) -> bool:
    """Whether the cluster has a Relay with a pod that is ready."""
    found = cluster.store.get(("apps", "deployments"), "kube-system", "hubble-relay")
    return bool(found and (found.get("status") or {}).get("readyReplicas"))


def pod_name(cluster: SimCluster) -> str:
    """Name of the Relay's pod, by which it signs its own messages."""
    for pod in steady(lambda: cluster.store.list(("", "pods"), "kube-system")):
        if (pod["metadata"].get("labels") or {}).get("k8s-app") == "hubble-relay":
            return str(pod["metadata"]["name"])
    return "hubble-relay"
