"""Who delivers which cluster's flows: every Relay its own cluster's, one of them what nobody else can.

A Relay tells the flows of all nodes of the mesh (facts of cilium/pkg/hubble/relay: its peers are the mesh's agents), so
N Relays asked for everything send everything N times. Hubble's filters know the observing node (`node_name`, pattern
`cluster/` for all nodes of a cluster), and that halves the traffic of two clusters without losing an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.core.model.state import Cluster, FlowSource, Mesh, Phase

_RELAYS = (FlowSource.RELAY_DIRECT, FlowSource.RELAY_FORWARD)
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Duty:
    """What one Relay is asked for. Both empty: everything."""

    only: str = ""
    """Cluster whose nodes' flows are wanted, no others."""
    without: tuple[str, ...] = ()
    """Clusters whose nodes' flows others deliver."""

    def filters(
        self, whitelist: Sequence[Document], blacklist: Sequence[Document]
    ) -> tuple[list[Document], list[Document]]:
        """The filters of a query, narrowed to this duty.

        A filter that names nodes itself cannot be narrowed (values of one field are alternatives): it stays, and the
        store drops what comes twice.
        """
        if self.only and not any("node_name" in document for document in whitelist):
            mine = {"node_name": [f"{self.only}/"]}
            whitelist = [{**document, **mine} for document in whitelist] or [mine]
        others = [{"node_name": [f"{name}/" for name in self.without]}] if self.without else []
        return list(whitelist), [*blacklist, *others]


def feeds_itself(cluster: Cluster) -> bool:
    """Whether a cluster's own Relay or agents deliver its flows now."""
    return cluster.relay.link.phase is Phase.LIVE


def has_relay(cluster: Cluster) -> bool:
    """Whether its flows come through its own Relay now."""
    return feeds_itself(cluster) and cluster.relay.source in _RELAYS


def duties(mesh: Mesh) -> dict[str, Duty]:
    """Context → what its Relay is asked for.

    The first Relay that answers also delivers every cluster that does not feed itself, those included that are in the
    mesh and not in this session. The others deliver their own cluster.
    """
    first = deputy(mesh)
    return {context: _duty(mesh, cluster, is_first=context == first) for context, cluster in mesh.clusters.items()}


def deputy(mesh: Mesh) -> str:
    """Context of the Relay that delivers what nobody else does: the first one that answers; empty without any."""
    return next((context for context, cluster in mesh.clusters.items() if has_relay(cluster)), "")


def _duty(mesh: Mesh, cluster: Cluster, *, is_first: bool) -> Duty:
    if cluster.config is None:
        return Duty()  # what Cilium calls this cluster is not known: better twice than not at all
    if not is_first:
        return Duty(only=cluster.name)
    others = [c for c in mesh.clusters.values() if c is not cluster and c.config is not None]
    return Duty(without=tuple(sorted(c.name for c in others if feeds_itself(c))))


@dataclass(frozen=True, slots=True)
class Feed:
    """Where one cluster's flows come from."""

    source: FlowSource
    through: str = ""
    """Context whose Relay delivers them, when it is not the cluster's own."""

    @property
    def text(self) -> str:
        """`relay`, `agents`, `K's relay`…: in words."""
        return f"{self.through}'s relay" if self.through else self.source.value


def feed_of(mesh: Mesh, context: str) -> Feed:
    """Who feeds a cluster: itself, the Relay of another that reaches its nodes, or nobody."""
    cluster = mesh.clusters[context]
    if feeds_itself(cluster):
        return Feed(cluster.relay.source)
    helper = deputy(mesh)
    if helper and cluster.config is not None:
        reached = mesh.clusters[helper].relay.nodes
        if any(node.startswith(f"{cluster.name}/") for node in reached):
            return Feed(mesh.clusters[helper].relay.source, helper)
    return Feed(FlowSource.NONE)
