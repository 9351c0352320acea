"""Plain types of mending: what is wanted, what would allow it, and what that would allow beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from meshtui.core.policy.model import Party, TrafficDirection
from meshtui.core.policy.ports import PortRule, told

Manifest = Mapping[str, Any]


class Wanted(Struct, frozen=True, eq=False):
    """A connection that is to pass. `port` is the destination's own; for ICMP the type."""

    source: Party
    destination: Party
    protocol: str
    port: int

    @property
    def key(self) -> tuple[str, ...]:
        """Equal for the same connection."""
        ends = [text for p in (self.source, self.destination) for text in (p.context, p.cluster, p.name, p.ip)]
        return (*ends, self.protocol, str(self.port))

    def ends(self, direction: TrafficDirection) -> tuple[Party, Party]:
        """Whose policies decide in a direction, and who the other side is."""
        return (
            (self.source, self.destination) if direction is TrafficDirection.EGRESS else (self.destination, self.source)
        )

    def __str__(self) -> str:
        source, destination = (
            f"{p.name} ({p.cluster})" if p.cluster else p.name for p in (self.source, self.destination)
        )
        return f"{source} → {destination} {self.protocol} {self.port}"


def unique(found: Iterable[Wanted]) -> tuple[Wanted, ...]:
    """Each connection once, in the order given."""
    return tuple({each.key: each for each in found}.values())


class Opening(Struct, frozen=True):
    """What a proposal lets pass beyond the policies of now, in one direction."""

    direction: TrafficDirection
    subject: Party
    peer: Party | None
    """A pod's identity, or None where the rule names something else."""
    peer_text: str
    """For sentences: the pod's workload, an address or an entity."""
    ports: tuple[PortRule, ...] | None
    """None: every port and protocol."""
    asked: bool
    """Whether it is what was asked for, and nothing beyond."""

    def __str__(self) -> str:
        ends = [f"{self.subject.name} ({self.subject.place})", self.peer_text]
        ends = ends if self.direction is TrafficDirection.EGRESS else ends[::-1]
        return f"{ends[0]} → {ends[1]} on {told(self.ports) if self.ports is not None else 'every port'}"


class Manner(Enum):
    """How a proposal is made."""

    NEW = "a new policy"
    CHANGE = "a change of a policy that nearly allows it"
    COPY = "a policy that another cluster has"


class Proposal(Struct, frozen=True):
    """One policy to apply in one cluster, for one direction of what is wanted."""

    context: str
    cluster: str
    direction: TrafficDirection
    manner: Manner
    manifest: Manifest
    before: Manifest | None
    """The policy as it is, None where there is none of its name."""
    title: str
    openings: tuple[Opening, ...] = ()
    closes: tuple[str, ...] = ()
    """Pods for which it would switch default deny on."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The policy's name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The policy's namespace, empty for a clusterwide one."""
        return str(self.manifest["metadata"].get("namespace", ""))

    @property
    def beside(self) -> tuple[Opening, ...]:
        """What else it would allow."""
        return tuple(opening for opening in self.openings if not opening.asked)


class Remedy(Struct, frozen=True):
    """Everything that would let the wanted connections pass."""

    wanted: tuple[Wanted, ...]
    choices: tuple[tuple[Proposal, ...], ...] = ()
    """One for each cluster, direction and workload that refuses; each a choice of proposals, the best first."""
    obstacles: tuple[str, ...] = ()
    """What no proposal can mend, and why."""
    allowed: tuple[Wanted, ...] = ()
    """What the policies of now allow already."""

    @property
    def best(self) -> tuple[Proposal, ...]:
        """The first of each choice: together they let pass what can be."""
        return tuple(choice[0] for choice in self.choices)
