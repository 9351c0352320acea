"""Packets to an address that nobody has any more: agents that go on dialling a clustermesh-apiserver that is gone."""

from __future__ import annotations

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.clustermesh import place_of
from meshtui.sim.datapath import events
from meshtui.sim.datapath.emit import record
from meshtui.sim.datapath.events import Observer, Packet
from meshtui.sim.datapath.identity import WORLD, Party, host
from meshtui.sim.datapath.view import PODS, view
from meshtui.sim.world import SimCluster, World

FROM, UNTIL, EVERY = 3.5, 10.0, 0.512
"""Seconds after the pod is gone between which its node's agent dials it again, and between two tries (recorded)."""
PORT, LINE = 2379, 1337


class StaleConnections:
    """The SYNs of one cluster's agents to the address its clustermesh-apiserver had."""

    def __init__(self, world: World, cluster: SimCluster) -> None:
        self._world = world
        self._cluster = cluster
        self._last = ("", "")
        """Node and address of the pod when it was last there."""
        self._seen = -1
        self._next = 0.0

    def tick(self) -> None:
        """Dial when it is time."""
        faults, now = self._world.faults, self._world.clock.monotonic()
        since = faults.since(lambda b: b.mesh_server_down(self._cluster.name))
        if since is None:
            self._remember()
        elif self._last[1] and FROM <= now - since <= UNTIL and now >= self._next:
            self._next = now + EVERY
            self._dial()

    def _remember(self) -> None:
        version = view(self._cluster).pod_version
        if version == self._seen:
            return
        self._seen = version
        node = place_of(self._cluster).node
        for pod in self._cluster.store.list(PODS, "kube-system"):
            if pod["metadata"]["name"].startswith("clustermesh-apiserver") and pod["spec"].get("nodeName") == node:
                self._last = (node, str(pod.get("status", {}).get("podIP", "")))

    def _dial(self) -> None:
        node, address = self._last
        known = view(self._cluster)
        nobody = Party(address, WORLD, ("reserved:world",))
        packet = Packet(host(known, node), nobody, "TCP", self._world.rng.randrange(32768, 60999), PORT, ("SYN",))
        flow = events.drop(Observer(known, node), packet, pb.INGRESS, pb.STALE_OR_UNROUTABLE_IP, LINE)
        record(self._world, self._cluster, node, flow, self._world.clock.now())
