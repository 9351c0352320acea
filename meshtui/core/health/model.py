"""What is claimed, what is observed, and the verdict: the plain data of every judgement of a mesh's health."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field

from meshtui.core.model.severity import Severity

EARNED_SECONDS = 120.0
"""Green is earned by evidence no older than this."""


class Verdict(Enum):
    """What is known of a link, cluster, node, component or service."""

    WELL = "well"
    """Evidence of the last two minutes says that it works."""
    IDLE = "idle"
    """There is nothing to judge: no link configured, no requests asked for."""
    RECOVERING = "recovering"
    """Newer evidence passes than the last that failed, which is not two minutes old yet."""
    UNKNOWN = "not known"
    """No evidence yet, or none that may be read."""
    STALE = "stale"
    """It was known once; nothing new has been heard of it since."""
    CONTRADICTED = "contradicted"
    """What it says of itself is well, what is observed is not."""
    FAILING = "failing"

    @property
    def bad(self) -> bool:
        """Whether requests or the mesh itself suffer by all that is known."""
        return self in (Verdict.FAILING, Verdict.CONTRADICTED)

    @property
    def earned(self) -> bool:
        """Whether it may be shown green."""
        return self is Verdict.WELL


class What(Enum):
    """Kinds of things that are judged."""

    CLUSTER = "cluster"
    NODE = "node"
    LINK = "link"
    COMPONENT = "component"
    SERVICE = "service"


class Subject(Struct, frozen=True):
    """One thing that is judged. `name`: a node's, a component's, the remote cluster's, or a service's key."""

    what: What
    context: str
    """The cluster it belongs to, or that looks; empty for a service over all clusters."""
    name: str = ""


class Source(Enum):
    """Who says something."""

    AGENTS = "agents"
    KVSTOREMESH = "KVStoreMesh"
    TROUBLESHOOT = "KVStoreMesh's troubleshoot"
    PROBES = "cilium-health"
    FLOWS = "flows"
    LOAD = "load test"
    RELAY = "Relay"
    OBJECTS = "Kubernetes"
    POLICIES = "policies"
    API = "API server"


class Statement(Struct, frozen=True):
    """One claim or one observation. Text holds names as clusters sent them: clean it before it reaches a screen."""

    source: Source
    text: str
    passed: bool | None
    """True speaks for well, False against, None for neither."""
    at: float = 0.0
    """Wall time at which it was true; 0 when nobody said."""

    def age(self, now: float) -> float | None:
        """Seconds since it was true; None when that is not known."""
        return max(0.0, now - self.at) if self.at else None

    def fresh(self, now: float, seconds: float = EARNED_SECONDS) -> bool:
        """Whether it is no older than `seconds`."""
        return self.at > 0 and now - self.at <= seconds


class Cause(Enum):
    """Why something fails, in the order it is told; the value is its heading."""

    API_GONE = "API server does not answer"
    NODE_DOWN = "node down"
    AGENT_HUNG = "agent does not answer"
    AGENT_DOWN = "agent is not running"
    LINK_CUT = "nodes of two clusters do not reach each other"
    ONE_WAY = "packets pass in one direction only"
    OVERLAY_BLOCKED = "pod traffic is lost between nodes that do answer"
    MTU = "large packets are lost"
    LOSSY = "packets are lost"
    SLOW = "slower than before"
    CONTROL_BLOCKED = "control plane blocked"
    WRONG_ADDRESS = "nobody at the address"
    CERTIFICATE = "certificate not accepted"
    CERTIFICATE_EXPIRED = "certificate expired"
    CERTIFICATE_EXPIRES = "certificate expires soon"
    NAME_UNRESOLVED = "name of the remote cluster's API server does not resolve"
    CONTROL_PLANE = "remote cluster not ready"
    APISERVER_GONE = "clustermesh-apiserver gone"
    DNS_GONE = "names do not resolve"
    RELAY_GONE = "Relay gone"
    RELAY_HELD_UP = "Relay waits for a peer"
    COMPONENT_SHORT = "component short"
    NOT_SYNCED = "not synchronised"
    SERVICE_DENIED = "requests denied"
    SERVICE_TIMEOUT = "requests time out"
    PODS_NOT_READY = "no pod is ready"
    HEALTH_UNREAD = "cilium-health cannot be read"
    NO_EXEC = "agents may not be asked"
    CLUSTER_REPLACED = "another cluster under the same name"
    CONTROLLERS_FAILING = "controllers of an agent fail"


class Trouble(Struct, frozen=True):
    """One thing that is wrong, told apart from all others: cause, evidence, what still works, what to do."""

    cause: Cause
    severity: Severity
    contexts: tuple[str, ...]
    """Whom it concerns, the cluster at fault first."""
    object: str
    """What is broken: `koornacht ⇄ tion`, `tion/tion-worker`, `default/rebel-base`, …"""
    sentence: str
    evidence: tuple[str, ...] = ()
    still: str = ""
    """What still works, in a sentence."""
    command: str = ""
    """The command that proves or mends it."""
    since: float = 0.0
    """Wall time since which it is known to be so; 0 while not known."""
    because: Cause | None = None
    """The trouble this one follows from: mend that one and this one goes."""
    hides: tuple[Cause, ...] = ()
    """What nobody could see of other faults while this one lasts."""
    hiding: str = ""
    """The same in words, with the reason."""

    @property
    def key(self) -> tuple[Cause, str]:
        """What it is recognised by from one judgement to the next."""
        return self.cause, self.object


class Judged(Struct, frozen=True):
    """One subject's verdict with all it rests on."""

    subject: Subject
    verdict: Verdict
    words: str
    """The verdict in a few words for a row: `ready · health 0.4 ms`, `ready, but its nodes don't answer`."""
    since: float = 0.0
    """Wall time at which this verdict was reached; 0 before the first judgement had a past."""
    claims: tuple[Statement, ...] = ()
    observations: tuple[Statement, ...] = ()
    causes: tuple[Cause, ...] = ()
    """Why, when it is not well; the troubles of these causes say more."""


