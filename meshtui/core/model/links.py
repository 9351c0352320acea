"""What a cluster claims of its link to another: what its agents and KVStoreMesh say of themselves.

None of it proves that packets pass: with KVStoreMesh an agent's `connected` speaks of the local cache only, and all
of them stayed ready for minutes over a link whose packets were dropped (recording 15-link-cut). What is true of a
link is judged in `core.health`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from meshtui.core.model.ciliumstatus import RemoteCluster, Synced
from meshtui.core.model.state import Cluster, Mesh


class LinkClaim(Enum):
    """What a cluster says of a link, worst last."""

    UNKNOWN = "unknown"
    READY = "ready"
    PARTLY = "partly ready"
    """Some agents are ready, some are not."""
    CONNECTING = "connecting"
    """Configured, not ready anywhere yet."""
    NOT_CONFIGURED = "not configured"
    DOWN = "down"


class LinkState(Struct, frozen=True):
    """One directed link, as the source cluster tells it."""

    source: str
    """Context of the cluster that looks."""
    target: str
    """Cilium name of the cluster looked at."""
    claim: LinkClaim
    words: str
    """The claim in a few words; etcd's own where it is not ready."""
    ready: int = 0
    """Agents to whom the target is ready, of `agents` that were asked."""
    agents: int = 0
    connected: int = 0
    """Agents whose etcd client is connected; with KVStoreMesh to the local cache."""
    configured: int = 0
    """Agents that have the target in their configuration."""
    shared_services: int = 0
    seen: tuple[tuple[str, RemoteCluster | None], ...] = ()
    """(node, what its agent says of the target), by node."""
    cache: RemoteCluster | None = None
    """What KVStoreMesh says of the target."""


def links(mesh: Mesh) -> list[LinkState]:
    """All directed links between clusters of the session, and to remotes outside it that a cluster is joined to."""
    found: list[LinkState] = []
    names = [cluster.name for cluster in mesh.clusters.values()]
    for cluster in mesh.clusters.values():
        known = dict.fromkeys([*names, *remote_names(cluster)])
        found += [link(cluster, name) for name in known if name != cluster.name]
    return found


def remote_names(cluster: Cluster) -> list[str]:
    """Names of remote clusters any agent or KVStoreMesh of `cluster` is configured for."""
    remotes = [remote.name for status in cluster.agents.values() for remote in status.remotes]
    return list(dict.fromkeys([*remotes, *(remote.name for remote in cluster.kvstoremesh or ())]))


def link(cluster: Cluster, target: str) -> LinkState:
    """The link from `cluster` to the cluster that Cilium calls `target`."""
    seen = tuple((node, _find(status.remotes, target)) for node, status in sorted(cluster.agents.items()))
    present = [remote for _, remote in seen if remote is not None]
    cache = _find(cluster.kvstoremesh or (), target)
    claim, words = _judge(cluster, [remote for _, remote in seen], cache)
    return LinkState(
        source=cluster.context,
        target=target,
        claim=claim,
        words=words,
        ready=sum(remote.ready for remote in present),
        agents=len(seen),
        connected=sum(remote.connected for remote in present),
        configured=len(present),
        shared_services=max((remote.num_shared_services for remote in present), default=0),
        seen=seen,
        cache=cache,
    )


class Claims:
    """Every link as its cluster claims it, worked out again only where an agent or KVStoreMesh said something else."""

    def __init__(self) -> None:
        self._said: dict[str, object] = {}
        self._links: dict[str, dict[str, LinkState]] = {}
        self._remotes: dict[str, list[str]] = {}

    def of(self, cluster: Cluster, target: str) -> LinkState:
        """As `link`."""
        known = self._known(cluster)
        found = known.get(target)
        if found is None:
            found = known[target] = link(cluster, target)
        return found

    def remotes(self, cluster: Cluster) -> list[str]:
        """As `remote_names`."""
        self._known(cluster)
        found = self._remotes.get(cluster.context)
        if found is None:
            found = self._remotes[cluster.context] = remote_names(cluster)
        return found

    def _known(self, cluster: Cluster) -> dict[str, LinkState]:
        context = cluster.context
        # Lists of the very same objects compare fast: what was read again and is equal is kept by `reduce` as it was.
        error = next(iter(cluster.agent_errors.values()), None)
        said = list(cluster.agents), list(cluster.agents.values()), cluster.kvstoremesh, error and error.title
        if self._said.get(context) != said:
            self._said[context] = said
            self._links[context] = {}
            self._remotes.pop(context, None)
        return self._links[context]


def _find(remotes: Iterable[RemoteCluster], name: str) -> RemoteCluster | None:
    return next((remote for remote in remotes if remote.name == name), None)


def _judge(cluster: Cluster, seen: list[RemoteCluster | None], cache: RemoteCluster | None) -> tuple[LinkClaim, str]:
    """The claim and the words for it, most telling one first."""
    if not seen:
        reason = next((error.title for error in cluster.agent_errors.values()), "no agent has answered yet")
        return LinkClaim.UNKNOWN, reason
    if all(remote is None for remote in seen) and cache is None:
        return LinkClaim.NOT_CONFIGURED, "not connected to this mesh"
    if cache is not None and not cache.ready:
        return LinkClaim.DOWN, f"KVStoreMesh: {problem(cache)}"
    ready = sum(remote is not None and remote.ready for remote in seen)
    failing = next((remote for remote in seen if remote is None or not remote.ready), None)
    if ready == 0:
        synced = next((remote for remote in seen if remote is not None and remote.connected), None)
        claim = LinkClaim.CONNECTING if synced else LinkClaim.DOWN
        return claim, problem(synced or failing)
    if ready < len(seen):
        return LinkClaim.PARTLY, f"ready on {ready} of {len(seen)} nodes: {problem(failing)}"
    return LinkClaim.READY, "ready"


def problem(remote: RemoteCluster | None) -> str:
    """Why a remote cluster is not ready, worded and ordered as `cilium clustermesh status` does
    (cilium-cli/clustermesh/clustermesh.go).
    """
    if remote is None:
        return "unknown status"
    if not remote.connected:
        return remote.status or "not connected"
    if remote.config is None:
        return "remote cluster configuration retrieval status unknown"
    if remote.config.required and not remote.config.retrieved:
        return "remote cluster configuration required but not found"
    if remote.synced is None:
        return "synchronization status unknown"
    waiting = _waiting(remote.synced)
    if waiting:
        return f"synchronization in progress for {waiting}"
    return "" if remote.ready else "not ready"


def _waiting(synced: Synced) -> str:
    order = (
        ("endpoints", synced.endpoints),
        ("identities", synced.identities),
        ("nodes", synced.nodes),
        ("services", synced.services),
        ("service exports", synced.service_exports),
        ("endpoint slices", synced.endpoint_slices),
    )
    # None means the remote does not offer it, which is not waiting.
    return ", ".join(name for name, done in order if done is False)
