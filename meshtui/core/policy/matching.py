"""Does one rule entry match a peer, a protocol and a port?"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from meshtui.core.model.state import Mesh
from meshtui.core.policy.labels import CLUSTER
from meshtui.core.policy.model import Entry, Party, Peer, PeerKind, PortRule, Way
from meshtui.core.routing.candidates import pod_key, slices

WORLD = ("world", "world-ipv4", "world-ipv6")
PROTOCOL_BITS, PORT_BITS = 8, 16
_CLUSTER_RESERVED = ("host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")


@dataclass(frozen=True, slots=True)
class Question:
    """One direction of one connection. `port` is the backend's own port, after service translation."""

    mesh: Mesh
    subject: Party
    peer: Party
    way: Way
    protocol: str
    """`TCP`, `UDP`, `SCTP`, `ICMPv4` or `ICMPv6`; for ICMP `port` is the type, 0 any."""
    port: int

    @property
    def destination(self) -> Party:
        """Whose named ports count: the side that is connected to."""
        return self.peer if self.way is Way.EGRESS else self.subject


def peers_match(entry: Entry, question: Question) -> bool:
    """Whether any of the entry's peers is the question's peer; no peers at all means anybody."""
    return entry.peers is None or any(peer_matches(peer, question) for peer in entry.peers)


def peer_matches(peer: Peer, question: Question) -> bool:
    """Whether one member matches. What cannot be known (FQDNs, groups) does not."""
    match peer.kind:
        case PeerKind.SELECTOR:
            return peer.selector.matches(question.peer.labels)
        case PeerKind.ENTITY:
            return entity_matches(peer.name, question)
        case PeerKind.CIDR:
            return cidr_matches(peer, question.peer)
        case PeerKind.SERVICE:
            return _behind_service(peer.name, question)
    return False


def entity_matches(name: str, question: Question) -> bool:
    """Entities. Pods of a remote cluster are neither `world` nor `cluster`. Source: pkg/policy/api/entity.go."""
    labels = question.peer.labels
    if name == "all":
        return True
    if name == "world":
        return any(labels.reserved(world) for world in WORLD)
    if name == "cluster-mesh" and not _knows_cluster_mesh(question):
        return False
    if name in ("cluster", "cluster-mesh"):
        if any(labels.reserved(r) for r in _CLUSTER_RESERVED):
            return True
        cluster = labels.get("k8s", CLUSTER)
        return cluster is not None and (name == "cluster-mesh" or cluster == question.subject.cluster)
    return name != "none" and labels.reserved(name)


def _knows_cluster_mesh(question: Question) -> bool:
    """The entity exists since 1.20; an unknown version counts as the newest."""
    cluster = question.mesh.clusters.get(question.subject.context)
    version = cluster.config.version if cluster and cluster.config else (0, 0)
    return version == (0, 0) or version >= (1, 20)


def cidr_matches(peer: Peer, party: Party) -> bool:
    """CIDRs match addresses outside the mesh only, never pods or nodes of any cluster (facts: policy §5)."""
    if peer.network is None or not any(party.labels.reserved(world) for world in WORLD):
        return False
    try:
        address = ip_address(party.ip)
    except ValueError:
        return False
    return address in peer.network and not any(address in hole for hole in peer.excluded)


def _behind_service(key: str, question: Question) -> bool:
    """Whether the peer is an endpoint of a Service of the subject's cluster (toServices)."""
    cluster = question.mesh.clusters.get(question.subject.context)
    if cluster is None or question.peer.context != question.subject.context:
        return False
    for found in slices(question.mesh, cluster, key):
        if any(pod_key(endpoint) == question.peer.name for endpoint in found.endpoints or ()):
            return True
    return False


def matching_ports(entry: Entry, question: Question) -> list[PortRule] | None:
    """The entry's port rules that match; None when the entry is about every port and protocol."""
    if entry.ports is None:
        return None
    return [rule for rule in entry.ports if port_matches(rule, question)]


def port_matches(rule: PortRule, question: Question) -> bool:
    """Number, range or name: a name is looked up at the destination's containers."""
    if question.protocol not in rule.protocols:
        return False
    if question.protocol.startswith("ICMP"):
        return not rule.name or not question.port or rule.name == str(question.port)
    if rule.name:
        named = question.destination.ports
        return (rule.name, question.protocol, question.port) in named
    return rule.first == 0 or rule.first <= question.port <= rule.last


def fixed_bits(entry: Entry, question: Question) -> int:
    """Bits of protocol (8) and port (16) in the policy map's key for a matching entry; 0 without any L4.

    A port range is a set of aligned blocks, each a prefix. Source: bpf/lib/policy.h, pkg/policy/mapstate.go.
    """
    ports = matching_ports(entry, question)
    if ports is None:
        return 0
    return PROTOCOL_BITS + max((_prefix(rule, question.port) for rule in ports), default=0)


def _prefix(rule: PortRule, port: int) -> int:
    if rule.name:
        return PORT_BITS
    if rule.first == 0 and rule.last in (0, 65535):
        return 0
    length = PORT_BITS
    while length and _block(port, length - 1)[0] >= rule.first and _block(port, length - 1)[1] <= rule.last:
        length -= 1
    return length


def _block(port: int, length: int) -> tuple[int, int]:
    mask = (1 << (PORT_BITS - length)) - 1
    return port & ~mask, port | mask


def is_anybody(entry: Entry) -> bool:
    """Whether the entry's peers are the wildcard identity."""
    return entry.peers is None or any(p.kind is PeerKind.ENTITY and p.name == "all" for p in entry.peers)