class LinkHealth(Judged, frozen=True):
    """One directed link: `subject.context` looks at the cluster called `subject.name`."""

    ready: int = 0
    """Agents to whom the target is ready, of `agents` that should say so."""
    agents: int = 0
    unheard: int = 0
    """Agents that have not answered (yet)."""
    latency_ms: float | None = None
    """Median of cilium-health's newest HTTP probes of the target's nodes."""
    silent_nodes: tuple[str, ...] = ()
    """`cluster/node` of nodes whose newest probe failed."""
    shared_services: int = 0


class ServiceHealth(Judged, frozen=True):
    """One service over all clusters. What policies would do is among `claims`, what was seen in `observations`."""

    requests: int = 0
    """Connections that its clients asked for in the window looked at."""
    failed: int = 0
    """Of those: denied, refused or never answered."""


class Judgement(Struct, frozen=True):
    """Everything judged at one moment."""

    at: float = 0.0
    clusters: Mapping[str, Judged] = field(default_factory=dict)
    """By context."""
    nodes: Mapping[tuple[str, str], Judged] = field(default_factory=dict)
    """By (context, node name)."""
    links: Mapping[tuple[str, str], LinkHealth] = field(default_factory=dict)
    """By (context that looks, Cilium name of the cluster looked at)."""
    components: Mapping[tuple[str, str], Judged] = field(default_factory=dict)
    """By (context, component)."""
    services: Mapping[str, ServiceHealth] = field(default_factory=dict)
    """By `namespace/name`: those that anything is known of; the others are not known."""
    troubles: tuple[Trouble, ...] = ()
    """Worst first."""
    meshes: tuple[tuple[str, ...], ...] = ()
    """The meshes that the clusters are of, as contexts (`core.model.meshes.groups`)."""

    def strangers(self, one: str, other: str) -> bool:
        """Whether two contexts' clusters are known to be of different meshes."""
        homes = [mesh for mesh in self.meshes if one in mesh or other in mesh]
        return len(homes) == 2

    def link(self, context: str, target: str) -> LinkHealth:
        """One link; not known when it was not judged."""
        found = self.links.get((context, target))
        return found or LinkHealth(Subject(What.LINK, context, target), Verdict.UNKNOWN, "not known yet")

    def cluster(self, context: str) -> Judged:
        """One cluster; not known when it was not judged."""
        found = self.clusters.get(context)
        return found or Judged(Subject(What.CLUSTER, context), Verdict.UNKNOWN, "not known yet")

    def node(self, context: str, name: str) -> Judged:
        """One node; not known when it was not judged."""
        found = self.nodes.get((context, name))
        return found or Judged(Subject(What.NODE, context, name), Verdict.UNKNOWN, "not known yet")

    def service(self, key: str) -> ServiceHealth:
        """One service; not known when no request of it was seen."""
        found = self.services.get(key)
        return found or ServiceHealth(Subject(What.SERVICE, "", key), Verdict.UNKNOWN, "no requests seen")

    def all(self) -> list[Judged]:
        """Every subject, clusters first."""
        groups = (self.clusters, self.nodes, self.links, self.components, self.services)
        return [judged for group in groups for judged in group.values()]
