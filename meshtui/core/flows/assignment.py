"""Who delivers which cluster's flows: every Relay its own cluster's, one of them besides what nobody else can.

A Relay tells the flows of all nodes of the mesh (facts of cilium/pkg/hubble/relay: its peers are the mesh's agents), so
N Relays asked for everything send everything N times. Hubble's filters know the observing node (`node_name`, pattern
`cluster/` for all nodes of a cluster), and that halves the traffic of two clusters without losing an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtui.core.model.state import Cluster, FlowSource, Mesh, Phase

_RELAYS = (FlowSource.RELAY_DIRECT, FlowSource.RELAY_FORWARD)
Document = Mapping[str, Any]


class Assignment(Struct, frozen=True):
    """What one stream of a Relay is asked for. Both empty: everything."""

    only: str = ""
    """Cluster whose nodes' flows are wanted, no others."""
    without: tuple[str, ...] = ()
    """Clusters whose nodes' flows others deliver."""

    def filters(
        self, whitelist: Sequence[Document], blacklist: Sequence[Document]
    ) -> tuple[list[Document], list[Document]]:
        """The filters of a query, narrowed to this assignment.

        A filter that names nodes itself cannot be narrowed (values of one field are alternatives): it stays, and the
        store drops what comes twice.
        """
        if self.only and not any("node_name" in document for document in whitelist):
            mine = {"node_name": [f"{self.only}/"]}
            whitelist = [{**document, **mine} for document in whitelist] or [mine]
        others = [{"node_name": [f"{name}/" for name in self.without]}] if self.without else []
        return list(whitelist), [*blacklist, *others]

    def covers(self, node: str) -> bool:
        """Whether the events of a `cluster/node` are asked for; a LostEvent comes whatever is asked for."""
        home = node.partition("/")[0]
        return self.only in ("", home) and home not in self.without


EVERYTHING = Assignment()


class Share(Struct, frozen=True):
    """What one Relay delivers, in two streams: a neighbour's trouble must not touch what goes well."""

    own: Assignment = EVERYTHING
    """Of its own cluster. Changes once, when Cilium's name of the cluster becomes known."""
    besides: Assignment | None = None
    """Of clusters that nobody else delivers."""

    @property
    def whole(self) -> Assignment:
        """Both streams in one: the nodes that this Relay answers for."""
        if self.besides is None:
            return self.own
        return Assignment(without=tuple(name for name in self.besides.without if name != self.own.only))


def feeds_itself(cluster: Cluster) -> bool:
    """Whether a cluster's own Relay or agents deliver its flows now."""
    return cluster.relay.link.phase is Phase.LIVE


def has_relay(cluster: Cluster) -> bool:
    """Whether its flows come through its own Relay now."""
    return feeds_itself(cluster) and cluster.relay.source in _RELAYS


def shares(mesh: Mesh) -> dict[str, Share]:
    """Context → what its Relay is asked for.

    Each Relay delivers its own cluster. The first that answers also delivers every cluster that does not feed itself,
    those included that are in the mesh and not in this session.
    """
    helper = helping(mesh)
    return {context: _share(mesh, cluster, helps=context == helper) for context, cluster in mesh.clusters.items()}


def helping(mesh: Mesh) -> str:
    """Context of the Relay that delivers what nobody else does: the first one that answers; empty without any."""
    return next((context for context, cluster in mesh.clusters.items() if has_relay(cluster)), "")


def _share(mesh: Mesh, cluster: Cluster, *, helps: bool) -> Share:
    if cluster.config is None:
        return Share()  # what Cilium calls this cluster is not known: better twice than not at all
    own = Assignment(only=cluster.cilium_name)
    fed = {
        cluster.cilium_name,
        *(c.cilium_name for c in mesh.clusters.values() if c.config is not None and feeds_itself(c)),
    }
    if not helps or not _others(mesh, cluster) - fed:
        return Share(own)
    return Share(own, Assignment(without=tuple(sorted(fed))))


def _others(mesh: Mesh, cluster: Cluster) -> set[str]:
    """Clusters whose nodes a Relay may know besides its own: those of the session, and those it has named nodes of."""
    named = {node.partition("/")[0] for node in (*cluster.relay.nodes, *cluster.relay.nodes_unavailable)}
    return named | {c.cilium_name if c.config is not None else "" for c in mesh.clusters.values()}


class Feed(Struct, frozen=True):
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
    helper = helping(mesh)
    # A namesake's nodes are called like this one's, and are not.
    if helper and cluster.config is not None and not cluster.namesake:
        reached = mesh.clusters[helper].relay.nodes
        if any(node.startswith(f"{cluster.cilium_name}/") for node in reached):
            return Feed(mesh.clusters[helper].relay.source, helper)
    return Feed(FlowSource.NONE)
