"""Rules as evaluated, and verdicts: plain types of the policy package."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from msgspec import Struct, field

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.ports import PortRule
from meshtui.core.policy.selectors import Requirement, Selector

Network = IPv4Network | IPv6Network


class TrafficDirection(Enum):
    """Direction of a rule, from its subject's point of view."""

    EGRESS = "egress"
    INGRESS = "ingress"


class PodRef(Struct, frozen=True):
    """A pod of one cluster."""

    context: str
    namespace: str
    name: str


class Party(Struct, frozen=True):
    """One side of a connection as policy sees it: labels, not an object."""

    context: str
    """Empty when it is in no cluster of the session."""
    cluster: str
    name: str
    """For sentences: `namespace/pod`, or the reserved identity."""
    labels: Labels
    ip: str = ""
    node: str = ""
    ports: tuple[tuple[str, str, int], ...] = ()
    """Named ports: (name, protocol, number)."""
    enforced: bool = True
    """False for host-network pods and everything else that policies cannot select."""
    hidden: bool = False
    """Its namespace is not exported: other clusters cannot match its labels."""
    partial: bool = False
    """Its identity may carry more labels than are known: those of a CIDR group that its address is in."""
    called: str = ""
    """What its cluster is called in sentences, where that is not `cluster`: two may have one name by Cilium."""

    @property
    def place(self) -> str:
        """Its cluster, for sentences."""
        return self.called or self.cluster


class PeerKind(Enum):
    """What a rule names as the other side."""

    SELECTOR = "selector"
    ENTITY = "entity"
    CIDR = "cidr"
    CIDR_GROUP = "CIDR group"
    """By the labels its members carry; by name alone where versions write the addresses out."""
    SERVICE = "service"
    FQDN = "fqdn"
    NODES = "nodes"
    CLOUD_GROUP = "cloud group"
    PERHAPS = "perhaps"
    """A selector that some patch releases of a version add by a fault: whether this one does is not known."""


class ServiceQuery(Struct, frozen=True):
    """Which Services a toServices member means; no namespace means any."""

    namespace: str = ""
    name: str = ""
    labels: tuple[Requirement, ...] | None = None
    """Requirements on the Service's labels, None where `name` counts."""


class Peer(Struct, frozen=True):
    """One member of a rule's peers."""

    kind: PeerKind
    selector: Selector = field(default_factory=Selector)
    name: str = ""
    """Entity, FQDN pattern, or what a sentence calls it."""
    network: Network | None = None
    excluded: tuple[Network, ...] = ()
    service: ServiceQuery | None = None


ANYBODY = Peer(PeerKind.ENTITY, name="all")
"""The wildcard identity."""


class Entry(Struct, frozen=True):
    """One element of an ingress or egress list, with what its emptiness means already decided."""

    deny: bool
    peers: tuple[Peer, ...]
    ports: tuple[PortRule, ...] | None = None
    """None: every port and protocol."""
    authentication: str = ""
    """`required`, `disabled` or `test-always-fail`; empty where nothing is said."""
    else_anybody: bool = False
    """Services that resolve to nobody leave no peer at all, and beside ports that means anybody (pkg/policy/l4.go)."""


class Rule(Struct, frozen=True):
    """One spec of one policy, compiled for one cluster. A direction without rules is absent from `entries`."""

    policy: PolicyRef
    subject: Selector
    entries: dict[TrafficDirection, tuple[Entry, ...]]
    default_deny: frozenset[TrafficDirection]
    requires: dict[tuple[TrafficDirection, bool], tuple[Requirement, ...]] = field(default_factory=dict)
    """fromRequires and toRequires, by direction and whether of denials: they narrow the selectors of every rule."""


class Decision(Enum):
    """What policy does with a connection in one direction."""

    NOT_ENFORCED = "no policy selects it"
    ALLOWED = "allowed"
    REDIRECTED = "allowed through the L7 proxy"
    DENIED = "denied by a deny rule"
    DEFAULT_DENY = "default-deny, no rule allows it"
    UNKNOWN = "not known"
    """A rule that would decide names what is not known here (addresses of names, cloud groups, labels of nodes)."""


MATCH_NONE, MATCH_L3, MATCH_L3_L4, MATCH_L4, MATCH_ALL, MATCH_L3_PROTO, MATCH_PROTO = 0, 1, 2, 3, 4, 5, 6
"""policy_match_type as Hubble reports it (bpf/lib/policy.h)."""


class NearMiss(Struct, frozen=True):
    """An allow rule that nearly matches: what it lacks and what would make it match. Lower rank is nearer."""

    rank: int
    policy: PolicyRef
    text: str
    fix: str


class DirectionVerdict(Struct, frozen=True):
    """One direction's decision, taken in `cluster`, with the policies that decide it.

    Of `allowed`, `refused` and `unknown` exactly one holds.
    """

    direction: TrafficDirection
    decision: Decision
    context: str
    cluster: str
    policies: tuple[PolicyRef, ...] = ()
    """The allowing or denying ones; for default deny and for what is not known those that switch default deny on."""
    match_type: int = MATCH_NONE
    near: tuple[NearMiss, ...] = ()
    notes: tuple[str, ...] = ()
    authenticate: bool = False
    """Allowed only once both sides have authenticated each other: until then packets are dropped."""
    doubts: tuple[str, ...] = ()
    """For UNKNOWN: which rules might decide, and by what."""

    @property
    def allowed(self) -> bool:
        """Whether policy lets the connection pass this direction, perhaps after authentication."""
        return self.decision in (Decision.NOT_ENFORCED, Decision.ALLOWED, Decision.REDIRECTED)

    @property
    def refused(self) -> bool:
        """Whether policy certainly drops it."""
        return self.decision in (Decision.DENIED, Decision.DEFAULT_DENY)

    @property
    def unknown(self) -> bool:
        """Whether it cannot be told."""
        return self.decision is Decision.UNKNOWN

    @property
    def passes(self) -> bool | None:
        """Whether packets get through; None where that is not known, which authentication makes it, too."""
        if self.refused:
            return False
        return None if self.unknown or self.authenticate else True


class PolicyVerdict(Struct, frozen=True):
    """Both directions. Egress is judged first, at the source; denied there, ingress is never seen.

    Of `allowed`, `refused` and `unknown` exactly one holds.
    """

    source: Party
    destination: Party
    egress: DirectionVerdict
    ingress: DirectionVerdict

    @property
    def allowed(self) -> bool:
        """Whether policy lets a connection be made."""
        return self.egress.allowed and self.ingress.allowed

    @property
    def refused(self) -> bool:
        """Whether one direction certainly drops it, whatever is not known of the other."""
        return self.egress.refused or self.ingress.refused

    @property
    def unknown(self) -> bool:
        """Whether it cannot be told."""
        return not self.refused and not self.allowed

    @property
    def passes(self) -> bool | None:
        """Whether packets get through; None where that is not known."""
        both = (self.egress.passes, self.ingress.passes)
        return False if False in both else None if None in both else True

    @property
    def deciding(self) -> DirectionVerdict:
        """The direction that stops the connection, else the one that is not known, else ingress."""
        if self.egress.refused or (self.egress.unknown and not self.ingress.refused):
            return self.egress
        return self.ingress
