"""Starting and stopping a cluster's Relay, and with it the traffic that nobody would see without one."""

from __future__ import annotations

from meshtui.sim.background import Background
from meshtui.sim.clustermesh import place_of
from meshtui.sim.relay.listen import RelayLoop, RelayServer
from meshtui.sim.relay.peers import deployed
from meshtui.sim.world import SimCluster, World


def start(world: World, cluster: SimCluster) -> int:
    """Serve a cluster's Relay on a loopback port and return it; 0 where no Relay is deployed.

    The cluster's probes and background traffic begin with it: without a Relay nobody would see them.
    """
    if not deployed(cluster):
        return 0
    first = next(iter(world.clusters.values()))
    server = RelayServer(cluster, first.part(RelayLoop, RelayLoop))
    cluster.relay = server
    cluster.relay_port = server.open()
    cluster.part(Background, lambda: Background(world, cluster)).start()
    sync(world)
    return cluster.relay_port


def stop(cluster: SimCluster) -> None:
    """Stop serving a cluster's Relay, and its background."""
    if cluster.relay is None:
        return
    cluster.part(Background, lambda: Background(cluster.world, cluster)).stop()
    cluster.relay.close()
    cluster.relay = None


def sync(world: World) -> None:
    """Stop Relays that a fault took away and start those it gave back, on the same ports."""
    for cluster in world.clusters.values():
        if cluster.relay is None:
            continue
        where = place_of(cluster, "hubble-relay")
        down = world.faults.relay_down(cluster.name) or world.faults.node_down(where.cluster, where.node)
        if down and cluster.relay.running:
            cluster.relay.stop()
        elif not down and not cluster.relay.running:
            cluster.relay.start()
