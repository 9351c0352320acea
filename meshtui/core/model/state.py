"""The mesh as it is known now, and the one function that changes it.

`reduce(mesh, event)` is the only writer of `Mesh`. It edits the collections in place (a mesh may hold
hundreds of thousands of objects) and returns a `Delta` naming what changed, so that a pane redraws just that.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, field

from meshtui.core.errors import MeshtuiError
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, RemoteCluster
from meshtui.core.model.probes import HealthReport
from meshtui.core.model.resources import Resource
from meshtui.core.model.troubleshoot import Troubleshot


class Phase(Enum):
    """Where a connection stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    """Was live, is being re-established: what is shown is `as_of` old."""
    FAILED = "failed"
    ABSENT = "absent"
    """The cluster says there is no such thing (a CRD, a Relay)."""


Question = tuple[str, str]
"""A question put to Cilium, and whom: `("agent", node)`, `("health", node)`, `("kvstoremesh", "")`, …"""


class Link(Struct):
    """State of one connection: to a resource's watch, or to a Relay."""

    phase: Phase = Phase.CONNECTING
    error: MeshtuiError | None = None
    since: float = 0.0
    """Wall time at which `phase` was entered."""


class FlowSource(Enum):
    """Where a cluster's flows come from."""

    NONE = "none"
    RELAY_DIRECT = "relay"
    RELAY_FORWARD = "relay via port-forward"
    AGENTS = "agents"
    REPLAY = "replay"


class RelayState(Struct):
    """One cluster's source of flows."""

    link: Link = field(default_factory=Link)
    source: FlowSource = FlowSource.NONE
    address: str = ""
    nodes_connected: int = 0
    nodes_unavailable: tuple[str, ...] = ()
    held_up: bool = False
    """The Relay runs and has not told its nodes: it waits for one it cannot reach."""
    nodes: tuple[str, ...] = ()
    """`cluster/node` of those connected, as far as the source named them; a Relay names other clusters' too."""
    lost: int = 0
    """Events the cluster says were lost (ring overrun, full queues), since the session began."""
    lost_where: tuple[tuple[str, int], ...] = ()
    """(`node: HUBBLE_RING_BUFFER`, events lost there)."""
    versions: tuple[tuple[str, str], ...] = ()
    """(`cluster/node`, version of its Hubble) as its Relay tells."""
    refused: tuple[str, ...] = ()
    """Sentences on Relays that answered at the cluster's addresses and are another's."""
    rate: float = 0.0
    """Different flows per second that this cluster's nodes observed, whoever delivered them; measured here."""


