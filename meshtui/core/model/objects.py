"""Kubernetes and Cilium objects as read from an API server: only the fields meshtui uses.

Strings in here are as the cluster sent them, that is hostile: pass them through `core.text.clean`
before they reach a screen.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Any

import msgspec
from msgspec.structs import force_setattr


class Struct(msgspec.Struct, frozen=True, gc=False, rename="camel", kw_only=True):
    """Base of all objects: immutable, camelCase on the wire, unknown fields ignored.

    Decoded JSON has no cycles, so the collector need not look at it: with 10,000 pods a full collection would
    hold up the screen for 150 ms instead of 60.
    """


class Meta(Struct, frozen=True):
    """metadata of any object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    def __post_init__(self) -> None:
        """Share what thousands of objects say alike."""
        force_setattr(self, "namespace", intern(self.namespace))
        force_setattr(self, "creation_timestamp", intern(self.creation_timestamp))
        labels = self.labels
        if labels:
            # Keys, too: msgspec shares short ones only.
            force_setattr(self, "labels", {intern(key): intern(value) for key, value in labels.items()})


class Object(Struct, frozen=True):
    """Any object; `key` is `namespace/name`, or `name` where it has no namespace."""

    metadata: Meta = Meta()

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """metadata.namespace, empty for cluster-scoped objects."""
        return self.metadata.namespace

    @property
    def key(self) -> str:
        """`namespace/name`, or `name` where there is no namespace."""
        m = self.metadata
        return f"{m.namespace}/{m.name}" if m.namespace else m.name

    @property
    def labels(self) -> dict[str, str]:
        """metadata.labels, empty when absent."""
        return self.metadata.labels or {}

    @property
    def annotations(self) -> dict[str, str]:
        """metadata.annotations, empty when absent."""
        return self.metadata.annotations or {}


class Namespace(Object, frozen=True):
    """v1 Namespace."""


class Condition(Struct, frozen=True):
    """One entry of status.conditions."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None

    def __post_init__(self) -> None:
        """Share what thousands of conditions say alike."""
        for name in ("type", "status", "reason"):
            force_setattr(self, name, intern(getattr(self, name)))
        if self.last_transition_time is not None:
            force_setattr(self, "last_transition_time", intern(self.last_transition_time))


class NodeAddress(Struct, frozen=True):
    """One entry of Node.status.addresses."""

    type: str = ""
    address: str = ""


class NodeInfo(Struct, frozen=True):
    """Node.status.nodeInfo."""

    kubelet_version: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class NodeSpec(Struct, frozen=True):
    """Node.spec."""

    pod_cidr: str = msgspec.field(default="", name="podCIDR")
    unschedulable: bool = False


class NodeStatus(Struct, frozen=True):
    """Node.status."""

    conditions: tuple[Condition, ...] | None = None
    addresses: tuple[NodeAddress, ...] | None = None
    node_info: NodeInfo = NodeInfo()


class Node(Object, frozen=True):
    """v1 Node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ContainerPort(Struct, frozen=True):
    """One port of a container."""

    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class Container(Struct, frozen=True):
    """One container of a pod."""

    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None


class PodSpec(Struct, frozen=True):
    """Pod.spec."""

    node_name: str = ""
    host_network: bool = False
    service_account_name: str = ""
    containers: tuple[Container, ...] | None = None


class Waiting(Struct, frozen=True):
    """Why a container does not run: `CrashLoopBackOff`, `ImagePullBackOff`, …"""

    reason: str = ""
    message: str = ""


class ContainerState(Struct, frozen=True):
    """What a container does; only the waiting is told apart."""

    waiting: Waiting | None = None


class ContainerStatus(Struct, frozen=True):
    """One entry of Pod.status.containerStatuses."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()


class PodStatus(Struct, frozen=True):
    """Pod.status."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Object, frozen=True):
    """v1 Pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def __post_init__(self) -> None:
        """Share its name with the slices that name it, and its node's."""
        force_setattr(self.metadata, "name", intern(self.metadata.name))
        force_setattr(self.spec, "node_name", intern(self.spec.node_name))


class ServicePort(Struct, frozen=True):
    """One port of a Service."""

    name: str = ""
    protocol: str = "TCP"
    port: int = 0
    target_port: int | str | None = None
    node_port: int = 0


