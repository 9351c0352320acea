"""What one cluster knows of the others, as far as it decides which backends its clients get."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from meshtui.core.model.ciliumstatus import RemoteCluster
from meshtui.core.model.meshes import groups, not_of_one_mesh
from meshtui.core.model.probes import merged
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing.model import Backend, Reason


class Surroundings(Struct):
    """One client cluster's links to the others. Build it once to route many services."""

    barred: dict[str, tuple[Reason, str]] = field(default_factory=dict)
    """Context → why its backends cannot have been imported."""
    notes: dict[str, str] = field(default_factory=dict)
    """Context → what to know about backends that were imported."""
    dead_nodes: frozenset[str] = frozenset()
    """`cluster/node` of nodes that do not answer cilium-health."""
    dead_clusters: frozenset[str] = frozenset()
    """Names of clusters none of whose nodes answers."""
    seen_nodes: frozenset[str] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)
    fellows: frozenset[str] = frozenset()
    """Contexts of its own mesh, itself included, where the chosen clusters are of several; else empty."""

    @classmethod
    def of(cls, mesh: Mesh, client: Cluster, meshes: Sequence[tuple[str, ...]] | None = None) -> Surroundings:
        """Read the agents', KVStoreMesh's and cilium-health's reports of `client`.

        `meshes`: what `core.model.meshes.groups` says, to read it once for many clients.
        """
        found = cls(tags={c.name: c.tag or c.name for c in mesh.clusters.values()})
        found._read_health(client)
        by_name = _remotes(client)
        meshes = groups(mesh) if meshes is None else meshes
        own = next((group for group in meshes if client.context in group), ())
        strangers = {context for group in meshes if own and group != own for context in group}
        if strangers:
            found.fellows = frozenset(own)
        for other in mesh.clusters.values():
            if other is client or other.config is None:
                continue
            if alike := not_of_one_mesh(client, other):
                found.barred[other.context] = (Reason.NOT_MESHED, alike)
                continue
            if other.context in strangers:
                found.barred[other.context] = (Reason.NOT_MESHED, f"{other.name} is of another mesh than {client.name}")
                continue
            if client.agents:
                found._judge(client, other, by_name.get(other.name, []))
            found._read_kvstoremesh(client, other)
        return found

    def stale(self, backend: Backend) -> bool:
        """Whether a backend's node is known not to answer."""
        name = f"{backend.cluster}/{backend.node}"
        if name in self.seen_nodes:
            return name in self.dead_nodes
        return backend.cluster in self.dead_clusters

    def _read_health(self, client: Cluster) -> None:
        nodes = merged(client.health.values())
        self.seen_nodes = frozenset(name for name, node in nodes.items() if node.endpoint.known)
        self.dead_nodes = frozenset(name for name, node in nodes.items() if node.silent)
        alive = {name.partition("/")[0] for name in self.seen_nodes - self.dead_nodes}
        self.dead_clusters = frozenset(name.partition("/")[0] for name in self.dead_nodes) - alive

    def _judge(self, client: Cluster, other: Cluster, remotes: list[RemoteCluster]) -> None:
        """`ready` = connected, configuration retrieved, all initial lists synced (api/v1/models/remote_cluster.go).

        After that, losing the link removes nothing: with `clustermesh-cache-ttl` 0 the last known backends stay.
        """
        if not remotes:
            text = f"{client.name}'s agents do not have {other.name} in their mesh configuration"
            self.barred[other.context] = (Reason.NOT_CONNECTED, text)
            return
        ready = sum(r.ready for r in remotes)
        if ready == len(remotes):
            return
        held = [r for r in remotes if not r.ready and _holds_data(r)]
        if ready == 0 and not held:
            status = remotes[0].status
            text = f"{client.name}'s agents are not ready with {other.name}" + (f" ({status})" if status else "")
            self.barred[other.context] = (Reason.REMOTE_NOT_READY, text)
        elif ready == 0:
            self.notes[other.context] = (
                f"{client.name}'s agents lost {other.name}: its last known backends stay in rotation"
            )
        else:
            self.notes[other.context] = (
                f"only {ready} of {len(remotes)} agents of {client.name} are ready with {other.name}"
            )

    def _read_kvstoremesh(self, client: Cluster, other: Cluster) -> None:
        for remote in client.kvstoremesh or ():
            if remote.name == other.name and not remote.ready and other.context not in self.barred:
                self.notes[other.context] = (
                    f"{client.name}'s KVStoreMesh is not ready with {other.name}: its backends are the last known ones"
                )


def _holds_data(remote: RemoteCluster) -> bool:
    return remote.num_shared_services > 0 or bool(remote.synced and remote.synced.services)


def _remotes(client: Cluster) -> dict[str, list[RemoteCluster]]:
    by_name: dict[str, list[RemoteCluster]] = {}
    for agent in client.agents.values():
        for remote in agent.remotes:
            by_name.setdefault(remote.name, []).append(remote)
    return by_name
