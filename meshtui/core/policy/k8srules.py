"""Compiles Kubernetes NetworkPolicies to the same rules; their empty rule allows everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import objects as o
from meshtui.core.policy.labels import NAMESPACE
from meshtui.core.policy.model import Entry, Peer, PeerKind, PortRule, Rule, Way
from meshtui.core.policy.rules import ANY_PROTOCOL, cidr_peer
from meshtui.core.policy.selectors import Requirement, Selector, k8s_peer_selector, requirements

Raw = Mapping[str, Any]


def compile_network_policy(policy: o.Policy, local_cluster: str) -> list[Rule]:
    """The rule of one NetworkPolicy. Each direction of its policyTypes is default-deny.

    policyTypes defaults to Ingress, and Egress where an egress list exists. Source: pkg/k8s/network_policy.go.
    """
    spec = policy.spec
    if spec is None:
        return []
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    entries: dict[Way, tuple[Entry, ...]] = {}
    for way, name, word in ((Way.INGRESS, "Ingress", "from"), (Way.EGRESS, "Egress", "to")):
        if name in types:
            listed = spec.get(way.value) or []
            entries[way] = tuple(_entry(raw, word, policy.namespace, local_cluster) for raw in listed)
    own = Requirement("k8s", NAMESPACE, "In", (policy.namespace,))
    subject = Selector(requirements(spec.get("podSelector"), "k8s"), own)
    ref = PolicyRef(policy.name, policy.namespace, "NetworkPolicy")
    return [Rule(ref, subject, entries, frozenset(entries))]


def _entry(raw: Raw, word: str, namespace: str, local_cluster: str) -> Entry:
    """An element; a missing or empty list of peers or ports means all of them, the opposite of Cilium's."""
    peers = [_peer(item, namespace, local_cluster) for item in raw.get(word) or ()]
    ports = [_port(item) for item in raw.get("ports") or ()]
    return Entry(False, tuple(peers) or None, tuple(ports) or None)


def _peer(item: Raw, namespace: str, local_cluster: str) -> Peer:
    block = item.get("ipBlock")
    if block:
        return cidr_peer(str(block.get("cidr", "")), [str(e) for e in block.get("except") or ()])
    return Peer(PeerKind.SELECTOR, k8s_peer_selector(item, namespace, local_cluster))


def _port(item: Raw) -> PortRule:
    protocols = frozenset({str(item.get("protocol") or "TCP").upper()}) & ANY_PROTOCOL
    port = item.get("port")
    if port is None:
        return PortRule(protocols)
    if not str(port).isdigit():
        return PortRule(protocols, name=str(port))
    return PortRule(protocols, int(port), max(int(port), int(item.get("endPort") or 0)))