@lru_cache(maxsize=64)
def _families(families: tuple[str, ...]) -> tuple[str, ...]:
    """`IPv4`, `IPv6` or both, in either order; of whatever else a server says only little is kept."""
    return tuple([intern(family) for family in families])


class ServiceSpec(Struct, frozen=True):
    """Service.spec."""

    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    ports: tuple[ServicePort, ...] | None = None
    selector: dict[str, str] | None = None
    session_affinity: str = "None"
    internal_traffic_policy: str = "Cluster"
    ip_families: tuple[str, ...] | None = None
    external_name: str = ""
    """Of type ExternalName: the DNS name that stands for it."""

    def __post_init__(self) -> None:
        """Share what thousands of services say alike."""
        for name in ("type", "session_affinity", "internal_traffic_policy"):
            force_setattr(self, name, intern(getattr(self, name)))
        if self.ip_families is not None:
            force_setattr(self, "ip_families", _families(self.ip_families))
        for port in self.ports or ():
            force_setattr(port, "protocol", intern(port.protocol))


class Service(Object, frozen=True):
    """v1 Service."""

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Struct, frozen=True):
    """Conditions of one endpoint; absent means unknown, which counts as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class TargetRef(Struct, frozen=True):
    """What an endpoint stands for."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Endpoint(Struct, frozen=True):
    """One endpoint of an EndpointSlice."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: TargetRef | None = None
    node_name: str | None = None
    zone: str | None = None


class EndpointPort(Struct, frozen=True):
    """One port of an EndpointSlice."""

    name: str | None = None
    protocol: str = "TCP"
    port: int | None = None


_CONDITIONS: dict[EndpointConditions, EndpointConditions] = {}
"""At most 27, each of three being true, false or absent."""


class EndpointSlice(Object, frozen=True):
    """discovery.k8s.io/v1 EndpointSlice."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None

    def __post_init__(self) -> None:
        """Share what thousands of slices say alike."""
        force_setattr(self, "address_type", intern(self.address_type))
        for port in self.ports or ():
            force_setattr(port, "protocol", intern(port.protocol))
        for endpoint in self.endpoints or ():
            force_setattr(endpoint, "conditions", _CONDITIONS.setdefault(endpoint.conditions, endpoint.conditions))
            if endpoint.node_name is not None:
                force_setattr(endpoint, "node_name", intern(endpoint.node_name))
            target = endpoint.target_ref
            if target is not None:
                for name in ("kind", "namespace", "name"):
                    force_setattr(target, name, intern(getattr(target, name)))


class LabelSelector(Struct, frozen=True):
    """spec.selector of a workload."""

    match_labels: dict[str, str] | None = None


class PodTemplate(Struct, frozen=True):
    """spec.template of a workload."""

    metadata: Meta = Meta()
    spec: PodSpec = PodSpec()


class WorkloadSpec(Struct, frozen=True):
    """spec of a Deployment or DaemonSet."""

    replicas: int | None = None
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = PodTemplate()


class WorkloadStatus(Struct, frozen=True):
    """status of a Deployment or DaemonSet."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    number_available: int = 0
    conditions: tuple[Condition, ...] | None = None


class Deployment(Object, frozen=True):
    """apps/v1 Deployment."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class DaemonSet(Object, frozen=True):
    """apps/v1 DaemonSet."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class ConfigMap(Object, frozen=True):
    """v1 ConfigMap."""

    data: dict[str, str] | None = None


class PolicyStatus(Struct, frozen=True):
    """status of a Cilium policy."""

    conditions: tuple[Condition, ...] | None = None


class Policy(Object, frozen=True):
    """CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy or NetworkPolicy; spec and specs stay raw."""

    kind: str = ""
    api_version: str = ""
    spec: dict[str, Any] | None = None
    specs: list[dict[str, Any]] | None = None
    status: PolicyStatus | None = None


class CiliumNode(Object, frozen=True):
    """cilium.io/v2 CiliumNode; spec stays raw."""

    spec: dict[str, Any] | None = None


class CiliumIdentity(Object, frozen=True):
    """cilium.io/v2 CiliumIdentity: name is the number, security-labels its labels with their source."""

    security_labels: dict[str, str] | None = msgspec.field(default=None, name="security-labels")


class CiliumEndpoint(Object, frozen=True):
    """cilium.io/v2 CiliumEndpoint; status stays raw."""

    status: dict[str, Any] | None = None
