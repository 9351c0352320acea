"""Does a connection pass one cluster's policies in one direction, by what kind of match, thanks to which policies."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from meshtui.sim.datapath import selectors
from meshtui.sim.datapath.identity import HEALTH, HOST, REMOTE_NODE, WORLD, Party
from meshtui.sim.datapath.rules import INGRESS, Entry, Invalid, Peers, PortRange, Rule, Source, compile_policy
from meshtui.sim.datapath.view import POLICIES, View
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
DENIED_BY_DEFAULT, DENIED_BY_RULE = 133, 181
NO_MATCH, L3_ONLY, L3_L4, L4_ONLY, MATCH_ALL, L3_PROTO, PROTO_ONLY = 0, 1, 2, 3, 4, 5, 6
PROTOCOL_BITS, PORT_BITS = 8, 16
DERIVED = "reserved:io.cilium.policy.derived-from="


@dataclass(frozen=True)
class Decision:
    """What the policy program says of a new connection."""

    allowed: bool
    enforced: bool = True
    """Whether the endpoint has policy in that direction: only then a verdict is reported."""
    reason: int = 0
    """133 or 181 when refused."""
    match: int = NO_MATCH
    sources: tuple[Source, ...] = ()
    derived: str = ""
    """Label of an implicit rule, without name or kind."""
    l7: tuple[Object, ...] = ()
    """L7 rules of the entries that let it pass; non-empty means a redirect to the proxy."""


OPEN = Decision(allowed=True, enforced=False)


def default_cluster(known: View) -> str:
    """The cluster a selector without cluster label means; empty where it means every cluster.

    Option policy-default-local-cluster: absent up to 1.17, false in 1.18, true from 1.19 on.
    """
    written = known.config().get("policy-default-local-cluster")
    local = written == "true" if written is not None else known.version >= (1, 19)
    return known.name if local and known.version >= (1, 18) else ""


@dataclass
class Compiled:
    """A cluster's valid policies, compiled once per change."""

    version: int = -1
    rules: list[Rule] = field(default_factory=list)
    mode: str = "default"
    cache: dict[tuple[str, tuple[str, ...]], tuple[Rule, ...]] = field(default_factory=dict)

    def refresh(self, known: View) -> None:
        """Compile again if anything changed."""
        if self.version == known.policy_version:
            return
        self.version = known.policy_version
        self.cache.clear()
        self.mode = known.config().get("enable-policy", "default")
        local = default_cluster(known)
        self.rules = []
        for gvr in POLICIES:
            for obj in known.cluster.store.list(gvr):
                try:
                    self.rules += compile_policy(obj, local, known.version)
                except Invalid:
                    continue
        if known.config().get("enable-non-default-deny-policies", "true").lower() != "true":
            self.rules = [replace(rule, default_deny=True) for rule in self.rules]

    def selecting(self, labels: tuple[str, ...], direction: str) -> tuple[Rule, ...]:
        """Rules of that direction whose subject has these labels."""
        key = (direction, labels)
        if key not in self.cache:
            parsed = [selectors.split(label) for label in labels]
            self.cache[key] = tuple(r for r in self.rules if r.direction == direction and r.subject.matches(parsed))
        return self.cache[key]


def compiled(known: View) -> Compiled:
    """The cluster's compiled policies, current."""
    cluster: SimCluster = known.cluster
    found = cluster.part(Compiled, Compiled)
    found.refresh(known)
    return found


def decide(known: View, direction: str, subject: Party, peer: Party, protocol: str, port: int) -> Decision:
    """The decision of `subject`'s node for a connection with `peer`; `port` is the destination's, after translation."""
    policies = compiled(known)
    if not subject.is_pod or policies.mode == "never":
        return OPEN
    rules = policies.selecting(subject.labels, direction)
    always = policies.mode == "always"
    if not rules and not always:
        return OPEN
    if direction == INGRESS and peer.identity == HOST:
        return Decision(True, match=L3_ONLY, derived=f"{DERIVED}allow-localhost-ingress")
    destination = subject if direction == INGRESS else peer
    hits = [
        Hit(entry, depth)
        for rule in rules
        for entry in rule.entries
        if (depth := _depth(entry, destination, protocol, port)) is not None and _peer(known, entry, peer)
    ]
    refused = [hit for hit in hits if hit.entry.deny]
    if refused:
        winners = _winners(refused)
        return Decision(False, reason=DENIED_BY_RULE, match=winners[0].match, sources=(winners[0].entry.source,))
    if hits:
        return _allowed(hits)
    if always or any(r.default_deny for r in rules):
        return Decision(False, reason=DENIED_BY_DEFAULT)
    return Decision(True, match=MATCH_ALL, derived=f"{DERIVED}allow-any-{direction}")


@dataclass(frozen=True)
class Hit:
    """An entry that matches, and how many bits of protocol and port its map key fixes."""

    entry: Entry
    depth: int

    @property
    def anybody(self) -> bool:
        """Whether its key has the wildcard identity."""
        return self.entry.peers is None or "all" in self.entry.peers.entities

    @property
    def match(self) -> int:
        """The match type that is reported when this entry wins."""
        if self.depth == 0:
            return MATCH_ALL if self.anybody else L3_ONLY
        if self.depth == PROTOCOL_BITS:
            return PROTO_ONLY if self.anybody else L3_PROTO
        return L4_ONLY if self.anybody else L3_L4


