"""Who a packet is from: security labels, numeric identities and the endpoints that bear them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from meshtui.sim.datapath.exports import namespace_is_global
from meshtui.sim.datapath.view import CILIUM_NODES, ENDPOINTS, IDENTITIES, View, view, views
from meshtui.sim.world import World

Object = dict[str, Any]
HOST, WORLD, HEALTH, REMOTE_NODE, API_SERVER = 1, 2, 4, 6, 7
_DROPPED = ("io.kubernetes", "kubernetes.io", "k8s.io", "topology.kubernetes.io", "annotation")
_DROPPED_NAMES = frozenset({
    "pod-template-hash", "pod-template-generation", "controller-revision-hash", "controller-uid", "etcd_node",
    "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/controller-uid",
})  # fmt: skip


@dataclass(frozen=True)
class Party:
    """One end of a connection as the datapath sees it."""

    ip: str
    identity: int
    labels: tuple[str, ...]
    cluster: str = ""
    """Cluster of the pod, or of the node."""
    node: str = ""
    namespace: str = ""
    pod: str = ""
    endpoint_id: int = 0
    workload: tuple[str, str] = ("", "")
    """(name, kind)."""
    pod_object: Object | None = None

    def __hash__(self) -> int:
        return hash((self.ip, self.identity, self.pod))

    @property
    def is_pod(self) -> bool:
        """Whether policies can select it."""
        return bool(self.pod)


def security_labels(pod: Object, namespace: Object | None, cluster: str) -> dict[str, str]:
    """The labels that make a pod's identity, `k8s:`-prefixed and sorted (Cilium's pkg/labelsfilter)."""
    meta = pod["metadata"]
    labels = {f"k8s:{k}": v for k, v in (meta.get("labels") or {}).items() if _kept(k)}
    for key, value in ((namespace or {}).get("metadata", {}).get("labels") or {}).items():
        labels[f"k8s:io.cilium.k8s.namespace.labels.{key}"] = value
    labels["k8s:io.cilium.k8s.policy.cluster"] = cluster
    labels["k8s:io.cilium.k8s.policy.serviceaccount"] = pod["spec"].get("serviceAccountName") or "default"
    labels["k8s:io.kubernetes.pod.namespace"] = meta.get("namespace", "default")
    return dict(sorted(labels.items()))


def _kept(key: str) -> bool:
    if key.startswith("app.kubernetes.io"):
        return True
    return not (
        key in _DROPPED_NAMES or key.startswith(_DROPPED) or "beta.kubernetes.io" in key.split("/", maxsplit=1)[0]
    )


def allocate(labels: dict[str, str], cluster_id: int, taken: set[int]) -> int:
    """A free numeric identity for a label set, always the same one for the same labels when free."""
    text = ",".join(f"{k}={v}" for k, v in sorted(labels.items()))
    local = 256 + zlib.crc32(text.encode()) % 65000
    while (cluster_id << 16) + local in taken:
        local = local + 1 if local < 65535 else 256
    return (cluster_id << 16) + local


def identity_of(known: View, labels: dict[str, str]) -> int:
    """The number of the CiliumIdentity with exactly these labels, or the one `allocate` would give."""
    taken = set()
    for obj in known.cluster.store.list(IDENTITIES):
        number = int(obj["metadata"]["name"])
        if obj.get("security-labels") == labels:
            return number
        taken.add(number)
    return allocate(labels, known.id, taken)


def endpoint_id(pod: Object) -> int:
    """A stable endpoint number for a pod that has no CiliumEndpoint yet."""
    return 64 + zlib.crc32(pod["metadata"].get("uid", pod["metadata"]["name"]).encode()) % 4000


def of_pod(known: View, pod: Object) -> Party:
    """A pod as a party; a host-network pod is its node's host."""
    meta, status = pod["metadata"], pod.get("status", {})
    node = pod["spec"].get("nodeName", "")
    if pod["spec"].get("hostNetwork"):
        return host(known, node)
    bearer = known.cluster.store.get(ENDPOINTS, meta["namespace"], meta["name"])
    if bearer is not None and bearer.get("status", {}).get("identity"):
        number, labels = bearer["status"]["identity"]["id"], tuple(bearer["status"]["identity"]["labels"])
        endpoint = bearer["status"]["id"]
    else:
        made = security_labels(pod, known.namespace(meta["namespace"]), known.name)
        number, labels = identity_of(known, made), tuple(f"{k}={v}" for k, v in made.items())
        endpoint = endpoint_id(pod)
    return Party(
        status.get("podIP", ""), number, labels, known.name, node, meta["namespace"], meta["name"], endpoint,
        _workload(pod), pod,
    )  # fmt: skip


