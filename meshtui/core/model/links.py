"""Does the link from one cluster to another work? One verdict from agents, KVStoreMesh and cilium-health together.

None of the three tells the truth alone: with KVStoreMesh an agent's `connected` speaks of the local cache only,
and all of them stayed ready for minutes over a link whose packets were dropped (recording 15-link-cut).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from meshtui.core.model.ciliumstatus import HealthNode, RemoteCluster, Synced
from meshtui.core.model.state import Cluster, Mesh


class LinkVerdict(Enum):
    """What is known of a link, worst last."""

    UNKNOWN = "unknown"
    READY = "ready"
    PARTLY = "partly ready"
    """Some agents are ready, some are not."""
    CONNECTING = "connecting"
    """Configured, not ready anywhere yet."""
    NOT_CONFIGURED = "not configured"
    SILENT = "silent"
    """Everything says ready, yet the other cluster's nodes do not answer cilium-health."""
    DOWN = "down"

    @property
    def ok(self) -> bool:
        """Whether traffic is believed to pass."""
        return self is LinkVerdict.READY


@dataclass(frozen=True, slots=True)
class LinkState:
    """One directed link, as the source cluster sees it."""

    source: str
    """Context of the cluster that looks."""
    target: str
    """Cilium name of the cluster looked at."""
    verdict: LinkVerdict
    sentence: str
    ready: int = 0
    """Agents to whom the target is ready, of `agents` that were asked."""
    agents: int = 0
    latency_ms: float | None = None
    """Median over the target's nodes of cilium-health's HTTP probe."""
    silent_nodes: tuple[str, ...] = ()
    """`cluster/node` of nodes that did not answer."""
    shared_services: int = 0


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
    seen = [_find(status.remotes, target) for status in cluster.agents.values()]
    present = [remote for remote in seen if remote is not None]
    ready = sum(remote.ready for remote in present)
    cache = _find(cluster.kvstoremesh or (), target)
    nodes = [node for node in _health_nodes(cluster) if node.name.partition("/")[0] == target]
    silent = tuple(node.name for node in nodes if node.error)
    latencies = sorted(node.latency_ms for node in nodes if node.latency_ms is not None)
    latency = latencies[len(latencies) // 2] if latencies else None
    shared = max((remote.num_shared_services for remote in present), default=0)
    verdict, words = _judge(cluster, seen, cache, silent, len(nodes))
    sentence = _sentence(verdict, words, latency, shared)
    return LinkState(cluster.context, target, verdict, sentence, ready, len(seen), latency, silent, shared)


def _find(remotes: Iterable[RemoteCluster], name: str) -> RemoteCluster | None:
    return next((remote for remote in remotes if remote.name == name), None)


def _health_nodes(cluster: Cluster) -> tuple[HealthNode, ...]:
    return cluster.health.nodes if cluster.health else ()


def _judge(
    cluster: Cluster, seen: list[RemoteCluster | None], cache: RemoteCluster | None, silent: tuple[str, ...], nodes: int
) -> tuple[LinkVerdict, str]:
    """Verdict and the words for it, most telling evidence first."""
    if not seen:
        reason = next((error.title for error in cluster.agent_errors.values()), "no agent has answered yet")
        return LinkVerdict.UNKNOWN, reason
    if all(remote is None for remote in seen) and cache is None:
        return LinkVerdict.NOT_CONFIGURED, "not connected to this mesh"
    if cache is not None and not cache.ready:
        return LinkVerdict.DOWN, f"KVStoreMesh: {problem(cache)}"
    if nodes and len(silent) == nodes:
        return LinkVerdict.SILENT, "ready, but its nodes don't answer"
    ready = sum(remote is not None and remote.ready for remote in seen)
    failing = next((remote for remote in seen if remote is None or not remote.ready), None)
    if ready == 0:
        synced = next((remote for remote in seen if remote is not None and remote.connected), None)
        verdict = LinkVerdict.CONNECTING if synced else LinkVerdict.DOWN
        return verdict, problem(synced or failing)
    if ready < len(seen):
        return LinkVerdict.PARTLY, f"ready on {ready} of {len(seen)} nodes: {problem(failing)}"
    if silent:
        return LinkVerdict.PARTLY, f"ready, but {len(silent)} of {nodes} nodes don't answer"
    return LinkVerdict.READY, "ready"


def _sentence(verdict: LinkVerdict, words: str, latency: float | None, shared: int) -> str:
    parts = [words]
    if latency is not None and verdict is not LinkVerdict.SILENT:
        parts.append(f"health {latency:.1f} ms")
    if verdict in (LinkVerdict.READY, LinkVerdict.PARTLY):
        parts.append(f"{shared} shared")
    return " · ".join(parts)


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
