"""Kubernetes' own NetworkPolicies as Cilium's agent reads them: here an empty element allows everybody."""

from __future__ import annotations

from typing import Any

from meshtui.sim.rulebook.peers import ANYBODY, Cidr, Peers, network
from meshtui.sim.rulebook.ports import PortRange, of_port
from meshtui.sim.rulebook.rules import EGRESS, INGRESS, Entry, Rule, Scope, Source, source_of
from meshtui.sim.rulebook.selectors import (
    ANY_NAMESPACE,
    K8S,
    NAMESPACE,
    NAMESPACE_LABELS,
    Requirement,
    Selector,
    in_namespace,
    parse,
    with_cluster,
)

Object = dict[str, Any]


def network_policy_rules(obj: Object, scope: Scope) -> list[Rule]:
    """Rules of a NetworkPolicy (pkg/k8s/network_policy.go). A section counts although policyTypes does not name it;
    a type that is named without a section denies everything (U #48703).
    """
    spec, source = obj["spec"], source_of(obj)
    subject = _pods(spec.get("podSelector"), source.namespace)
    types = spec.get("policyTypes") or ()
    found = []
    for direction, side in ((INGRESS, "from"), (EGRESS, "to")):
        elements = spec.get(direction) or ()
        named = direction.capitalize() in types or (direction == INGRESS and "Egress" not in types)
        if elements or named:
            entries = [e for element in elements for e in _entries(element, side, source, direction, scope)]
            found.append(Rule(subject, direction, True, tuple(entries)))
    return found


def _entries(element: Object, side: str, source: Source, direction: str, scope: Scope) -> list[Entry]:
    ports: tuple[PortRange, ...] | None = None
    if element.get("ports"):
        ports = tuple(r for port in element["ports"] for r in _ports(port, scope))
    peers = [_peer(each, source.namespace, scope) for each in element.get(side) or ()] or [ANYBODY]
    return [Entry(source, direction, False, each, ports) for each in peers if each]


def _ports(port: Object, scope: Scope) -> list[PortRange]:
    protocol = port.get("protocol") or "TCP"
    return of_port({**port, "protocol": protocol, "port": str(port.get("port") or 0)}, scope.version)


def _pods(selector: Object | None, namespace: str) -> Selector:
    """A podSelector of one namespace; a label of that name in it is overwritten."""
    written = selector or {}
    labels = {k: v for k, v in (written.get("matchLabels") or {}).items() if k != NAMESPACE}
    return parse({**written, "matchLabels": labels}, K8S).also([in_namespace(namespace)])


def _peer(each: Object, namespace: str, scope: Scope) -> Peers:
    if "ipBlock" in each:
        block = each["ipBlock"]
        return Peers(cidrs=(Cidr(network(block["cidr"]), tuple(network(e) for e in block.get("except") or ())),))
    if each.get("namespaceSelector") is None:
        chosen = _pods(each.get("podSelector"), namespace)
    else:
        spaces = parse(each["namespaceSelector"], K8S).requirements
        implied = [Requirement(K8S, NAMESPACE_LABELS + r.key, r.operator, r.values) for r in spaces]
        chosen = Selector(tuple(implied) or (ANY_NAMESPACE,)).also(parse(each.get("podSelector"), K8S).requirements)
    return Peers(endpoints=(with_cluster(chosen, scope.default_cluster),))
