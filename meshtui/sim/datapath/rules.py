"""Policies as the agent holds them: one flat list of entries from CNP, CCNP and Kubernetes NetworkPolicy."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

from meshtui.sim.datapath import selectors
from meshtui.sim.datapath.selectors import Selector

Object = dict[str, Any]
INGRESS, EGRESS = "ingress", "egress"
PROTOCOLS = ("TCP", "UDP", "SCTP")
MOST_PORTS = 40
"""Ports that one toPorts element may list."""


class Invalid(ValueError):
    """A policy the agent refuses; the text is its reason."""


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


@dataclass(frozen=True, slots=True)
class Peers:
    """Whom an entry is about; all empty means nobody."""

    selectors: tuple[Selector, ...] = ()
    entities: tuple[str, ...] = ()
    cidrs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    services: tuple[Object, ...] = ()


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of one protocol (empty: any); `name` where the policy names the port, 0–65535 for all."""

    protocol: str
    low: int
    high: int
    name: str = ""


@dataclass(frozen=True)
class Entry:
    """One allow or deny."""

    source: Source
    direction: str
    deny: bool
    peers: Peers | None
    """None: anybody."""
    ports: tuple[PortRange, ...] | None
    """None: every protocol and port."""
    l7: Object | None = None
    """The toPorts element's `rules`, where it has any."""
    icmp_only: bool = False


@dataclass(frozen=True)
class Rule:
    """One spec's effect in one direction on whom it selects."""

    subject: Selector
    direction: str
    default_deny: bool
    entries: tuple[Entry, ...]


def compile_policy(obj: Object, default_cluster: str, version: tuple[int, int] = (1, 21)) -> list[Rule]:
    """Rules of one policy object. Raises Invalid where that version's agent would refuse it.

    Source: Cilium's pkg/policy/api/rule_validation.go.
    """
    kind, meta = obj["kind"], obj["metadata"]
    namespace = meta.get("namespace", "")
    source = Source(meta["name"], namespace, kind, meta.get("uid", ""))
    if kind == "NetworkPolicy":
        return _network_policy(obj["spec"], source, default_cluster)
    specs = [s for s in (obj.get("spec"), *(obj.get("specs") or ())) if s is not None]
    if not specs:
        raise Invalid("invalid policy: neither spec nor specs")
    found: list[Rule] = []
    for spec in specs:
        found += _spec(spec, source, default_cluster, version)
    return found


def _check(spec: Object, source: Source, version: tuple[int, int]) -> None:
    """What a whole rule has to have. Up to 1.17 one without any section was let pass, without effect."""
    has = [s for s in ("endpointSelector", "nodeSelector") if spec.get(s) is not None]
    if not has:
        raise Invalid("rule must have one of EndpointSelector or NodeSelector")
    if len(has) == 2:
        raise Invalid("rule cannot have both EndpointSelector and NodeSelector")
    if has == ["nodeSelector"] and source.namespace:
        raise Invalid("rule with NodeSelector is only supported in CiliumClusterwideNetworkPolicy")
    sections = any(spec.get(k) for k in ("ingress", "ingressDeny", "egress", "egressDeny"))
    if not sections and version >= (1, 18):
        raise Invalid("rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny")


def _spec(spec: Object, source: Source, default_cluster: str, version: tuple[int, int]) -> list[Rule]:
    _check(spec, source, version)
    if spec.get("nodeSelector") is not None:
        return []
    try:
        subject = selectors.subject(spec["endpointSelector"], source.namespace)
    except ValueError as error:
        raise Invalid(str(error)) from error
    found = []
    wanted = spec.get("enableDefaultDeny") or {}
    for direction in (INGRESS, EGRESS):
        entries: list[Entry] = []
        present = False
        for section, deny in ((direction, False), (f"{direction}Deny", True)):
            for element in spec.get(section) or ():
                present = True
                entries += _element(element, source, direction, deny, default_cluster)
        if present:
            found.append(Rule(subject, direction, wanted.get(direction, True) is not False, tuple(entries)))
    return found


def _element(element: Object, source: Source, direction: str, deny: bool, default_cluster: str) -> list[Entry]:
    """Entries of one list element; `{}` gives none, which is what denies everything."""
    side = "from" if direction == INGRESS else "to"
    peers = _peers(element, side, source.namespace, default_cluster)
    found: list[Entry] = []
    for item in element.get("toPorts") or ():
        rules = item.get("rules")
        if deny and rules:
            raise Invalid("deny rules cannot have L7 rules")
        if len(item.get("ports") or ()) > MOST_PORTS:
            raise Invalid(f"too many ports, the max is {MOST_PORTS}: {len(item['ports'])}")
        ports = tuple(p for port in item.get("ports") or () for p in _ports(port))
        found.append(Entry(source, direction, deny, peers, ports or _all_ports(), rules))
    if element.get("icmps"):
        if element.get("toPorts"):
            raise Invalid('The "toPorts" and "icmps" fields cannot be combined')
        found.append(Entry(source, direction, deny, peers, (), icmp_only=True))
    if not found and peers is not None and peers != Peers():
        found.append(Entry(source, direction, deny, peers, None))
    return found


