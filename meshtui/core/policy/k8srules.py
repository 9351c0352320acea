"""Compiles Kubernetes NetworkPolicies to the same rules; their empty rule allows everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.core.flows.flow import PolicyRef
from meshtui.core.model import objects as o
from meshtui.core.policy.model import ANYBODY, Entry, Peer, PeerKind, Rule, TrafficDirection
from meshtui.core.policy.ports import PortRule, k8s_port_rule
from meshtui.core.policy.reading import Reading
from meshtui.core.policy.rules import cidr_peer
from meshtui.core.policy.selectors import k8s_peer_selector, k8s_pod_selector

Raw = Mapping[str, Any]


def compile_network_policy(policy: o.Policy, reading: Reading) -> list[Rule]:
    """The rule of one NetworkPolicy. Each direction of it is default-deny.

    A direction counts when it has rules, whatever policyTypes says (cilium #48703); without rules egress counts when
    policyTypes names it, ingress when it names that or not egress. Source: pkg/k8s/network_policy.go.
    """
    spec = policy.spec
    if spec is None:
        return []
    types = spec.get("policyTypes") or []
    closed = {
        TrafficDirection.INGRESS: "Ingress" in types or "Egress" not in types,
        TrafficDirection.EGRESS: "Egress" in types,
    }
    entries: dict[TrafficDirection, tuple[Entry, ...]] = {}
    for direction, word in ((TrafficDirection.INGRESS, "from"), (TrafficDirection.EGRESS, "to")):
        listed = spec.get(direction.value) or []
        if listed or closed[direction]:
            entries[direction] = tuple(_entry(raw, word, policy.namespace, reading) for raw in listed)
    ref = PolicyRef(policy.name, policy.namespace, "NetworkPolicy")
    return [Rule(ref, k8s_pod_selector(spec.get("podSelector"), policy.namespace), entries, frozenset(entries))]


def _entry(raw: Raw, word: str, namespace: str, reading: Reading) -> Entry:
    """An element; a missing or empty list of peers or ports means all of them, the opposite of Cilium's."""
    peers = [peer for item in raw.get(word) or () for peer in _peers(item, word, namespace, reading)]
    ports: list[PortRule] = [k8s_port_rule(item) for item in raw.get("ports") or ()]
    return Entry(False, tuple(peers) or (ANYBODY,), tuple(ports) or None)


def _peers(item: Raw, word: str, namespace: str, reading: Reading) -> list[Peer]:
    block = item.get("ipBlock")
    if not block:
        return [Peer(PeerKind.SELECTOR, k8s_peer_selector(item, namespace, reading.local))]
    found = [cidr_peer(str(block.get("cidr", "")), [str(e) for e in block.get("except") or ()])]
    admits = reading.does.ipblock_admits_namespace
    if word == "from" and reading.local and admits is not False:
        own = k8s_peer_selector({}, namespace, reading.local)
        kind = PeerKind.SELECTOR if admits else PeerKind.PERHAPS
        found.append(Peer(kind, own, "" if admits else "a fault of some patch releases (cilium #46305)"))
    return found
