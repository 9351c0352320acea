"""Who is on either side of a connection: pods of the mesh, or what a flow's labels say."""

from __future__ import annotations

from msgspec.structs import replace

from meshtui.core.flows.flow import FlowRow, Peer
from meshtui.core.model import objects as o
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.policy.labels import Labels, identity_labels, reserved
from meshtui.core.policy.lookups import named_ports
from meshtui.core.policy.model import Party, PodRef
from meshtui.core.routing.annotations import namespace_is_global

RESERVED = {
    1: "host", 2: "world", 3: "unmanaged", 4: "health", 5: "init", 6: "remote-node",
    7: "kube-apiserver", 8: "ingress", 9: "world-ipv4", 10: "world-ipv6",
}  # fmt: skip


def of_pod(mesh: Mesh, ref: PodRef) -> Party:
    """A pod of the mesh by reference. Raises KeyError when its cluster or the pod is not known."""
    cluster = mesh.clusters[ref.context]
    return party(cluster, cluster.pods[f"{ref.namespace}/{ref.name}"])


def party(cluster: Cluster, pod: o.Pod) -> Party:
    """A pod as policy sees it.

    A host-network pod has its node's identity, is selected by nothing, and its named ports are not known to
    policy (pkg/k8s/watchers/pod.go skips it).
    """
    labels = reserved("host") if pod.spec.host_network else identity_labels(cluster, pod)
    return Party(
        context=cluster.context,
        cluster=cluster.cilium_name,
        name=pod.key,
        labels=labels,
        ip=pod.status.pod_ip,
        node=pod.spec.node_name,
        ports=named_ports(pod),
        enforced=not pod.spec.host_network,
        hidden=not namespace_is_global(cluster.namespaces.get(pod.namespace), cluster.config),
        called=cluster.name,
    )


def of_flow(mesh: Mesh, peer: Peer, ip: str, row: FlowRow) -> Party:
    """One side of a flow: the pod where it is known, else what the flow itself says of it."""
    cluster = mesh.by_name(peer.cluster) if peer.cluster else None
    if cluster is not None and peer.pod:
        pod = cluster.pods.get(f"{peer.namespace}/{peer.pod}")
        if pod is not None and not pod.spec.host_network:
            return party(cluster, pod)
    labels = Labels.parse(peer.labels)
    if not peer.labels:
        labels = reserved(RESERVED.get(peer.identity, "unknown"))
    name = f"{peer.namespace}/{peer.pod}" if peer.pod else _reserved_name(labels) or ip
    is_pod = not labels.is_reserved
    seen_in, _, seen_on = row.node.rpartition("/")
    observing = mesh.by_name(seen_in)
    if observing is not None:
        seen_in = observing.cilium_name
    is_host = labels.reserved("host")
    return Party(
        context=cluster.context if cluster else "",
        cluster=seen_in if is_host else cluster.cilium_name if cluster else peer.cluster or labels.cluster,
        name=name,
        labels=labels,
        ip=ip,
        node=seen_on if is_host else "",
        enforced=is_pod and cluster is not None,
        called=cluster.name if cluster else "",
    )


def outside(ip: str) -> Party:
    """An address that belongs to no cluster; which CIDR groups it is in is not known."""
    return Party("", "", ip, reserved("world"), ip=ip, enforced=False, partial=True)


def as_seen(peer: Party, subject: Party) -> Party:
    """A peer as the subject's cluster sees it: another node's host is remote-node, hidden pods are bare addresses.

    Source: pkg/clustermesh/namespace (identities of non-global namespaces are not exported).
    """
    if peer.labels.reserved("host") and (peer.node != subject.node or peer.cluster != subject.cluster):
        return replace(peer, labels=reserved("remote-node"))
    if peer.hidden and peer.cluster != subject.cluster:
        return replace(peer, labels=reserved("world"), ports=(), partial=True)
    return peer


def _reserved_name(labels: Labels) -> str:
    names = sorted(k.partition(":")[2] for k in labels.exact if k.startswith("reserved:"))
    return names[0] if names else ""
