"""Policies as the agent holds them: subjects and entries of CiliumNetworkPolicies and clusterwide ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshtui.sim.rulebook import peers as p
from meshtui.sim.rulebook import selectors
from meshtui.sim.rulebook.peers import ANYBODY, Peers
from meshtui.sim.rulebook.ports import PortRange, of_icmp, of_port
from meshtui.sim.rulebook.selectors import Requirement, Selector
from meshtui.sim.rulebook.toservices import Service, behind
from meshtui.sim.rulebook.versions import EMPTIED_CIDRS_ARE_NONE, GROUP_REF_EMPTIES_OTHERS, NODE_SPEC_SPOILS, Version

Object = dict[str, Any]
INGRESS, EGRESS = "ingress", "egress"
_MEMBERS = ("Endpoints", "Nodes", "Entities", "CIDR", "CIDRSet")
"""Members that select nobody when they are written as an empty list."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which policy an entry comes from."""

    name: str
    namespace: str
    kind: str
    uid: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the agent puts on what it derives from the policy."""
        found = [f"k8s:io.cilium.k8s.policy.derived-from={self.kind}", f"k8s:io.cilium.k8s.policy.name={self.name}"]
        if self.namespace:
            found.append(f"k8s:io.cilium.k8s.policy.namespace={self.namespace}")
        return (*found, f"k8s:io.cilium.k8s.policy.uid={self.uid}")


@dataclass(frozen=True)
class Entry:
    """One allow or deny."""

    source: Source
    direction: str
    deny: bool
    peers: Peers
    ports: tuple[PortRange, ...] | None
    """None: every protocol and port."""
    l7: Object | None = None
    """The toPorts element's `rules`, where it has any."""
    proxied: bool = False
    """Whether what it lets pass goes through the proxy."""
    auth: str = ""
    """`authentication.mode`, where it is written."""


@dataclass(frozen=True)
class Rule:
    """One spec's effect in one direction on whom it selects."""

    subject: Selector
    direction: str
    default_deny: bool
    entries: tuple[Entry, ...]
    required: tuple[Requirement, ...] = ()
    """Of fromRequires or toRequires: holds for the endpoints of every rule with the same subject."""


@dataclass(frozen=True)
class Scope:
    """Where a policy is read: the cluster's version and settings, and what it refers to."""

    version: Version = (1, 21)
    cluster: str = ""
    default_cluster: str = ""
    """The cluster that a selector without one means; empty where it means all."""
    services: Sequence[Service] = ()
    config: Mapping[str, str] = field(default_factory=dict)


def source_of(obj: Object) -> Source:
    """Who a policy is."""
    meta = obj["metadata"]
    return Source(meta["name"], meta.get("namespace", ""), obj["kind"], meta.get("uid", ""))


def specs_of(obj: Object) -> list[Object]:
    """Its rules, whether they stand in `spec` or in `specs`."""
    return [s for s in (obj.get("spec"), *(obj.get("specs") or ())) if s is not None]


def cilium_rules(obj: Object, scope: Scope) -> list[Rule]:
    """Rules of a Cilium policy that the agent took. One for nodes has none: hosts are no endpoints here."""
    reader = _Reader(obj, scope)
    specs = [s for s in specs_of(obj) if s.get("endpointSelector") is not None]
    if len(specs) < len(specs_of(obj)) and source_of(obj).namespace and NODE_SPEC_SPOILS.at(scope.version):
        return []
    return [rule for spec in specs for rule in reader.rules(spec)]


