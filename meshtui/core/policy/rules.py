"""Compiles CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy specs to rules, with all that is implied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import objects as o
from meshtui.core.policy.model import Entry, Network, Peer, PeerKind, PortRule, Rule, Way
from meshtui.core.policy.selectors import Selector, peer_selector, subject_selector

ANY_PROTOCOL = frozenset({"TCP", "UDP", "SCTP"})
_WORD = {Way.EGRESS: "to", Way.INGRESS: "from"}
_OPAQUE = ("Groups", "Nodes")

Raw = Mapping[str, Any]


def is_valid(policy: o.Policy) -> bool:
    """False when Cilium itself marked the policy as invalid (status condition Valid): it then has no effect."""
    conditions = (policy.status.conditions if policy.status else None) or ()
    return not any(c.type == "Valid" and c.status == "False" for c in conditions)


def compile_policy(policy: o.Policy, local_cluster: str, *, always_deny: bool = False) -> list[Rule]:
    """The rules of one Cilium policy; none when it is invalid or selects nodes.

    `local_cluster`: the cluster a selector without cluster label means, empty where it means any.
    `always_deny`: the option enable-non-default-deny-policies is off.
    """
    if not is_valid(policy):
        return []
    specs = [*([policy.spec] if policy.spec else []), *(policy.specs or [])]
    kind = policy.kind or ("CiliumNetworkPolicy" if policy.namespace else "CiliumClusterwideNetworkPolicy")
    ref = PolicyRef(policy.name, policy.namespace, kind)
    return [
        _compile_spec(spec, ref, local_cluster, always_deny)
        for spec in specs
        if spec.get("endpointSelector") is not None
    ]


def _compile_spec(spec: Raw, ref: PolicyRef, local_cluster: str, always_deny: bool) -> Rule:
    """Default deny per direction: as enableDefaultDeny says, else on where the direction has any element.

    An empty element counts. Source: pkg/policy/api/rule_validation.go (Sanitize), pkg/policy/repository.go.
    """
    entries: dict[Way, tuple[Entry, ...]] = {}
    default_deny = set()
    wanted = spec.get("enableDefaultDeny") or {}
    for way in Way:
        allow, deny = spec.get(way.value) or [], spec.get(f"{way.value}Deny") or []
        if not allow and not deny:
            continue
        compiled = [_entry(raw, way, ref.namespace, local_cluster, deny=False) for raw in allow]
        compiled += [_entry(raw, way, ref.namespace, local_cluster, deny=True) for raw in deny]
        entries[way] = tuple(entry for entry in compiled if entry is not None)
        on = wanted.get(way.value)
        if always_deny or on is None or on:
            default_deny.add(way)
    subject = subject_selector(spec["endpointSelector"], ref.namespace)
    return Rule(ref, subject, entries, frozenset(default_deny))


def _entry(raw: Raw, way: Way, namespace: str, local_cluster: str, *, deny: bool) -> Entry | None:
    """One list element, or None when it produces nothing.

    No L3 member and no L4: nothing (unlike Kubernetes). An L3 member that is an empty list selects nobody.
    No L3 member with toPorts: anybody. Source: pkg/policy/rule.go (mergeL4Filter), parserules.go.
    """
    peers = _peers(raw, _WORD[way], namespace, local_cluster)
    ports = _ports(raw)
    if peers is None and ports is None:
        return None
    return Entry(deny, peers, ports, (raw.get("authentication") or {}).get("mode") == "required")


def _peers(raw: Raw, word: str, namespace: str, local_cluster: str) -> tuple[Peer, ...] | None:
    peers = [
        *(Peer(PeerKind.SELECTOR, peer_selector(i, namespace, local_cluster)) for i in _list(raw, f"{word}Endpoints")),
        *(Peer(PeerKind.ENTITY, name=str(item)) for item in _list(raw, f"{word}Entities")),
        *(cidr_peer(str(item), ()) for item in _list(raw, f"{word}CIDR")),
        *(_cidr_set(item) for item in _list(raw, f"{word}CIDRSet")),
        *(Peer(PeerKind.OPAQUE, name=word + suffix) for suffix in _OPAQUE for _ in _list(raw, word + suffix)),
    ]
    if word == "to":
        peers += [_service(item, namespace) for item in _list(raw, "toServices")]
        peers += [_fqdn(item) for item in _list(raw, "toFQDNs")]
    members = ("Endpoints", "Entities", "CIDR", "CIDRSet", *_OPAQUE)
    present = any(raw.get(f"{word}{m}") is not None for m in members)
    present = present or (word == "to" and any(raw.get(m) is not None for m in ("toServices", "toFQDNs")))
    return tuple(peers) if present else None


def _fqdn(item: Raw) -> Peer:
    return Peer(PeerKind.FQDN, name=str(item.get("matchName") or item.get("matchPattern") or ""))


def _list(raw: Raw, key: str) -> Sequence[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else ()


def cidr_peer(text: str, excluded: Sequence[str]) -> Peer:
    """A CIDR with exceptions; text that is no CIDR matches nothing that can be known."""
    network = parse_network(text)
    if network is None:
        return Peer(PeerKind.OPAQUE, name=text)
    return Peer(
        PeerKind.CIDR,
        name=text,
        network=network,
        excluded=tuple(n for n in map(parse_network, excluded) if n is not None),
    )


def parse_network(text: str) -> Network | None:
    """A network, or None when the text is none."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _cidr_set(item: Raw) -> Peer:
    if item.get("cidr"):
        return cidr_peer(str(item["cidr"]), [str(e) for e in item.get("except") or ()])
    return Peer(PeerKind.OPAQUE, name=f"CIDR group {item.get('cidrGroupRef') or ''}".rstrip())


def _service(item: Raw, namespace: str) -> Peer:
    named = item.get("k8sService")
    if named:
        key = f"{named.get('namespace') or namespace}/{named.get('serviceName', '')}"
        return Peer(PeerKind.SERVICE, name=key)
    return Peer(PeerKind.OPAQUE, name="toServices by selector")


def _ports(raw: Raw) -> tuple[PortRule, ...] | None:
    """The toPorts and icmps of an element; None: every port and protocol, ICMP included."""
    rules: list[PortRule] = []
    for item in _list(raw, "toPorts"):
        l7 = _l7(item)
        listed = item.get("ports") or []
        rules += [_port(port, l7) for port in listed]
        if not listed:
            rules.append(PortRule(ANY_PROTOCOL, l7=l7))
    for item in _list(raw, "icmps"):
        for icmp in item.get("fields") or ():
            family = "ICMPv6" if icmp.get("family") == "IPv6" else "ICMPv4"
            rules.append(PortRule(frozenset({family}), name=str(icmp.get("type", ""))))
    return tuple(rules) or None


def _l7(item: Raw) -> str:
    rules = item.get("rules") or {}
    kind = next((str(key) for key, value in rules.items() if value), "")
    if kind == "l7proto":
        kind = str(rules[kind])
    return kind or ("listener" if item.get("listener") else "")


def _port(raw: Raw, l7: str) -> PortRule:
    protocol = str(raw.get("protocol") or "ANY").upper()
    protocols = ANY_PROTOCOL if protocol == "ANY" else frozenset({protocol})
    text = str(raw.get("port", "0"))
    if not text.isdigit():
        return PortRule(protocols, name=text, l7=l7)
    first = int(text)
    return PortRule(protocols, first, max(first, int(raw.get("endPort") or 0)), l7=l7)


NOBODY = Selector
