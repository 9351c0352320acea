"""Compiles CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy specs to rules, with all that is implied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import objects as o
from meshtui.core.policy.labels import CIDR_GROUP
from meshtui.core.policy.model import ANYBODY, Entry, Network, Peer, PeerKind, Rule, ServiceQuery, TrafficDirection
from meshtui.core.policy.ports import port_rules
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.selectors import (
    Requirement,
    Selector,
    node_selector,
    parse_key,
    peer_selector,
    requirements,
    subject_selector,
)

_WORD = {TrafficDirection.EGRESS: "to", TrafficDirection.INGRESS: "from"}
_EMPTY_IS_NOBODY = ("Endpoints", "Nodes", "Entities", "CIDR", "CIDRSet")
"""Members that select nobody when they are an empty list; other empty members are as good as absent."""

Raw = Mapping[str, Any]


def specs_of(policy: o.Policy) -> list[Raw]:
    """`spec` and `specs` of a Cilium policy, in the order the agent reads them."""
    return [*([policy.spec] if policy.spec is not None else []), *(policy.specs or [])]


def kind_of(policy: o.Policy) -> str:
    """The kind of a Cilium policy, which lists of an API server leave out."""
    return policy.kind or ("CiliumNetworkPolicy" if policy.namespace else "CiliumClusterwideNetworkPolicy")


def compile_policy(policy: o.Policy, reading: Reading) -> list[Rule]:
    """The rules of one Cilium policy that the agents import; specs that select nodes have none."""
    specs = specs_of(policy)
    ref = PolicyRef(policy.name, policy.namespace, kind_of(policy))
    # References to CIDR groups were written out as CIDR sets, which made an empty one of every rule without a set.
    emptied = not reading.does.cidr_groups_are_labels and any(_refers_to_groups(spec) for spec in specs)
    return [
        _compile_spec(spec, ref, reading, emptied=emptied) for spec in specs if spec.get("endpointSelector") is not None
    ]


def _refers_to_groups(spec: Raw) -> bool:
    return any(
        item.get("cidrGroupRef")
        for direction in TrafficDirection
        for section in (direction.value, f"{direction.value}Deny")
        for raw in spec.get(section) or ()
        for item in _list(raw, f"{_WORD[direction]}CIDRSet")
    )


def _compile_spec(spec: Raw, ref: PolicyRef, reading: Reading, *, emptied: bool) -> Rule:
    """Default deny per direction: as enableDefaultDeny says, else on where the direction has any element.

    An empty element counts. Source: pkg/policy/api/rule_validation.go (Sanitize), pkg/policy/repository.go.
    """
    entries: dict[TrafficDirection, tuple[Entry, ...]] = {}
    requires: dict[tuple[TrafficDirection, bool], tuple[Requirement, ...]] = {}
    default_deny = set()
    wanted = spec.get("enableDefaultDeny") or {}
    init = any(parse_key(key) == ("reserved", "init") for key in _keys(spec["endpointSelector"]))
    for direction in TrafficDirection:
        compiled: list[Entry] = []
        listed = [(raw, False) for raw in spec.get(direction.value) or []]
        listed += [(raw, True) for raw in spec.get(f"{direction.value}Deny") or []]
        if not listed:
            continue
        for raw, deny in listed:
            compiler = _Element(raw, direction, ref.namespace, reading, deny=deny, init=init)
            if not emptied or compiler.has("CIDRSet"):
                compiled += compiler.entries()
            if reading.does.requires:
                requires[direction, deny] = (*requires.get((direction, deny), ()), *compiler.requires())
        entries[direction] = tuple(compiled)
        on = wanted.get(direction.value)
        if reading.always_deny or on is None or on:
            default_deny.add(direction)
    subject = subject_selector(spec["endpointSelector"], ref.namespace)
    return Rule(ref, subject, entries, frozenset(default_deny), {k: v for k, v in requires.items() if v})


class _Element:
    """One element of a list of rules, read for one cluster."""

    def __init__(
        self, raw: Raw, direction: TrafficDirection, namespace: str, reading: Reading, *, deny: bool, init: bool
    ) -> None:
        self._raw, self._direction, self._namespace, self._reading = raw, direction, namespace, reading
        self._deny, self._init = deny, init
        self._word = _WORD[direction]
        self._ports = port_rules(raw, reading.does)

    def entries(self) -> list[Entry]:
        """What it allows or denies, nothing where it has no effect.

        No L3 member and no L4: nothing (unlike Kubernetes). A member that is an empty list: nobody. No L3 member that
        counts, with ports: anybody. Source: pkg/policy/rule.go, parserules.go, l4.go.
        """
        if any(self.has(member) and not self._raw.get(self._word + member) for member in _EMPTY_IS_NOBODY):
            return []
        peers, services = self._peers(), self._services()
        if not self._reading.does.no_cidr_left_is_nobody:
            peers = [peer for peer in peers if peer.network is None or not _used_up(peer)]
        if not peers and not services:
            if self._ports is None:
                return []
            peers = [ANYBODY]
        mode = str((self._raw.get("authentication") or {}).get("mode") or "")
        anybody = self._ports is not None and not peers
        return [Entry(self._deny, (*peers, *services), self._ports, "" if self._deny else mode, anybody)]

    def has(self, member: str) -> bool:
        """Whether a member is written, be it as an empty list."""
        return self._raw.get(self._word + member) is not None

    def requires(self) -> tuple[Requirement, ...]:
        """What fromRequires or toRequires ask of the selectors of every policy."""
        found = (
            peer_selector(item, self._namespace, self._reading.local, init=self._init).requirements
            for item in self._list("Requires")
        )
        return tuple(requirement for each in found for requirement in each)

    def _peers(self) -> list[Peer]:
        reading, namespace = self._reading, self._namespace
        peers = [
            Peer(PeerKind.SELECTOR, peer_selector(item, namespace, reading.local, init=self._init))
            for item in self._list("Endpoints")
        ]
        peers += [
            Peer(
                PeerKind.NODES, node_selector(item, reading.local, nodes_alone=reading.does.nodes_alone), "node labels"
            )
            for item in self._list("Nodes")
        ]
        peers += [Peer(PeerKind.ENTITY, name=str(item)) for item in self._list("Entities")]
        peers += [cidr_peer(str(item), ()) for item in self._list("CIDR")]
        peers += [_cidr_set(item) for item in self._list("CIDRSet")]
        peers += [Peer(PeerKind.CLOUD_GROUP, name=f"{self._word}Groups") for _ in self._list("Groups")]
        if self._direction is TrafficDirection.EGRESS and not self._deny:
            peers += [_fqdn(item) for item in self._list("FQDNs")]
        return peers

    def _services(self) -> list[Peer]:
        """Only `egress` is resolved: in `egressDeny` toServices means nobody (pkg/policy/k8s/service.go)."""
        if self._direction is not TrafficDirection.EGRESS or self._deny:
            return []
        return [peer for item in self._list("Services") if (peer := _service(item)) is not None]

    def _list(self, member: str) -> Sequence[Any]:
        return _list(self._raw, self._word + member)


def _keys(selector: Raw | None) -> list[str]:
    found = selector or {}
    return [*(found.get("matchLabels") or {}), *(str(e.get("key")) for e in found.get("matchExpressions") or ())]


def _list(raw: Raw, key: str) -> Sequence[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else ()


def _fqdn(item: Raw) -> Peer:
    return Peer(PeerKind.FQDN, name=str(item.get("matchName") or item.get("matchPattern") or ""))


def cidr_peer(text: str, excluded: Sequence[str]) -> Peer:
    """A CIDR, or one address, with exceptions."""
    return Peer(
        PeerKind.CIDR,
        name=text,
        network=parse_network(text),
        excluded=tuple(n for n in map(parse_network, excluded) if n is not None),
    )


def parse_network(text: str) -> Network | None:
    """A network, or None when the text is none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _used_up(peer: Peer) -> bool:
    """Whether the exceptions leave nothing of a network."""
    whole = peer.network
    if isinstance(whole, IPv4Network):
        four = collapse_addresses(hole for hole in peer.excluded if isinstance(hole, IPv4Network))
        return any(whole.subnet_of(hole) for hole in four)
    if isinstance(whole, IPv6Network):
        six = collapse_addresses(hole for hole in peer.excluded if isinstance(hole, IPv6Network))
        return any(whole.subnet_of(hole) for hole in six)
    return False