class _Reader:
    """Reads the specs of one policy."""

    def __init__(self, obj: Object, scope: Scope) -> None:
        self._source = source_of(obj)
        self._scope = scope
        self._init = False
        self._emptied = GROUP_REF_EMPTIES_OTHERS.at(scope.version) and any(map(_refers, specs_of(obj)))

    def rules(self, spec: Object) -> list[Rule]:
        """Both directions of one spec."""
        self._init = selectors.about_init(spec["endpointSelector"])
        subject = selectors.subject(spec["endpointSelector"], self._source.namespace)
        chosen = spec.get("enableDefaultDeny") or {}
        found = []
        for direction in (INGRESS, EGRESS):
            allowed, denied = spec.get(direction) or (), spec.get(f"{direction}Deny") or ()
            if not allowed and not denied:
                continue
            entries = [e for element in allowed for e in self._entries(element, direction, deny=False)]
            entries += [e for element in denied for e in self._entries(element, direction, deny=True)]
            default_deny = chosen.get(direction) is not False
            found.append(Rule(subject, direction, default_deny, tuple(entries), self._required(allowed, direction)))
        return found

    def _required(self, elements: Sequence[Object], direction: str) -> tuple[Requirement, ...]:
        """FromRequires of up to 1.18; a schema without it has dropped it before it comes here."""
        member = "fromRequires" if direction == INGRESS else "toRequires"
        namespace, cluster = self._source.namespace, self._scope.default_cluster
        found = [
            selectors.scoped(selectors.parse(s), namespace, cluster, init=self._init)
            for element in elements
            for s in element.get(member) or ()
        ]
        return tuple(r for each in found for r in each.requirements)

    def _entries(self, element: Object, direction: str, *, deny: bool) -> list[Entry]:
        """Entries of one list element; `{}` gives none, which is what denies everything.

        An empty list of ports, of ICMP fields, or a toPorts element without ports is about no traffic at all. Without
        any peer written, ports are open to anybody; so are they where toServices or toFQDNs found nobody.
        """
        peers = self._peers(element, direction, deny=deny)
        if peers is None:
            return []
        auth = str((element.get("authentication") or {}).get("mode", "")) if not deny else ""
        items, icmps = element.get("toPorts") or (), element.get("icmps") or ()
        if not items and not icmps:
            return [Entry(self._source, direction, deny, peers, None, auth=auth)] if peers else []
        peers = peers or ANYBODY
        found = []
        for item in items:
            ports = tuple(r for port in item.get("ports") or () for r in of_port(port, self._scope.version))
            l7 = None if deny else _l7(item)
            proxied = not deny and (l7 is not None or _proxied(item))
            found.append(Entry(self._source, direction, deny, peers, ports, l7, proxied, auth))
        fields = tuple(of_icmp(f) for icmp in icmps for f in icmp.get("fields") or ())
        return [*found, Entry(self._source, direction, deny, peers, fields, auth=auth)] if icmps else found

    def _peers(self, element: Object, direction: str, *, deny: bool) -> Peers | None:
        """Whom an element is about; None where a member is an empty list and thereby nobody is."""
        side = "from" if direction == INGRESS else "to"
        held = {name: element.get(f"{side}{name}") for name in (*_MEMBERS, "FQDNs")}
        if self._emptied and held["CIDRSet"] is None:
            return None
        if any(held[name] is not None and not held[name] for name in _MEMBERS):
            return None
        namespace, scope = self._source.namespace, self._scope
        written = held["Endpoints"] or ()
        endpoints = [selectors.peer(s, namespace, scope.default_cluster, init=self._init) for s in written]
        entities = [s for e in held["Entities"] or () for s in p.entity(e, scope.cluster)]
        entities += [selectors.nodes(s, scope.default_cluster) for s in held["Nodes"] or ()]
        items = held["CIDRSet"] or ()
        cidrs = [p.Cidr(p.network(c)) for c in held["CIDR"] or ()]
        cidrs += [p.cidr_of(item) for item in items if item.get("cidr")]
        if EMPTIED_CIDRS_ARE_NONE.at(scope.version):
            cidrs = [c for c in cidrs if not c.empty]
        groups = [p.group_of(item) for item in items if not item.get("cidr")]
        if direction == EGRESS and not deny and element.get("toServices"):
            pods, addresses = behind(element["toServices"], scope.services, scope.default_cluster, scope.version)
            endpoints, cidrs = endpoints + pods, cidrs + addresses
        names = [p.name_of(item) for item in held["FQDNs"] or ()] if direction == EGRESS and not deny else []
        return Peers(tuple(endpoints), tuple(entities), tuple(cidrs), tuple(groups), tuple(names))


def _refers(spec: Object) -> bool:
    """Whether a spec refers to a CIDR group by name."""
    for section in (INGRESS, EGRESS, f"{INGRESS}Deny", f"{EGRESS}Deny"):
        for element in spec.get(section) or ():
            for member in ("fromCIDRSet", "toCIDRSet"):
                if any(item.get("cidrGroupRef") for item in element.get(member) or ()):
                    return True
    return False


def _l7(item: Object) -> Object | None:
    """L7 rules that are not empty."""
    rules = item.get("rules") or {}
    return rules if any(rules.get(k) for k in ("http", "dns", "kafka", "l7", "l7proto")) else None


def _proxied(item: Object) -> bool:
    return any(item.get(k) for k in ("listener", "serverNames", "terminatingTLS", "originatingTLS"))
