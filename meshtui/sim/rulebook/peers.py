"""Whom an element of a policy is about: endpoints, entities, addresses, groups of addresses, names."""

from __future__ import annotations

import fnmatch
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.sim.rulebook.selectors import EVERYBODY, RESERVED, Label, Requirement, Selector, in_cluster, parse

Object = dict[str, Any]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
GROUP_SOURCE = "cidrgroup"
GROUP_NAME = "io.cilium.policy.cidrgroupname/"
_INFRASTRUCTURE = ("host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")
_ALONE = (*_INFRASTRUCTURE, "none", "world-ipv4", "world-ipv6")
ENTITIES = ("all", "world", "cluster", "cluster-mesh", *_ALONE)


@dataclass(frozen=True, slots=True)
class Cidr:
    """A network without some of its parts."""

    network: Network
    without: tuple[Network, ...] = ()

    def holds(self, ip: str) -> bool:
        """Whether an address is in it."""
        address = ipaddress.ip_address(ip)
        return address in self.network and not any(address in each for each in self.without)

    @property
    def empty(self) -> bool:
        """Whether the exceptions leave nothing."""
        left: list[Network] = [self.network]
        for each in self.without:
            left = [part for one in left for part in _minus(one, each)]
        return not left


def _minus(whole: Network, part: Network) -> Iterable[Network]:
    if not whole.overlaps(part):
        return [whole]
    if part.prefixlen <= whole.prefixlen:
        return []
    return whole.address_exclude(part)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Group:
    """Addresses of the CiliumCIDRGroups that a selector finds, by the labels those put on them."""

    selector: Selector
    without: tuple[Network, ...] = ()

    def holds(self, labels: Sequence[Label], ip: str) -> bool:
        """Whether it is about somebody with these labels and that address."""
        if not self.selector.matches(labels):
            return False
        return not (self.without and ip and any(ipaddress.ip_address(ip) in each for each in self.without))


@dataclass(frozen=True, slots=True)
class Name:
    """A DNS name or pattern."""

    pattern: str
    literal: bool

    def matches(self, name: str) -> bool:
        """Whether a name, without its final dot, is meant."""
        asked, wanted = name.rstrip(".").lower(), self.pattern.rstrip(".").lower()
        if self.literal or "*" not in wanted:
            return asked == wanted
        return wanted == "*" or _labelwise(asked, wanted)


def _labelwise(name: str, pattern: str) -> bool:
    """A star stands for characters of one label (pkg/fqdn/matchpattern)."""
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(fnmatch.fnmatchcase(p, w) for p, w in zip(parts, wanted, strict=True))


@dataclass(frozen=True, slots=True)
class Seen:
    """Somebody as the rules see them."""

    labels: tuple[Label, ...]
    ip: str = ""
    outside: bool = False
    """Whether the identity is one of an address: only such are meant by CIDRs and names."""
    names: tuple[str, ...] = ()
    """DNS names that this address was the answer for."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Whom an entry is about; all empty means nobody."""

    endpoints: tuple[Selector, ...] = ()
    entities: tuple[Selector, ...] = ()
    cidrs: tuple[Cidr, ...] = ()
    groups: tuple[Group, ...] = ()
    names: tuple[Name, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.endpoints or self.entities or self.cidrs or self.groups or self.names)

    @property
    def everybody(self) -> bool:
        """Whether one of them is everybody: then their only key in the policy map has the wildcard identity."""
        selectors = (*self.endpoints, *self.entities, *(g.selector for g in self.groups if not g.without))
        return any(not selector.requirements for selector in selectors)

    def meant(self, peer: Seen, required: Sequence[Requirement] = ()) -> bool:
        """Whether somebody is among them; `required` is what fromRequires of any rule adds to endpoints."""
        labels = peer.labels
        if any(s.matches(labels) for s in self.endpoints) and all(r.holds(labels) for r in required):
            return True
        if any(s.matches(labels) for s in self.entities) or any(g.holds(labels, peer.ip) for g in self.groups):
            return True
        if not peer.outside:
            return False
        if peer.ip and any(cidr.holds(peer.ip) for cidr in self.cidrs):
            return True
        return any(wanted.matches(name) for wanted in self.names for name in peer.names)


ANYBODY = Peers(endpoints=(EVERYBODY,))


def reserved(name: str) -> Selector:
    """Those with one reserved label."""
    return Selector((Requirement(RESERVED, name, "Exists"),))


def entity(name: str, cluster: str) -> tuple[Selector, ...]:
    """Selectors of an entity (pkg/policy/api/entity.go); pods of a remote cluster are neither world nor cluster."""
    if name == "all":
        return (EVERYBODY,)
    if name == "world":
        return (reserved("world"), reserved("world-ipv4"), reserved("world-ipv6"))
    if name == "cluster":
        return (*(reserved(each) for each in _INFRASTRUCTURE), Selector((in_cluster(cluster),)))
    if name == "cluster-mesh":
        some = Requirement("k8s", "io.cilium.k8s.policy.cluster", "Exists")
        return (*(reserved(each) for each in _INFRASTRUCTURE), Selector((some,)))
    return (reserved(name),) if name in _ALONE else ()


def network(text: str) -> Network:
    """A CIDR or a single address. Raises ValueError."""
    return ipaddress.ip_network(text, strict=False)


def cidr_of(item: Object) -> Cidr:
    """A CIDR of toCIDRSet, with its exceptions."""
    return Cidr(network(item["cidr"]), tuple(network(each) for each in item.get("except") or ()))


def group_of(item: Object) -> Group:
    """A reference to CIDR groups, by name or by labels."""
    without = tuple(network(each) for each in item.get("except") or ())
    if item.get("cidrGroupRef"):
        wanted = Requirement(GROUP_SOURCE, GROUP_NAME + item["cidrGroupRef"], "Exists")
        return Group(Selector((wanted,)), without)
    return Group(parse(item.get("cidrGroupSelector"), GROUP_SOURCE), without)


def name_of(item: Object) -> Name:
    """One element of toFQDNs."""
    literal = bool(item.get("matchName"))
    return Name(item.get("matchName") or item.get("matchPattern") or "", literal)
