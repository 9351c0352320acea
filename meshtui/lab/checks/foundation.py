"""Checks of the mesh itself: clusters, nodes, Cilium, Hubble, the control plane, the links."""

from __future__ import annotations

from meshtui.core.model import resources as r
from meshtui.core.model.links import LinkClaim, link
from meshtui.core.model.objects import Condition, Node
from meshtui.core.model.state import Cluster, Phase
from meshtui.lab.checks.checkinput import Checked, CheckInput, bad, good

NO_NETWORK = "KubeletNotReady"
"""Why a node without a CNI is not ready."""


def _ready(node: Node) -> Condition:
    found = (c for c in node.status.conditions or () if c.type == "Ready")
    return next(found, Condition("Ready", "Unknown"))


async def clusters(given: CheckInput) -> Checked:
    """Both API servers answer, and both have nodes."""
    for cluster in given.clusters:
        if cluster.api.phase is not Phase.LIVE:
            return bad(f"{cluster.context} does not answer.")
        if not cluster.nodes:
            return bad(f"{cluster.context} has no nodes.")
    first, second = given.clusters
    if first.server and first.server == second.server:
        return bad(f"{first.context} and {second.context} are the same cluster.")
    return good(f"{first.context} has {_nodes(first)}, {second.context} has {_nodes(second)}.")


def _nodes(cluster: Cluster) -> str:
    count = len(cluster.nodes)
    return f"{count} node{'' if count == 1 else 's'}"


async def no_network(given: CheckInput) -> Checked:
    """No node is ready, and the kubelets say that the network is what is missing."""
    for cluster in given.clusters:
        for node in cluster.nodes.values():
            ready = _ready(node)
            if ready.status == "True":
                return bad(f"{node.name} is Ready: this cluster has a network already.")
            if ready.reason != NO_NETWORK:
                return bad(f"{node.name} is not ready for another reason: {ready.reason or 'unknown'}.")
    return good("All nodes are NotReady, and their kubelets miss the network plugin.")


async def cilium(given: CheckInput) -> Checked:
    """Nodes are ready, every agent runs, and the clusters have names and ids of their own."""
    for cluster in given.clusters:
        waiting = [node.name for node in cluster.nodes.values() if _ready(node).status != "True"]
        if waiting:
            return bad(f"{waiting[0]} is not Ready yet.")
        agents = cluster.of(r.DAEMONSETS).get(f"{cluster.home}/cilium")
        if agents is None:
            return bad(f"{cluster.name} has no DaemonSet cilium in {cluster.home}.")
        wanted, there = agents.status.desired_number_scheduled, agents.status.number_ready
        if there < wanted or not wanted:
            return bad(f"{there} of {wanted} agents of {cluster.name} are ready.")
        if cluster.config is None or not cluster.config.id:
            return bad(f"{cluster.name} has no cluster id: a mesh needs one.")
    first, second = given.clusters
    if first.id == second.id or first.name == second.name:
        return bad(f"{first.name} and {second.name} share a name or the id {first.id}: in a mesh each has its own.")
    return good(f"Cilium runs on every node: {first.name} is cluster {first.id}, {second.name} is cluster {second.id}.")


async def hubble(given: CheckInput) -> Checked:
    """The first cluster has a Relay; one delivers the flows of the whole mesh."""
    first = given.clusters[0]
    return good(f"Hubble Relay runs in {first.name}.") if _up(first, "hubble-relay") else _down(first, "hubble-relay")


async def mesh_enabled(given: CheckInput) -> Checked:
    """Both clusters have a control plane for the mesh."""
    for cluster in given.clusters:
        if not _up(cluster, "clustermesh-apiserver"):
            return _down(cluster, "clustermesh-apiserver")
    return good("clustermesh-apiserver runs in both clusters.")


def _up(cluster: Cluster, name: str) -> bool:
    found = cluster.of(r.DEPLOYMENTS).get(f"{cluster.home}/{name}")
    return found is not None and found.status.ready_replicas > 0


def _down(cluster: Cluster, name: str) -> Checked:
    there = f"{cluster.home}/{name}" in cluster.of(r.DEPLOYMENTS)
    return bad(f"{name} in {cluster.name} {'has no ready pod' if there else 'is not deployed'}.")


async def connected(given: CheckInput) -> Checked:
    """Each cluster's agents are ready for the other, and its nodes answer."""
    first, second = given.clusters
    for here, there in ((first, second), (second, first)):
        judged = given.session.judging.now().link(here.context, there.name)
        claimed = link(here, there.name).claim is LinkClaim.READY
        if judged.verdict.bad or not claimed:
            return bad(f"The link from {here.name} to {there.name}: {judged.words}.")
    return good(f"{first.name} and {second.name} are connected in both directions.")
