"""By which cluster's name each side of a flow goes, where the flow itself says too little.

Clusters of one name are in no mesh together: whatever one's Relay or agents say of that name is of that cluster. Agents
before 1.18 send no cluster names: a label of the identity tells them as a rule (`hubble.parts`), else the bits of the
identity in which the cluster's id is, else the node that observes its own endpoint (recording mixed-1.20-1.17).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from meshtui.core.flows.belonging import split
from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.core.model.identity import cluster_of
from meshtui.core.model.state import Mesh

TOLD_SINCE = (1, 18)
"""Version of Cilium since which flows carry their clusters' names."""


class _Apart(Struct):
    """One namesake: its name on the wire, and the one it goes by here."""

    wire: str
    here: str
    peers: dict[int, tuple[Peer, Peer]] = field(default_factory=dict)
    """By id of the peer on the wire, which is kept so that the id stays its own."""

    def node(self, name: str) -> str:
        cluster, node = split(name)
        return f"{self.here}/{node}" if cluster == self.wire else name

    def peer(self, peer: Peer) -> Peer:
        if peer.cluster != self.wire:
            return peer
        known = self.peers.get(id(peer))
        if known is None:
            known = self.peers[id(peer)] = peer, replace(peer, cluster=self.here)
        return known[1]


def name_clusters(rows: Iterable[FlowRow], mesh: Mesh) -> None:
    """Give rows, in place, the names that their clusters go by here; where nothing is to be done none is looked at."""
    apart = {c.context: _Apart(c.cilium_name, c.name) for c in mesh.clusters.values() if c.namesake}
    silent = _Silent.of(mesh)
    if not apart and silent is None:
        return
    for row in rows:
        mine = apart.get(row.received)
        if mine is not None:
            # Reading the one fills the whole row: what is set before would be lost.
            source, destination = row.source, row.destination
            row.node = mine.node(row.node)
            row.source, row.destination = mine.peer(source), mine.peer(destination)
        if silent is not None and split(row.node)[0] in silent.observers:
            source, destination = row.source, row.destination
            row.source, row.destination = silent.named(source, row), silent.named(destination, row)


class _Silent(Struct):
    """Clusters whose agents tell no names, and what tells them."""

    observers: frozenset[str]
    by_id: dict[int, str]
    bits: int
    peers: dict[tuple[int, str], tuple[Peer, Peer]] = field(default_factory=dict)

    @classmethod
    def of(cls, mesh: Mesh) -> _Silent | None:
        configs = [(cluster, cluster.config) for cluster in mesh.clusters.values() if cluster.config is not None]
        observers = [cluster.name for cluster, config in configs if (0, 0) < config.version < TOLD_SINCE]
        if not observers:
            return None
        ids = [config.id for _, config in configs]
        by_id = {c.id: c.name for c, config in configs if config.id and ids.count(config.id) == 1}
        return cls(frozenset(observers), by_id, configs[0][1].id_bits)

    def named(self, peer: Peer, row: FlowRow) -> Peer:
        """The peer with its cluster, where it is a pod and its cluster can be told."""
        home = cluster_of(peer.identity, self.bits)
        if peer.cluster or not (home or peer.pod):
            return peer
        local = split(row.node)[0] if peer.endpoint_id else ""
        name = self.by_id.get(home, "") or local
        known = self.peers.get((id(peer), name))
        if known is None:
            known = self.peers[id(peer), name] = peer, replace(peer, cluster=name)
        return known[1]
