"""What Cilium says of itself: cilium-config, the agents' status, KVStoreMesh's status, cilium-health.

Every field of the agents' JSON is omitted when false, zero or empty, so all fields have such defaults.
Shapes: cilium api/v1/models; recordings agent-status.json, kvstoremesh-status.json, cilium-health.json.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Struct(msgspec.Struct, frozen=True, rename="kebab", kw_only=True):
    """Base of the agents' JSON: kebab-case names, unknown fields ignored."""


class CiliumConfig(msgspec.Struct, frozen=True):
    """The cilium-config ConfigMap: the keys that decide how the mesh behaves."""

    name: str
    id: int
    data: Mapping[str, str]
    version: tuple[int, int] = (0, 0)
    """Cilium's (major, minor) from the agent's image, (0, 0) while unknown."""
    namespace: str = "kube-system"
    """Where Cilium lives in the cluster."""
    identity_ids: tuple[int, ...] = ()
    """Cluster ids that its own pods' identities carry, as far as some hundreds of them were read."""

    @property
    def policy_default_local_cluster(self) -> bool:
        """Whether a policy selector without cluster label means the local cluster only.

        Default by version: absent in 1.17, False in 1.18, True since 1.19
        (cilium pkg/clustermesh/types/option.go). An unknown version counts as the newest.
        """
        value = self.data.get("policy-default-local-cluster")
        if value is not None:
            return value.lower() == "true"
        return self.version == (0, 0) or self.version >= (1, 19)

    @property
    def default_global_namespace(self) -> bool:
        """Whether a namespace without annotation takes part in the mesh (clustermesh-default-global-namespace)."""
        return self.data.get("clustermesh-default-global-namespace", "true").lower() == "true"

    @property
    def id_bits(self) -> int:
        """How far a cluster id is shifted in an identity: 16, or 15 with max-connected-clusters 511."""
        return 15 if self.data.get("max-connected-clusters") == "511" else 16


class RemoteConfig(Struct, frozen=True):
    """config of a remote cluster as an agent or KVStoreMesh sees it."""

    required: bool = False
    retrieved: bool = False
    cluster_id: int = 0
    kvstoremesh: bool = False
    sync_canaries: bool = False
    service_exports_enabled: bool | None = None
    endpoint_slices_export_mode: str = ""


class Synced(Struct, frozen=True):
    """Which initial lists of a remote cluster are complete."""

    nodes: bool = False
    endpoints: bool = False
    identities: bool = False
    services: bool = False
    service_exports: bool | None = None
    endpoint_slices: bool | None = None


class RemoteCluster(Struct, frozen=True):
    """One remote cluster as an agent or KVStoreMesh sees it."""

    name: str = ""
    connected: bool = False
    ready: bool = False
    status: str = ""
    config: RemoteConfig | None = None
    synced: Synced | None = None
    num_nodes: int = 0
    num_endpoints: int = 0
    num_identities: int = 0
    num_shared_services: int = 0
    num_service_exports: int = 0
    num_endpoint_slices: int = 0
    num_failures: int = 0
    last_failure: str = ""


class State(Struct, frozen=True):
    """A state word and its message."""

    state: str = ""
    msg: str = ""


class _ClusterMesh(Struct, frozen=True):
    clusters: list[RemoteCluster] | None = None


class HubbleObserver(Struct, frozen=True):
    """The agent's own ring of flows."""

    current_flows: int = 0
    max_flows: int = 0
    seen_flows: int = 0


class HubbleStatus(Struct, frozen=True):
    """The agent's Hubble."""

    state: str = ""
    msg: str = ""
    observer: HubbleObserver | None = None


class _ClusterSection(Struct, frozen=True):
    self: str = ""
    cilium_health: State | None = msgspec.field(default=None, name="ciliumHealth")


class ControllerStatus(Struct, frozen=True):
    """How one of an agent's background tasks fares."""

    consecutive_failure_count: int = 0
    failure_count: int = 0
    last_failure_msg: str = ""
    last_failure_timestamp: str = ""


class Controller(Struct, frozen=True):
    """One of an agent's background tasks."""

    name: str = ""
    status: ControllerStatus = ControllerStatus()


class Encryption(Struct, frozen=True):
    """Whether and how an agent encrypts between nodes."""

    mode: str = ""
    msg: str = ""


class AgentStatus(Struct, frozen=True):
    """`cilium-dbg status -o json` of one agent."""

    cilium: State = State()
    cluster: _ClusterSection | None = None
    cluster_mesh: _ClusterMesh | None = None
    kubernetes: State | None = None
    hubble: HubbleStatus | None = None
    encryption: Encryption | None = None
    controllers: list[Controller] | None = None

    @property
    def failing_controllers(self) -> tuple[Controller, ...]:
        """Background tasks that failed the last time they ran, those that failed most often first."""
        found = [each for each in self.controllers or () if each.status.consecutive_failure_count > 0]
        return tuple(sorted(found, key=lambda each: (-each.status.consecutive_failure_count, each.name)))

    @property
    def remotes(self) -> tuple[RemoteCluster, ...]:
        """Remote clusters this agent knows; empty without a mesh."""
        mesh = self.cluster_mesh
        return tuple(mesh.clusters) if mesh and mesh.clusters else ()


class RealisedBackend(msgspec.Struct, frozen=True):
    """One backend an agent's datapath has selected for a service."""

    ip: str
    port: int
    state: str
    """active, terminating, quarantined or maintenance."""
    node: str = ""
    """Empty for backends of other clusters (cilium pkg/clustermesh/loadbalancer/service_merger.go)."""
    preferred: bool = False
    """By service affinity, or simply in effect: since 1.18 of all that are listed."""


class RealisedService(msgspec.Struct, frozen=True):
    """One frontend of `cilium-dbg service list -o json`; since 1.18 the backends listed are the ones in effect."""

    namespace: str
    name: str
    type: str
    ip: str
    port: int
    protocol: str
    backends: tuple[RealisedBackend, ...] = ()
