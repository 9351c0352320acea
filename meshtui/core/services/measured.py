"""Who was really asked: connections to a service per client and server cluster, from client-side flows."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.model.slices import is_mirror
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.candidates import slices

WINDOW_SECONDS = 300.0
"""How far back flows count as the last minutes."""


class Measured(Struct):
    """Connections of one cluster's clients to a service, by the cluster that was asked."""

    counts: dict[str, int] = field(default_factory=dict)
    """Cluster name → connections, those that were dropped included: the choice was made all the same."""
    dropped: dict[str, int] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)
    """Keys (`namespace/pod`) of the pods that asked."""

    @property
    def total(self) -> int:
        """Connections to all clusters."""
        return sum(self.counts.values())

    @property
    def shares(self) -> dict[str, float]:
        """Cluster name → its part of the connections."""
        total = self.total
        return {name: count / total for name, count in self.counts.items()} if total else {}


def addresses(mesh: Mesh, service_key: str) -> dict[str, str]:
    """Every address of a service's endpoints, ready or not → name of the cluster that has it."""
    return {address: cluster.name for cluster in mesh.clusters.values() for address in _own(mesh, cluster, service_key)}


def _own(mesh: Mesh, cluster: Cluster, service_key: str) -> frozenset[str]:
    """The addresses of a cluster's own endpoints of a service."""
    return frozenset(
        address
        for found in slices(mesh, cluster, service_key)
        if not is_mirror(found)
        for endpoint in found.endpoints or ()
        for address in endpoint.addresses
    )


def measure(mesh: Mesh, rows: Iterable[FlowRow], service_key: str) -> dict[str, Measured]:
    """Context of the clients' cluster → what its clients' flows say; each connection counts once.

    Only what the client's own node saw counts: the server's node sees remote clients of unknown clusters too.
    """
    owners = addresses(mesh, service_key)
    own = {cluster.name: _own(mesh, cluster, service_key) for cluster in mesh.clusters.values()}
    clients = {cluster.name: cluster.context for cluster in mesh.clusters.values()}
    asked: dict[tuple[str, str, int, str, int], str] = {}
    dropped: set[tuple[str, str, int, str, int]] = set()
    pods: dict[str, set[str]] = {}
    for row in rows:
        if row.is_reply is True:
            continue
        client = row.source.cluster
        # Clusters that are in no mesh together may use the same addresses: a client's own are its own.
        target = client if row.destination_ip in own.get(client, ()) else owners.get(row.destination_ip)
        if target is None:
            if row.destination_service != service_key or not row.destination.cluster:
                continue
            target = row.destination.cluster
        if client not in clients or row.node.partition("/")[0] != client:
            continue
        key = (client, row.source_ip, row.source_port, row.destination_ip, row.destination_port)
        asked[key] = target
        if row.source.pod:
            pods.setdefault(clients[client], set()).add(f"{row.source.namespace}/{row.source.pod}")
        if row.verdict == Verdict.DROPPED:
            dropped.add(key)
    result: dict[str, Measured] = {}
    for key, target in asked.items():
        context = clients[key[0]]
        found = result.setdefault(context, Measured(clients=pods.get(context, set())))
        found.counts[target] = found.counts.get(target, 0) + 1
        if key in dropped:
            found.dropped[target] = found.dropped.get(target, 0) + 1
    return result
