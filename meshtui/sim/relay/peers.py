"""The agents a Relay talks to: its own cluster's nodes and those of every cluster in the mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from meshtui.sim.builds import build
from meshtui.sim.clustermesh import place_of
from meshtui.sim.datapath.emit import all_rings
from meshtui.sim.datapath.view import view
from meshtui.sim.faults.active import BIG, HUBBLE_PORT, Broken, Place
from meshtui.sim.relay.ring import Ring
from meshtui.sim.world import SimCluster, World

T = TypeVar("T")
TRIES = 5
REACHED, HELD, GONE = "reached", "held", "gone"
HELD_FOR, REDIAL = 55.0, 40.0


@dataclass(frozen=True)
class Peer:
    """One agent as a Relay sees it."""

    name: str
    """`cluster/node`."""
    address: str
    ring: Ring
    available: bool
    """Whether the Relay counts it as connected."""
    held: bool = False
    """Whether it counts as connected and is silent: whoever waits for all agents waits for this one."""
    version: str = ""
    """As the agent's Hubble says it."""

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
    world, found = cluster.world, []
    relay = place_of(cluster, "hubble-relay")
    for name in (cluster.name, *view(cluster).remotes()):
        other = world.clusters[name]
        known = view(other)
        version = build(known.version).hubble("cilium")
        for node, ring in all_rings(other).items():
            reach = _reach(world, relay, Place(name, node))
            address = f"{known.internal_ip(node)}:{HUBBLE_PORT}"
            found.append(Peer(ring.node, address, ring, reach != GONE, reach == HELD, version))
    return sorted(found, key=lambda p: p.name)


def _reach(world: World, relay: Place, agent: Place) -> str:
    """REACHED, HELD or GONE: how a Relay's connection to an agent is.

    As recorded: a connection that went silent holds up the Relay. It is known to be broken after HELD_FOR seconds where
    the agent's own packets still arrive (they tell that it gave up); where nothing arrives the Relay dials again and
    again, and waits. What was broken that long is dialled anew REDIAL seconds after the way is free.
    """
    faults, now = world.faults, world.clock.monotonic()
    if not faults.remembered:
        return REACHED

    def silent(broken: Broken) -> bool:
        stopped = broken.agent_stopped(agent.cluster, agent.node)
        return stopped or not broken.round_trip(relay, agent, HUBBLE_PORT, BIG)

    spans = faults.spans(silent)
    if not spans or (spans[-1].end is not None and now >= spans[-1].end + REDIAL):
        return GONE if faults.agent_crashed(agent.cluster, agent.node) else REACHED
    last = spans[-1]
    then = faults.at(last.start)
    if last.end is not None and (last.end - last.start < HELD_FOR or _new(then, agent)):
        return GONE if faults.agent_crashed(agent.cluster, agent.node) else REACHED
    alive = not _new(then, agent) and then.passes(agent, relay, HUBBLE_PORT)
    return GONE if alive and now - last.start >= HELD_FOR else HELD


def _new(then: Broken, agent: Place) -> bool:
    """Whether it was the agent itself that was not there: the next one is another, and is dialled at once."""
    return then.agent_down(agent.cluster, agent.node)


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
