"""The API resources meshtui lists and watches: where they live and what they decode to."""

from __future__ import annotations

from msgspec import Struct

from meshtui.core.model import objects as o


class Resource(Struct, frozen=True, eq=False):
    """One resource of the Kubernetes API and the struct its objects decode to; equal to itself alone.

    Every look at a cluster's objects asks for one by its hash: that of seven fields took a tenth of the time to fill.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    struct: type[o.Object]
    optional: bool = False
    """A cluster without it (a CRD not installed) is a stated fact, not an error."""

    @property
    def api_version(self) -> str:
        """`v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path of the collection, or of one object, on the API server."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        parts = [root]
        if namespace and self.namespaced:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False, o.Namespace)
NODES = Resource("", "v1", "nodes", "Node", False, o.Node)
PODS = Resource("", "v1", "pods", "Pod", True, o.Pod)
SERVICES = Resource("", "v1", "services", "Service", True, o.Service)
CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", True, o.ConfigMap)
ENDPOINTSLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True, o.EndpointSlice)
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", True, o.Deployment)
DAEMONSETS = Resource("apps", "v1", "daemonsets", "DaemonSet", True, o.DaemonSet)
NETWORKPOLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True, o.Policy)
CNPS = Resource("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", True, o.Policy, True)
CCNPS = Resource(
    "cilium.io",
    "v2",
    "ciliumclusterwidenetworkpolicies",
    "CiliumClusterwideNetworkPolicy",
    False,
    o.Policy,
    True,
)
CILIUMNODES = Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", False, o.CiliumNode, True)
CILIUMIDENTITIES = Resource("cilium.io", "v2", "ciliumidentities", "CiliumIdentity", False, o.CiliumIdentity, True)
CILIUMENDPOINTS = Resource("cilium.io", "v2", "ciliumendpoints", "CiliumEndpoint", True, o.CiliumEndpoint, True)

WATCHED: tuple[Resource, ...] = (
    NODES,
    NAMESPACES,
    SERVICES,
    ENDPOINTSLICES,
    PODS,
    DEPLOYMENTS,
    DAEMONSETS,
    CNPS,
    CCNPS,
    NETWORKPOLICIES,
)
"""What a session watches in every cluster, most wanted first."""

POLICIES = (CNPS, CCNPS, NETWORKPOLICIES)
BY_PLURAL: dict[str, Resource] = {
    r.plural: r for r in (*WATCHED, CONFIGMAPS, CILIUMNODES, CILIUMIDENTITIES, CILIUMENDPOINTS)
}
BY_KIND: dict[str, Resource] = {r.kind: r for r in BY_PLURAL.values()}
