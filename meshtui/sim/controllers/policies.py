"""What Cilium's agent finds wrong with a policy that the API server let pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.sim.store import Object

SECTIONS = ("ingress", "ingressDeny", "egress", "egressDeny")
_FROM = ("fromEndpoints", "fromNodes", "fromEntities", "fromCIDR", "fromCIDRSet", "fromGroups")
_TO = ("toEndpoints", "toNodes", "toEntities", "toCIDR", "toCIDRSet", "toServices", "toFQDNs", "toGroups")


def problem(policy: Object, *, clusterwide: bool) -> str:
    """Why a policy is not valid; empty when it is. Source: Cilium's pkg/policy/api/rule_validation.go."""
    rules = [r for r in [policy.get("spec"), *(policy.get("specs") or [])] if r is not None]
    if not rules:
        return "Invalid CiliumNetworkPolicy spec: no rule: spec and specs are empty"
    for rule in rules:
        why = _rule(rule, clusterwide=clusterwide)
        if why:
            return why
    return ""


def _rule(rule: dict[str, Any], *, clusterwide: bool) -> str:
    has = [s for s in ("endpointSelector", "nodeSelector") if rule.get(s) is not None]
    if not has:
        return "rule must have one of EndpointSelector or NodeSelector"
    if len(has) == 2:
        return "rule cannot have both EndpointSelector and NodeSelector"
    if has == ["nodeSelector"] and not clusterwide:
        return "rule with NodeSelector is only supported in CiliumClusterwideNetworkPolicy"
    if not any(rule.get(section) for section in SECTIONS):
        return "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny"
    return next(_elements(rule), "")


def _elements(rule: dict[str, Any]) -> Iterator[str]:
    for section in SECTIONS:
        members = _FROM if section.startswith("ingress") else _TO
        for element in rule.get(section) or []:
            named = [m for m in members if element.get(m) is not None]
            if len(named) > 1:
                yield f"combining {_go(named[0])} and {_go(named[1])} is not supported yet"
            yield from _ports(element)


def _ports(element: dict[str, Any]) -> Iterator[str]:
    for group in element.get("toPorts") or []:
        for port in group.get("ports") or []:
            text = str(port.get("port", ""))
            if text.isdigit() and int(text) > 65535:
                yield f"unable to parse port: strconv.ParseUint: parsing {text!r}: value out of range"
        if len(group.get("ports") or []) > 40:
            yield f"too many ports, the max is 40: {len(group['ports'])}"
        if group.get("rules", {}).get("dns") and "toEndpoints" not in element and not group.get("ports"):
            yield "L7 DNS rules need a port"


def _go(member: str) -> str:
    return member[0].upper() + member[1:]