class Cluster(Struct):
    """Everything known of one cluster. `context` is its identity; `name` is what Cilium calls it."""

    context: str
    tag: str
    """One to three letters, unique in the session, shown as `[K]`."""
    index: int
    """Position in the session: picks the cluster's colour."""
    server: str = ""
    trusted: bool = False
    """A local lab (kind, minikube, the embedded mesh): changes need no dialog."""
    protected: bool = False
    read_only: bool = False
    version: str = ""
    """Kubernetes version without the `v`, empty until known."""
    api: Link = field(default_factory=Link)
    objects: dict[Resource, dict[str, Any]] = field(default_factory=dict)
    watches: dict[Resource, Link] = field(default_factory=dict)
    config: CiliumConfig | None = None
    """As read, with the version that runs by all that is known (`core.model.versions`)."""
    declared: CiliumConfig | None = None
    """As read, with the version that the image or the chart declares."""
    namesake: bool = False
    """Whether another cluster of the session has the same name by Cilium: then the context tells them apart."""
    aliases: tuple[str, ...] = ()
    """Other contexts of the session that lead to this very cluster, and are shown as it."""
    config_error: MeshtuiError | None = None
    agents: dict[str, AgentStatus] = field(default_factory=dict)
    """By node name."""
    agent_errors: dict[str, MeshtuiError] = field(default_factory=dict)
    kvstoremesh: tuple[RemoteCluster, ...] | None = None
    """None while unknown or when KVStoreMesh is not deployed."""
    kvstoremesh_error: MeshtuiError | None = None
    troubleshot: dict[str, Troubleshot] = field(default_factory=dict)
    """By Cilium's name of the remote cluster: how far KVStoreMesh's own troubleshoot came."""
    health: dict[str, HealthReport] = field(default_factory=dict)
    """cilium-health's reports by name of the node whose agent made them."""
    heard: dict[Question, float] = field(default_factory=dict)
    """When each question was answered last, wall time."""
    unheard: dict[Question, float] = field(default_factory=dict)
    """Since when each question has been failing; gone with the next answer."""
    announced_at: float = 0.0
    """When its Services were last seen to tell the other clusters something else, wall time; 0 while they were not."""
    relay: RelayState = field(default_factory=RelayState)
    denied: dict[str, str] = field(default_factory=dict)
    """Action id → why the API server will not let us (SelfSubjectAccessReview)."""
    clock_ahead: float = 0.0
    """Seconds that its API server's clock is ahead of ours at least; negative: behind (`core.model.clocks`)."""
    clock_known: bool = False
    """Whether any of its answers carried a time."""
    node_clocks: Mapping[str, float] = field(default_factory=dict)
    """`cluster/node` → seconds that its clock is ahead by its flows' times; those that agree are left out."""
    access_error: MeshtuiError | None = None
    """Why it is not known of some action whether we may; `denied` holds the last answer until it is."""

    @property
    def name(self) -> str:
        """What it is called everywhere: Cilium's name, the context's while that is unknown or another has it too."""
        return self.context if self.namesake else self.cilium_name

    @property
    def cilium_name(self) -> str:
        """What Cilium calls it once known, else the context's name: on the wire, in labels and in nodes' names."""
        return self.config.name if self.config else self.context

    @property
    def recorded(self) -> bool:
        """Whether it is known from a file of flows alone."""
        return self.relay.source is FlowSource.REPLAY

    @property
    def id(self) -> int:
        """Cilium's cluster id; 0 means no mesh or not yet known."""
        return self.config.id if self.config else 0

    def of(self, resource: Resource) -> Mapping[str, Any]:
        """Objects of one resource by key; empty until listed."""
        return self.objects.get(resource, {})

    def watch_phase(self, resource: Resource) -> Phase:
        """Where the watch of a resource stands; CONNECTING before it is told of."""
        link = self.watches.get(resource)
        return link.phase if link is not None else Phase.CONNECTING

    @property
    def home(self) -> str:
        """Cilium's namespace: where it is known to be, else where it usually is."""
        return self.config.namespace if self.config else "kube-system"

    @property
    def nodes(self) -> Mapping[str, o.Node]:
        """Nodes by name."""
        return self.of(r.NODES)

    @property
    def services(self) -> Mapping[str, o.Service]:
        """Services by `namespace/name`."""
        return self.of(r.SERVICES)

    @property
    def endpointslices(self) -> Mapping[str, o.EndpointSlice]:
        """EndpointSlices by `namespace/name`."""
        return self.of(r.ENDPOINTSLICES)

    @property
    def pods(self) -> Mapping[str, o.Pod]:
        """Pods by `namespace/name`."""
        return self.of(r.PODS)

    @property
    def namespaces(self) -> Mapping[str, o.Namespace]:
        """Namespaces by name."""
        return self.of(r.NAMESPACES)


class Mesh(Struct):
    """All clusters of the session, by context, in the order given."""

    clusters: dict[str, Cluster] = field(default_factory=dict)
    generation: int = 0
    """Grows by one with every event reduced."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Context that is left out → context of the same cluster that is shown."""
    slices_of: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """context → service key → keys of its EndpointSlices: an index kept by `reduce`."""

    def by_name(self, name: str) -> Cluster | None:
        """The cluster Cilium calls `name`, or whose context is `name`."""
        for cluster in self.clusters.values():
            if cluster.name == name:
                return cluster
        return self.clusters.get(name)


# Events: what the outside world tells the state.


class ApiChanged(Struct, frozen=True):
    """A cluster's API server was reached, lost or refused us."""

    context: str
    phase: Phase
    at: float
    version: str = ""
    error: MeshtuiError | None = None


