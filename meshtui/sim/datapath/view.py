"""What one cluster's agents know of it: an index over its store, kept current by the store's events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from meshtui.sim.options import version_of
from meshtui.sim.world import SimCluster, World

Object = dict[str, Any]
Key = tuple[str, str]
NAME_LABEL = "kubernetes.io/service-name"
MIRRORED = "endpointslice-mesh-controller.cilium.io"
PODS, SERVICES, SLICES = ("", "pods"), ("", "services"), ("discovery.k8s.io", "endpointslices")
NODES, NAMESPACES, CONFIGMAPS, SECRETS = ("", "nodes"), ("", "namespaces"), ("", "configmaps"), ("", "secrets")
ENDPOINTS, CILIUM_NODES = ("cilium.io", "ciliumendpoints"), ("cilium.io", "ciliumnodes")
IDENTITIES = ("cilium.io", "ciliumidentities")
MCS_EXPORTS = ("multicluster.x-k8s.io", "serviceexports")
MCS_IMPORTS = ("multicluster.x-k8s.io", "serviceimports")
CIDR_GROUPS = ("cilium.io", "ciliumcidrgroups")
POLICIES = (
    ("cilium.io", "ciliumnetworkpolicies"),
    ("cilium.io", "ciliumclusterwidenetworkpolicies"),
    ("networking.k8s.io", "networkpolicies"),
)


class View:
    """Index of one cluster. Objects in it are the store's: read, never change."""

    def __init__(self, cluster: SimCluster) -> None:
        self.cluster = cluster
        self.name = cluster.name
        self.id = cluster.id
        self.slices: dict[Key, dict[str, Object]] = defaultdict(dict)
        self.mirrors: dict[Key, dict[str, Object]] = defaultdict(dict)
        """Slices of other clusters' endpoints: the load balancer passes them over, CoreDNS does not."""
        self.pod_by_ip: dict[str, Object] = {}
        self.node_by_ip: dict[str, str] = {}
        self.service_by_ip: dict[str, Key] = {}
        self.policy_version = 0
        """Grows with every change that policy decisions depend on."""
        self.revision = 1
        """The agents' policy revision, as flows carry it."""
        self.revised_at = 0.0
        """When it grew last."""
        self.service_version = 0
        """Grows with every change that backend selection depends on."""
        self.pod_version = 0
        """Grows with every pod that gets or loses its address."""
        store = cluster.store
        for gvr in (PODS, SERVICES, SLICES, NODES, CILIUM_NODES):
            for obj in store.list(gvr):
                self._index(gvr, obj, None)
        self.revision += sum(1 for gvr in POLICIES for _ in store.list(gvr))
        store.subscribe(self._changed)

    def _changed(self, event: str, gvr: tuple[str, str], obj: Object, old: Object | None) -> None:
        if gvr in POLICIES:
            if event != "MODIFIED" or old is None or old.get("spec") != obj.get("spec"):
                self.revision += 1
                self.revised_at = self.cluster.world.clock.now()
                self.policy_version += 1
            elif old.get("specs") != obj.get("specs"):
                self.policy_version += 1
            return
        if gvr in (CONFIGMAPS, NAMESPACES, CIDR_GROUPS):
            self.policy_version += 1
        if gvr in (SERVICES, SLICES, NAMESPACES, SECRETS, CONFIGMAPS):
            self.service_version += 1
        self._index(gvr, None if event == "DELETED" else obj, old)

    def _index(self, gvr: tuple[str, str], obj: Object | None, old: Object | None) -> None:
        if gvr == SLICES:
            self._index_slice(obj, old)
        elif gvr == PODS:
            self._index_pod(obj, old)
        elif gvr == SERVICES:
            for address in _cluster_ips(old):
                self.service_by_ip.pop(address, None)
            for address in _cluster_ips(obj):
                self.service_by_ip[address] = _key(obj)
        elif gvr in (NODES, CILIUM_NODES) and obj is not None:
            addresses = obj.get("status", {}).get("addresses") or obj.get("spec", {}).get("addresses") or ()
            for entry in addresses:
                address = entry.get("address") or entry.get("ip", "")
                if entry.get("type") != "Hostname":
                    self.node_by_ip[address] = obj["metadata"]["name"]

    def _index_slice(self, obj: Object | None, old: Object | None) -> None:
        for known in (old, obj):
            if known is None:
                continue
            meta = known["metadata"]
            labels = meta.get("labels") or {}
            service = labels.get(NAME_LABEL)
            if not service:
                continue
            mirrored = labels.get("endpointslice.kubernetes.io/managed-by") == MIRRORED
            held = (self.mirrors if mirrored else self.slices)[(meta["namespace"], service)]
            if known is obj:
                held[meta["name"]] = known
            else:
                held.pop(meta["name"], None)

    def _index_pod(self, obj: Object | None, old: Object | None) -> None:
        if old is not None:
            address = old.get("status", {}).get("podIP", "")
            held = self.pod_by_ip.get(address)
            if held is not None and _key(held) == _key(old):
                del self.pod_by_ip[address]
                self.pod_version += 1
        if obj is None or obj["spec"].get("hostNetwork"):
            return
        status = obj.get("status", {})
        if status.get("podIP") and status.get("phase") not in ("Succeeded", "Failed"):
            self.pod_by_ip[status["podIP"]] = obj
            self.pod_version += 1

    def service(self, namespace: str, name: str) -> Object | None:
        """The Service, or None."""
        return self.cluster.store.get(SERVICES, namespace, name)

    def service_slices(self, namespace: str, name: str) -> Iterable[Object]:
        """EndpointSlices of a Service, without those mirrored from other clusters."""
        return self.slices.get((namespace, name), {}).values()

    def mirrored(self, namespace: str, name: str) -> Iterable[Object]:
        """EndpointSlices of a Service that were mirrored from other clusters."""
        return self.mirrors.get((namespace, name), {}).values()

    def services(self) -> list[Object]:
        """All Services."""
        return self.cluster.store.list(SERVICES)

    def namespace(self, name: str) -> Object | None:
        """The Namespace, or None."""
        return self.cluster.store.get(NAMESPACES, "", name)

    def node(self, name: str) -> Object | None:
        """The Node, or None."""
        return self.cluster.store.get(NODES, "", name)

    def nodes(self) -> list[str]:
        """Names of all nodes."""
        return [node["metadata"]["name"] for node in self.cluster.store.list(NODES)]

    def internal_ip(self, node: str) -> str:
        """InternalIP of a node."""
        found = self.node(node) or {}
        for entry in found.get("status", {}).get("addresses", ()):
            if entry["type"] == "InternalIP":
                return str(entry["address"])
        return ""

    def router_ip(self, node: str) -> str:
        """The address the host itself uses towards its pods."""
        found = self.cluster.store.get(CILIUM_NODES, "", node) or {}
        for entry in found.get("spec", {}).get("addresses", ()):
            if entry["type"] == "CiliumInternalIP":
                return str(entry["ip"])
        return ""

    def health_ip(self, node: str) -> str:
        """Address of a node's cilium-health endpoint."""
        found = self.cluster.store.get(CILIUM_NODES, "", node) or {}
        return str(found.get("spec", {}).get("health", {}).get("ipv4", ""))

    def config(self) -> dict[str, str]:
        """Data of ConfigMap cilium-config; empty without Cilium."""
        found = self.cluster.store.get(CONFIGMAPS, "kube-system", "cilium-config")
        return dict(found.get("data") or {}) if found else {}

    def remotes(self) -> list[str]:
        """Names of the clusters this one is connected to."""
        secret = self.cluster.store.get(SECRETS, "kube-system", "cilium-clustermesh")
        names = (secret.get("data") or {}) if secret else {}
        return [name for name in names if name in self.cluster.world.clusters and name != self.name]

    @property
    def version(self) -> tuple[int, int]:
        """Cilium's version as (major, minor)."""
        text = self.cluster.world.faults.version(self.name)
        return version_of(text or self.cluster.world.options.version_of(self.name))


def view(cluster: SimCluster) -> View:
    """The cluster's index, made when first asked for."""
    return cluster.part(View, lambda: View(cluster))


def views(world: World) -> list[View]:
    """Every cluster's index."""
    return [view(cluster) for cluster in world.clusters.values()]


def _key(obj: Object | None) -> Key:
    assert obj is not None
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _cluster_ips(obj: Object | None) -> list[str]:
    spec = obj.get("spec", {}) if obj else {}
    listed = spec.get("clusterIPs") or [spec.get("clusterIP", "")]
    return [address for address in listed if address and address != "None"]