def _cidr_set(item: Raw) -> Peer:
    """A member of a CIDRSet: a CIDR, or the CIDR groups of a name or of labels (pkg/policy/api/cidr.go)."""
    holes = [str(hole) for hole in item.get("except") or ()]
    excluded = tuple(n for n in map(parse_network, holes) if n is not None)
    if item.get("cidrGroupRef"):
        name = str(item["cidrGroupRef"])
        selector = Selector((Requirement("cidrgroup", CIDR_GROUP + name, "Exists"),))
        return Peer(PeerKind.CIDR_GROUP, selector, f"CIDR group {name}", excluded=excluded)
    if item.get("cidrGroupSelector") is not None:
        selector = Selector(requirements(item["cidrGroupSelector"], "cidrgroup"))
        if selector.is_anybody and not excluded:
            return ANYBODY
        return Peer(PeerKind.CIDR_GROUP, selector, "CIDR groups by label", excluded=excluded)
    return cidr_peer(str(item.get("cidr") or ""), holes)


def _service(item: Raw) -> Peer | None:
    by_labels, named = item.get("k8sServiceSelector"), item.get("k8sService")
    if by_labels is not None:
        wanted = tuple(Requirement("any", q.key, q.operator, q.values) for q in requirements(by_labels.get("selector")))
        query = ServiceQuery(str(by_labels.get("namespace") or ""), labels=wanted)
        return Peer(PeerKind.SERVICE, name="toServices by label", service=query)
    if named is None:
        return None
    query = ServiceQuery(str(named.get("namespace") or ""), str(named.get("serviceName") or ""))
    return Peer(PeerKind.SERVICE, name=f"{query.namespace or 'any namespace'}/{query.name}", service=query)