def host(known: View, node: str) -> Party:
    """A node's own host identity, as it talks to its pods."""
    labels: tuple[str, ...] = ("reserved:host",)
    if _runs_api_server(known, node):
        labels = ("reserved:host", "reserved:kube-apiserver")
    return Party(known.router_ip(node), HOST, labels, known.name, node)


def _other_node(viewer: View, where: View, node: str, ip: str) -> Party:
    """A node that is not the own one. Where the viewer's API server runs, it is known as that; labels of nodes count
    only where option enable-node-selector-labels is on.
    """
    number, labels = REMOTE_NODE, ["reserved:remote-node"]
    if where is viewer and _runs_api_server(viewer, node):
        number, labels = API_SERVER, ["reserved:kube-apiserver", *labels]
    if viewer.config().get("enable-node-selector-labels", "").lower() == "true":
        held = (where.node(node) or {"metadata": {}})["metadata"].get("labels") or {}
        labels += [f"node:{key}={value}" for key, value in held.items()]
        labels.append(f"k8s:io.cilium.k8s.policy.cluster={where.name}")
    return Party(ip, number, tuple(labels), where.name, node)


def resolve(world: World, viewer: View, ip: str) -> Party:
    """Who an address belongs to, as an agent of `viewer`'s cluster knows it."""
    known = [viewer, *(v for v in views(world) if v.name in viewer.remotes())]
    for each in known:
        pod = each.pod_by_ip.get(ip)
        if pod is not None:
            return of_pod(each, pod)
        node = each.node_by_ip.get(ip)
        if node is not None:
            return _other_node(viewer, each, node, ip)
    return Party(ip, WORLD, ("reserved:world",))


def as_seen(party: Party, viewer: View, node: str) -> Party:
    """A peer as the agent on `node` of `viewer`'s cluster knows it: what its policies are held against.

    Its own node is its host, every other one a remote node. Identities of a namespace that is not global are not
    exported (pkg/clustermesh/namespace), so its pods are bare addresses to the other clusters.
    """
    at_home = party.cluster == viewer.name
    if party.identity in (HOST, REMOTE_NODE, API_SERVER) and party.cluster:
        if at_home and party.node == node:
            return host(viewer, node)
        return _other_node(viewer, view_of(viewer.cluster.world, party), party.node, party.ip)
    if party.is_pod and not at_home:
        source = view_of(viewer.cluster.world, party)
        if not namespace_is_global(source, party.namespace):
            return Party(party.ip, WORLD, ("reserved:world",))
    return party


def view_of(world: World, party: Party) -> View:
    """The index of a party's cluster."""
    return view(world.clusters[party.cluster])


def _runs_api_server(known: View, node: str) -> bool:
    nodes = known.cluster.store.list(CILIUM_NODES)
    return bool(nodes) and (nodes[0]["metadata"]["name"] == node or node.endswith("control-plane"))


def _workload(pod: Object) -> tuple[str, str]:
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner["kind"] == "ReplicaSet":
            suffix = pod["metadata"].get("labels", {}).get("pod-template-hash", "")
            return owner["name"].removesuffix(f"-{suffix}"), "Deployment"
        return owner["name"], owner["kind"]
    return pod["metadata"]["name"], "Pod"
