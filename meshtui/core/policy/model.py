"""Rules as evaluated, and verdicts: plain types of the policy package."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.selectors import Selector

Network = IPv4Network | IPv6Network


class Way(Enum):
    """Direction of a rule, from its subject's point of view."""

    EGRESS = "egress"
    INGRESS = "ingress"


@dataclass(frozen=True, slots=True)
class PodRef:
    """A pod of one cluster."""

    context: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Party:
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


class PeerKind(Enum):
    """What a rule names as the other side."""

    SELECTOR = "selector"
    ENTITY = "entity"
    CIDR = "cidr"
    SERVICE = "service"
    FQDN = "fqdn"
    OPAQUE = "opaque"
    """Groups, nodes, CIDR groups: not decidable from what is known here."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One member of a rule's peers."""

    kind: PeerKind
    selector: Selector = field(default_factory=Selector)
    name: str = ""
    """Entity, FQDN pattern, `namespace/service`, or what is opaque."""
    network: Network | None = None
    excluded: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class PortRule:
    """One port of a rule. `first` 0 is every port; `name` instead of a number for named ports."""

    protocols: frozenset[str]
    first: int = 0
    last: int = 0
    name: str = ""
    l7: str = ""
    """`http`, `dns`, …: traffic goes through a proxy."""

    def __str__(self) -> str:
        protocol = next(iter(self.protocols)) if len(self.protocols) == 1 else "ANY"
        if self.protocols & {"ICMPv4", "ICMPv6"}:
            return f"{protocol} type {self.name}" if self.name else protocol
        port = self.name or (str(self.first) if self.last <= self.first else f"{self.first}-{self.last}")
        return f"{protocol} {port if port != '0' else 'any port'}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of an ingress or egress list. `peers` None: anybody; `ports` None: every port and protocol."""

    deny: bool
    peers: tuple[Peer, ...] | None
    ports: tuple[PortRule, ...] | None
    authenticate: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One spec of one policy, compiled for one cluster. A direction without rules is absent from `entries`."""

    policy: PolicyRef
    subject: Selector
    entries: dict[Way, tuple[Entry, ...]]
    default_deny: frozenset[Way]


class Decision(Enum):
    """What policy does with a connection in one direction."""

    NOT_ENFORCED = "no policy selects it"
    ALLOWED = "allowed"
    REDIRECTED = "allowed through the L7 proxy"
    DENIED = "denied by a deny rule"
    DEFAULT_DENY = "default-deny, no rule allows it"


MATCH_NONE, MATCH_L3, MATCH_L3_L4, MATCH_L4, MATCH_ALL, MATCH_L3_PROTO, MATCH_PROTO = 0, 1, 2, 3, 4, 5, 6
"""policy_match_type as Hubble reports it (bpf/lib/policy.h)."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An allow rule that nearly matches: what it lacks and what would make it match. Lower rank is nearer."""

    rank: int
    policy: PolicyRef
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class DirectionVerdict:
    """One direction's decision, taken in `cluster`, with the policies that decide it."""

    way: Way
    decision: Decision
    context: str
    cluster: str
    policies: tuple[PolicyRef, ...] = ()
    """The allowing or denying ones; for default deny the selecting policies that switch it on."""
    match_type: int = MATCH_NONE
    near: tuple[NearMiss, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the connection passes this direction."""
        return self.decision not in (Decision.DENIED, Decision.DEFAULT_DENY)


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """Both directions. Egress is judged first, at the source; denied there, ingress is never seen."""

    source: Party
    destination: Party
    egress: DirectionVerdict
    ingress: DirectionVerdict

    @property
    def allowed(self) -> bool:
        """Whether a connection is made."""
        return self.egress.allowed and self.ingress.allowed

    @property
    def deciding(self) -> DirectionVerdict:
        """The direction that stops the connection, or ingress."""
        return self.egress if not self.egress.allowed else self.ingress