def _peers(element: Object, side: str, namespace: str, default_cluster: str) -> Peers | None:
    """None when the element names no L3 member at all."""
    members = [f"{side}{what}" for what in ("Endpoints", "Entities", "CIDR", "CIDRSet", "Nodes", "Groups")]
    if side == "to":
        members += ["toServices", "toFQDNs"]
    given = [m for m in members if element.get(m) is not None]
    named = [m[0].upper() + m[1:] for m in members if element.get(m)]
    if len(named) > 1:
        raise Invalid(f"combining {named[0]} and {named[1]} is not supported yet")
    if not given:
        return None
    try:
        chosen = tuple(selectors.peer(s, namespace, default_cluster) for s in element.get(f"{side}Endpoints") or ())
    except ValueError as error:
        raise Invalid(str(error)) from error
    cidrs = [(str(c), ()) for c in element.get(f"{side}CIDR") or ()]
    cidrs += [(c.get("cidr", ""), tuple(c.get("except") or ())) for c in element.get(f"{side}CIDRSet") or ()]
    for cidr, _ in cidrs:
        _network(cidr)
    entities = tuple(element.get(f"{side}Entities") or ())
    for entity in entities:
        if entity not in ENTITIES:
            raise Invalid(f"unsupported entity: {entity}")
    return Peers(chosen, entities, tuple(cidrs), tuple(element.get("toServices") or ()))


ENTITIES = (
    "all", "world", "world-ipv4", "world-ipv6", "cluster", "cluster-mesh", "host", "remote-node",
    "kube-apiserver", "ingress", "init", "health", "unmanaged", "none",
)  # fmt: skip


def _network(text: str) -> None:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise Invalid(f"unable to parse CIDR {text!r}") from error


def _all_ports() -> tuple[PortRange, ...]:
    return (PortRange("", 0, 65535),)


def _ports(port: Object) -> list[PortRange]:
    """One `ports` item; a protocol of ANY or none stands for all of TCP, UDP and SCTP."""
    protocol = str(port.get("protocol") or "ANY").upper()
    if protocol not in (*PROTOCOLS, "ANY", "ICMP", "ICMPV6"):
        raise Invalid(f"invalid protocol {protocol!r}, must be {{ tcp | udp | sctp | any }}")
    wanted = "" if protocol == "ANY" else protocol
    text = str(port.get("port", "0"))
    if not text.isdigit():
        if len(text) > 15 or not any(c.isalpha() for c in text):
            raise Invalid(f"Port {text!r} is not a valid port name")
        return [PortRange(wanted, 0, 0, text)]
    number = int(text)
    if number > 65535:
        raise Invalid(f'unable to parse port: strconv.ParseUint: parsing "{text}": value out of range')
    if number == 0:
        return [PortRange(wanted, 0, 65535)]
    return [PortRange(wanted, number, int(port.get("endPort") or number))]


def _network_policy(spec: Object, source: Source, default_cluster: str) -> list[Rule]:
    """Kubernetes' own kind: here an empty element allows everybody."""
    subject = selectors.subject(_k8s(spec.get("podSelector")), source.namespace)
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    found = []
    for direction, side in ((INGRESS, "from"), (EGRESS, "to")):
        if direction.capitalize() not in types:
            continue
        entries: list[Entry] = []
        for element in spec.get(direction) or ():
            peers = None
            if element.get(side):
                peers = _k8s_peers(element[side], source.namespace, default_cluster)
            ports = tuple(p for port in element.get("ports") or () for p in _k8s_ports(port))
            entries.append(Entry(source, direction, False, peers, ports or None))
        found.append(Rule(subject, direction, True, tuple(entries)))
    return found


def _k8s_ports(port: Object) -> list[PortRange]:
    return _ports({**port, "protocol": port.get("protocol") or "TCP", "port": port.get("port", 0)})


def _k8s(selector: Object | None, prefix: str = "") -> Object:
    """A Kubernetes selector with keys of source k8s."""
    selector = selector or {}
    return {
        "matchLabels": {f"k8s:{prefix}{k}": v for k, v in (selector.get("matchLabels") or {}).items()},
        "matchExpressions": [{**e, "key": f"k8s:{prefix}{e['key']}"} for e in selector.get("matchExpressions") or ()],
    }


def _k8s_peers(peers: list[Object], namespace: str, default_cluster: str) -> Peers:
    chosen, cidrs = [], []
    for each in peers:
        if "ipBlock" in each:
            cidrs.append((each["ipBlock"]["cidr"], tuple(each["ipBlock"].get("except") or ())))
            continue
        merged = _k8s(each.get("podSelector"))
        if "namespaceSelector" in each:
            spaces = _k8s(each["namespaceSelector"], selectors.NAMESPACE_LABELS)
            merged["matchLabels"].update(spaces["matchLabels"])
            merged["matchExpressions"] += spaces["matchExpressions"]
            if not spaces["matchLabels"] and not spaces["matchExpressions"]:
                merged["matchExpressions"].append({"key": f"k8s:{selectors.NAMESPACE}", "operator": "Exists"})
        chosen.append(selectors.peer(merged, namespace, default_cluster))
    return Peers(tuple(chosen), (), tuple(cidrs))