class AliasFound(Struct, frozen=True):
    """`context` leads to the very cluster that `shown` leads to."""

    context: str
    shown: str


class Listed(Struct, frozen=True):
    """A resource was listed from scratch: what is not in `items` is gone."""

    context: str
    resource: Resource
    items: Mapping[str, Any]
    at: float


class Changed(Struct, frozen=True):
    """A batch of watch events of one resource: key → object, or None when deleted."""

    context: str
    resource: Resource
    items: Mapping[str, Any]
    at: float


class WatchChanged(Struct, frozen=True):
    """A resource's watch entered another phase."""

    context: str
    resource: Resource
    phase: Phase
    at: float
    error: MeshtuiError | None = None


class ConfigRead(Struct, frozen=True):
    """cilium-config was read, or could not be."""

    context: str
    config: CiliumConfig | None
    error: MeshtuiError | None = None


class AgentRead(Struct, frozen=True):
    """One agent's status was read, or could not be."""

    context: str
    node: str
    status: AgentStatus | None
    error: MeshtuiError | None = None
    at: float = 0.0


class KvstoremeshRead(Struct, frozen=True):
    """KVStoreMesh's status was read, or could not be; `clusters` None and no error: not deployed."""

    context: str
    clusters: tuple[RemoteCluster, ...] | None
    error: MeshtuiError | None = None
    at: float = 0.0


class TroubleshotRead(Struct, frozen=True):
    """KVStoreMesh tried its way to each remote cluster anew, or could not be asked to."""

    context: str
    found: tuple[Troubleshot, ...]
    error: MeshtuiError | None = None
    at: float = 0.0


class HealthRead(Struct, frozen=True):
    """cilium-health's report from one agent, or why there is none; `node` where no report says it."""

    context: str
    report: HealthReport | None
    error: MeshtuiError | None = None
    at: float = 0.0
    node: str = ""


class RelayChanged(Struct, frozen=True):
    """A cluster's source of flows changed; fields left None keep their value."""

    context: str
    at: float
    phase: Phase | None = None
    source: FlowSource | None = None
    address: str | None = None
    error: MeshtuiError | None = None
    nodes_connected: int | None = None
    nodes_unavailable: tuple[str, ...] | None = None
    nodes: tuple[str, ...] | None = None
    held_up: bool | None = None
    lost: int = 0
    """Events newly reported lost."""
    lost_where: tuple[tuple[str, int], ...] | None = None
    versions: tuple[tuple[str, str], ...] | None = None
    refused: tuple[str, ...] | None = None
    rate: float | None = None


class ClockRead(Struct, frozen=True):
    """How far clocks are ahead of ours, seconds; None: not told this time."""

    context: str
    api: float | None = None
    nodes: Mapping[str, float] | None = None
    """`cluster/node` → seconds, of all nodes that are off."""


class AccessRead(Struct, frozen=True):
    """What the API server says we may not do: action id → reason."""

    context: str
    denied: Mapping[str, str]
    unknown: Mapping[str, MeshtuiError] = field(default_factory=dict)
    """Action id → why it could not be asked: what was known of it before stays."""


Event = (
    ApiChanged
    | AliasFound
    | Listed
    | Changed
    | WatchChanged
    | ConfigRead
    | AgentRead
    | KvstoremeshRead
    | TroubleshotRead
    | HealthRead
    | RelayChanged
    | AccessRead
    | ClockRead
)


class Delta(Struct):
    """What a reduction changed: contexts whose status changed, and object keys by (context, resource)."""

    status: set[str] = field(default_factory=set)
    objects: dict[tuple[str, Resource], set[str]] = field(default_factory=dict)
    backed: dict[str, set[str]] = field(default_factory=dict)
    """Context → keys of the services that a changed EndpointSlice belonged to, or belongs to now."""

    def merge(self, other: Delta) -> None:
        """Add `other`'s changes to these."""
        self.status |= other.status
        for where, keys in other.objects.items():
            self.objects.setdefault(where, set()).update(keys)
        for context, services in other.backed.items():
            self.backed.setdefault(context, set()).update(services)

    def __bool__(self) -> bool:
        return bool(self.status or self.objects)