def _winners(hits: list[Hit]) -> list[Hit]:
    """The longest port prefix wins, then the specific identity (bpf/lib/policy.h)."""
    best = max((hit.depth, not hit.anybody) for hit in hits)
    return [hit for hit in hits if (hit.depth, not hit.anybody) == best]


def _allowed(hits: list[Hit]) -> Decision:
    """The winning key names its policies; one plain allow lifts the L7 rules of all others."""
    winners = _winners(hits)
    sources = tuple(dict.fromkeys(hit.entry.source for hit in winners))
    l7 = tuple(hit.entry.l7 for hit in hits if hit.entry.l7)
    return Decision(True, match=winners[0].match, sources=sources, l7=l7 if len(l7) == len(hits) else ())


def _depth(entry: Entry, destination: Party, protocol: str, port: int) -> int | None:
    """Bits of protocol and port that the entry's key fixes; None where it is about other traffic."""
    if entry.icmp_only:
        return None
    if entry.ports is None:
        return 0
    found = [_bits(p, port) for p in entry.ports if _port_hit(p, destination, protocol, port)]
    return max(found, default=None)


def _bits(wanted: PortRange, port: int) -> int:
    """A range is kept as aligned blocks of ports; the block that holds `port` decides."""
    low, high = (port, port) if wanted.name else (wanted.low, wanted.high)
    for bits in range(PORT_BITS):
        size = 1 << (PORT_BITS - bits)
        start = port - port % size
        if low <= start and start + size - 1 <= high:
            return PROTOCOL_BITS + bits
    return PROTOCOL_BITS + PORT_BITS


def _peer(known: View, entry: Entry, peer: Party) -> bool:
    return entry.peers is None or _peer_hit(known, entry.peers, peer)


def _port_hit(wanted: PortRange, destination: Party, protocol: str, port: int) -> bool:
    if wanted.protocol and wanted.protocol != protocol:
        return False
    if wanted.name:
        return port == named_port(destination.pod_object, wanted.name, protocol)
    return wanted.low <= port <= wanted.high


def named_port(pod: Object | None, name: str, protocol: str) -> int:
    """The container port of that name, 0 when there is none."""
    for container in (pod or {}).get("spec", {}).get("containers", ()):
        for port in container.get("ports") or ():
            if port.get("name") == name and port.get("protocol", "TCP") == protocol:
                return int(port["containerPort"])
    return 0


def _peer_hit(known: View, peers: Peers, peer: Party) -> bool:
    labels = [selectors.split(label) for label in peer.labels]
    if any(s.matches(labels) for s in peers.selectors):
        return True
    if any(_entity_hit(known, entity, peer) for entity in peers.entities):
        return True
    if peer.identity == WORLD and any(_cidr_hit(cidr, without, peer.ip) for cidr, without in peers.cidrs):
        return True
    return any(_service_hit(known, s, peer) for s in peers.services)


def _entity_hit(known: View, entity: str, peer: Party) -> bool:
    """Entities (pkg/policy/api/entity.go); pods of a remote cluster are neither world nor cluster."""
    infrastructure = peer.identity in (HOST, REMOTE_NODE, HEALTH)
    if entity == "all":
        return True
    if entity == "world":
        return peer.identity == WORLD
    if entity == "cluster":
        return infrastructure or (peer.is_pod and peer.cluster == known.name)
    if entity == "cluster-mesh":
        return known.version >= (1, 20) and (infrastructure or peer.is_pod)
    # Also world-ipv4: only a dual-stack cluster gives addresses that label, and this one is not.
    return f"reserved:{entity}" in peer.labels


def _cidr_hit(cidr: str, without: Sequence[str], ip: str) -> bool:
    address = ipaddress.ip_address(ip)
    if address not in ipaddress.ip_network(cidr, strict=False):
        return False
    return not any(address in ipaddress.ip_network(w, strict=False) for w in without)


def _service_hit(known: View, wanted: Object, peer: Party) -> bool:
    """toServices: pods behind the named Services of this cluster."""
    by_name = wanted.get("k8sService") or {}
    by_labels = wanted.get("k8sServiceSelector") or {}
    for service in known.services():
        meta = service["metadata"]
        space = meta["namespace"]
        if by_name:
            if (by_name.get("serviceName"), by_name.get("namespace", space)) != (meta["name"], space):
                continue
        elif not by_labels or not selectors.parse(by_labels.get("selector")).matches(
            [("k8s", k, v) for k, v in (meta.get("labels") or {}).items()]
        ):
            continue
        for piece in known.service_slices(space, meta["name"]):
            if any(peer.ip in e["addresses"] for e in piece.get("endpoints") or ()):
                return True
    return False


def validate(obj: Object, version: tuple[int, int] = (1, 21)) -> str:
    """Why that version's agent refuses a policy; empty when it is valid."""
    try:
        compile_policy(obj, "", version)
    except Invalid as error:
        return str(error)
    return ""
