"""Does one rule entry match a peer, a protocol and a port: yes, no, or not known (None)?"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from msgspec import Struct

from meshtui.core.policy.labels import CLUSTER
from meshtui.core.policy.lookups import Lookups
from meshtui.core.policy.model import ANYBODY, Entry, Network, Party, Peer, PeerKind, TrafficDirection
from meshtui.core.policy.ports import ICMP, PortRule
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.selectors import Requirement

WORLD = ("world", "world-ipv4", "world-ipv6")
_CLUSTER_RESERVED = ("host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")


class Question(Struct, frozen=True):
    """One direction of one connection. `port` is the backend's own port, after service translation."""

    lookups: Lookups
    reading: Reading
    subject: Party
    peer: Party
    direction: TrafficDirection
    protocol: str
    """`TCP`, `UDP`, `SCTP`, `ICMPv4` or `ICMPv6`; for ICMP `port` is the type, 0 where that is not known."""
    port: int
    requires: tuple[tuple[Requirement, ...], tuple[Requirement, ...]] = ((), ())
    """What fromRequires and toRequires ask of allowing and of denying selectors."""


def peers_match(entry: Entry, question: Question) -> bool | None:
    """Whether any of the entry's peers is the question's peer."""
    return any_of(peer_matches(peer, question, deny=entry.deny) for peer in peers_of(entry, question))


def any_of(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued or."""
    found = set(answers)
    return True if True in found else None if None in found else False


def peers_of(entry: Entry, question: Question) -> tuple[Peer, ...]:
    """An entry's peers: anybody, where Services alone are named, none leads anywhere, and ports stand beside.

    Beside anybody others are left out (pkg/policy/l4.go, createL4Filter).
    """
    if entry.else_anybody and all(_leads_nowhere(peer, question) for peer in entry.peers):
        return (ANYBODY,)
    return (ANYBODY,) if any(is_anybody(peer) for peer in entry.peers) else entry.peers


def _leads_nowhere(peer: Peer, question: Question) -> bool:
    if peer.kind is not PeerKind.SERVICE or peer.service is None:
        return False
    found = question.lookups.services(question.subject.context, question.reading, peer.service)
    return found is not None and not found.selectors and not found.networks


def is_anybody(peer: Peer) -> bool:
    """Whether a member is the wildcard identity."""
    if peer.kind is PeerKind.ENTITY:
        return peer.name == "all"
    return peer.kind in (PeerKind.SELECTOR, PeerKind.NODES) and peer.selector.is_anybody


def peer_matches(peer: Peer, question: Question, *, deny: bool = False) -> bool | None:
    """Whether one member matches; None where that depends on what is not known here."""
    if is_anybody(peer):
        return True
    if question.peer.labels.reserved("unknown"):
        return None
    match peer.kind:
        case PeerKind.SELECTOR:
            labels = question.peer.labels
            return peer.selector.matches(labels) and all(q.holds(labels) for q in question.requires[deny])
        case PeerKind.ENTITY:
            return entity_matches(peer.name, question)
        case PeerKind.CIDR:
            return cidr_matches(peer, question)
        case PeerKind.CIDR_GROUP:
            return _in_cidr_group(peer, question)
        case PeerKind.SERVICE:
            return _behind_service(peer, question)
        case PeerKind.FQDN:
            return _has_name(peer.name, question.peer)
        case PeerKind.NODES:
            return _is_such_a_node(peer, question.peer)
        case PeerKind.PERHAPS:
            return None if peer.selector.matches(question.peer.labels) else False
        case PeerKind.CLOUD_GROUP:
            return None if question.peer.labels.is_outside else False


def entity_matches(name: str, question: Question) -> bool:
    """Entities. Pods of a remote cluster are neither `world` nor `cluster`. Source: pkg/policy/api/entity.go."""
    labels = question.peer.labels
    if name == "all":
        return True
    if name == "world":
        return labels.is_outside
    if name == "cluster-mesh" and not question.reading.does.cluster_mesh_entity:
        return False
    if name in ("cluster", "cluster-mesh"):
        if any(labels.reserved(r) for r in _CLUSTER_RESERVED):
            return True
        cluster = labels.get("k8s", CLUSTER)
        return cluster is not None and (name == "cluster-mesh" or cluster == question.subject.cluster)
    return name != "none" and labels.reserved(name)


def cidr_matches(peer: Peer, question: Question) -> bool | None:
    """CIDRs match addresses outside the mesh only, never pods, and nodes by an option (facts: policy §5)."""
    party = question.peer
    as_node = question.reading.cidrs_match_nodes and party.labels.reserved("remote-node")
    if peer.network is None or not (party.labels.is_outside or as_node):
        return False
    inside = _inside(party.ip, (peer.network,))
    if inside is None or not inside:
        return inside
    return not _inside(party.ip, peer.excluded)


def _inside(text: str, networks: tuple[Network, ...]) -> bool | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return any(address in network for network in networks)


def _in_cidr_group(peer: Peer, question: Question) -> bool | None:
    """Members of a group carry its labels; an identity whose labels are not all known may be one."""
    party = question.peer
    if party.labels.is_outside and peer.excluded and _inside(party.ip, peer.excluded):
        return False
    if peer.selector.matches(party.labels):
        return True
    if not party.labels.is_outside:
        return False
    written_out = not question.reading.does.cidr_groups_are_labels
    return None if party.partial or (written_out and party.labels.has_source("cidr")) else False


def _behind_service(peer: Peer, question: Question) -> bool | None:
    """Whether a Service of the subject's cluster selects the peer, or lists its address without selecting."""
    if peer.service is None:
        return False
    found = question.lookups.services(question.subject.context, question.reading, peer.service)
    if found is None:
        return None
    labels = question.peer.labels
    if any(selector.matches(labels) for selector in found.selectors):
        return True
    return bool(found.networks) and labels.is_outside and _inside(question.peer.ip, found.networks)


def _has_name(name: str, party: Party) -> bool | None:
    """An address has a name once a client has asked for it: its identity then carries the rule's label."""
    if not party.labels.is_outside:
        return False
    wanted = name.lower().rstrip(".")
    known = (key.partition(":")[2] for key in party.labels.exact if key.startswith("fqdn:"))
    return True if any(label.lower().rstrip(".") == wanted for label in known) else None


def _is_such_a_node(peer: Peer, party: Party) -> bool | None:
    """Other nodes only. Which labels a node's identity has is not known: only what asks for none is certain."""
    if not party.labels.reserved("remote-node"):
        return False
    return True if peer.selector.matches(party.labels) else None


def ports_match(entry: Entry, question: Question) -> bool | None:
    """Whether the entry is about the question's protocol and port."""
    return True if entry.ports is None else any_of(port_matches(rule, question) for rule in entry.ports)


def port_matches(rule: PortRule, question: Question) -> bool | None:
    """Number, range or name. A name means in ingress the subject's own port; in egress see `Behaviours`."""
    if question.protocol != rule.protocol:
        return False
    if rule.name:
        return _named(rule.name, question)
    if question.protocol in ICMP and not question.port and not rule.every:
        return None
    return rule.covers(question.port)


def _named(name: str, question: Question) -> bool | None:
    wanted = (name, question.protocol, question.port)
    if question.direction is TrafficDirection.INGRESS:
        return wanted in question.subject.ports
    if question.reading.does.named_ports_by_destination:
        # Ports of other clusters' pods are not exported.
        return wanted in question.peer.ports and question.peer.cluster == question.subject.cluster
    number = question.lookups.named_port(question.subject.context, name, question.protocol)
    return None if number is None else number == question.port
