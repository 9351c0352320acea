"""Which policies an agent refuses, in what words, and what the operator says of them."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.sim.rulebook import refusals

EVERYBODY: dict[str, Any] = {"endpointSelector": {}}
PORT = {"port": "80", "protocol": "TCP"}
DNS = {"dns": [{"matchPattern": "*"}]}
NAME_PART = "name part must consist of alphanumeric characters"


def policy(*specs: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
    """A CiliumNetworkPolicy, or a clusterwide one without namespace."""
    kind = "CiliumNetworkPolicy" if namespace else "CiliumClusterwideNetworkPolicy"
    meta = {"name": "test", **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": meta, "specs": list(specs)}


def ingress(**element: Any) -> dict[str, Any]:
    return {**EVERYBODY, "ingress": [element]}


def egress(**element: Any) -> dict[str, Any]:
    return {**EVERYBODY, "egress": [element]}


def ports(*listed: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    return [{"ports": list(listed), **more}]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ingress": [{}]}, "rule must have one of EndpointSelector or NodeSelector"),
    ({**EVERYBODY, "nodeSelector": {}, "ingress": [{}]}, "rule cannot have both EndpointSelector and NodeSelector"),
    (EVERYBODY, "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny"),
    (
        ingress(fromEndpoints=[{}], fromEntities=["cluster"]),
        "combining FromEndpoints and FromEntities is not supported yet",
    ),
    (
        egress(toCIDR=["10.0.0.0/8"], toCIDRSet=[{"cidr": "10.0.0.0/8"}]),
        "combining ToCIDR and ToCIDRSet is not supported yet",
    ),
    (ingress(toPorts=ports(*[PORT] * 41)), "too many ports, the max is 40"),
    (ingress(toPorts=ports({"protocol": "TCP"})), "port must be specified"),
    (
        ingress(toPorts=ports({"port": "70000"})),
        'unable to parse port: strconv.ParseUint: parsing "70000": value out of range',
    ),
    (
        ingress(toPorts=ports({"port": "080"})),
        'unable to parse port: strconv.ParseUint: parsing "080": invalid syntax',
    ),
    (ingress(toPorts=ports({"port": "53", "protocol": "VRRP"})), "port must be empty or 0"),
    (egress(toCIDR=["10.0.0.0/99"]), 'unable to parse CIDR: ParseAddr("10.0.0.0/99"): unable to parse IP'),
    (
        egress(toCIDRSet=[{"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}]),
        "allow CIDR prefix 10.0.0.0/8 does not contain exclude CIDR prefix 11.0.0.0/16",
    ),
    (
        egress(toCIDRSet=[{"cidr": "10.0.0.0/8", "cidrGroupRef": "a"}]),
        "more than one of cidr, cidrGroupRef, or cidrGroupSelector may not be set",
    ),
    (ingress(toPorts=ports(PORT, rules=DNS)), "L7 protocol DNS is not supported on ingress yet"),
    (egress(toPorts=ports(rules=DNS)), "port 53 must be specified for DNS rules"),
    (
        egress(toPorts=ports({"port": "53", "endPort": 60, "protocol": "UDP"}, rules=DNS)),
        "DNS rules do not support port ranges",
    ),
    (
        ingress(toPorts=ports({"port": "80", "protocol": "UDP"}, rules={"http": [{}]})),
        "L7 rules can only apply to TCP (not UDP) except for DNS rules",
    ),
    (
        ingress(toPorts=ports({"port": "0", "protocol": "TCP"}, rules={"http": [{}]})),
        "L7 rules can not be used when a port is 0",
    ),
    (
        ingress(toPorts=ports(PORT, rules={"http": [{"path": "/["}]})),
        "error parsing regexp: missing closing ]: `[`",
    ),
    (
        ingress(toPorts=ports(PORT, listener={"envoyConfig": {"name": "a"}, "name": "l"})),
        "Listener is not allowed on ingress (l)",
    ),
    (
        egress(toPorts=ports(PORT, listener={"envoyConfig": {"name": "a"}, "name": "l"}, rules={"http": [{}]})),
        "Listener is not allowed with L7 rules (l)",
    ),
    (
        egress(toPorts=ports(PORT, serverNames=["a.b"], rules={"http": [{}]})),
        "ServerNames are not allowed with L7 rules without TLS termination",
    ),
    (
        ingress(icmps=[{"fields": [{"type": 8}]}], toPorts=ports(PORT)),
        "the ICMPs block may only be present without ToPorts. Define a separate rule to use ToPorts",
    ),
    (ingress(icmps=[{"fields": [{"type": 8}] * 41}]), "too many types, the max is 40"),
    (ingress(icmps=[{"fields": [{"type": "PacketTooBig"}]}]), "missing or invalid icmp type: PacketTooBig"),
    (ingress(fromNodes=[{}]), refusals.NODES_NEED_OPTION),
    (ingress(fromEntities=["nobody"]), "unsupported entity: nobody"),
]


@pytest.mark.parametrize(("spec", "why"), REFUSED)
def test_a_policy_the_agent_refuses(spec: dict[str, Any], why: str) -> None:
    good = {**EVERYBODY, "ingress": [{}]}
    assert refusals.agent(policy(spec), (1, 19), {}) == f"Invalid CiliumNetworkPolicy specs: {why}"
    assert refusals.operator(policy(spec), (1, 19), {}) == why
    assert refusals.agent(policy(good, spec), (1, 19), {}) != "", "one bad rule spoils them all"
    assert refusals.agent(policy(good), (1, 19), {}) == ""


@pytest.mark.parametrize(
    ("selector", "why"),
    [
        ({"matchLabels": {"not a key": "x"}}, f'matchLabels: Invalid value: "any.not a key": {NAME_PART}'),
        (
            {"matchExpressions": [{"key": "k8s:app", "operator": "In"}]},
            "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]},
            "matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
    ],
)
def test_selectors_are_held_to_what_labels_may_be(selector: dict[str, Any], why: str) -> None:
    told = refusals.operator(policy(ingress(fromEndpoints=[selector])), (1, 19), {})
    assert told.startswith(f"invalid label selector: {why}")


def test_no_rule_at_all_is_refused_and_called_valid() -> None:
    empty = {k: v for k, v in policy().items() if k != "specs"}
    assert refusals.agent(empty, (1, 19), {}) == "Invalid CiliumNetworkPolicy spec(s): empty policy"
    assert refusals.operator(empty, (1, 19), {}) == ""


def test_nodes_are_selected_cluster_wide_only() -> None:
    spec = {"nodeSelector": {}, "ingress": [{}]}
    assert refusals.agent(policy(spec, namespace=""), (1, 19), {}) == ""
    assert refusals.agent(policy(spec), (1, 19), {}) == (
        "Invalid CiliumNetworkPolicy spec: rule cannot have NodeSelector"
    )
    assert refusals.operator(policy(spec), (1, 19), {}) == "", "the operator does not look"
    assert refusals.agent(policy(spec), (1, 17), {}) == ""


def test_what_was_let_pass_before_1_18() -> None:
    assert refusals.agent(policy(EVERYBODY), (1, 17), {}) == ""
    assert refusals.agent(policy(EVERYBODY), (1, 18), {}) != ""
    bad, good = ingress(fromEntities=["nobody"]), ingress()
    assert refusals.operator(policy(bad, good), (1, 17), {}) == "", "1.17's operator tells of the last spec alone"
    assert refusals.operator(policy(bad, good), (1, 18), {}) == "unsupported entity: nobody"


def test_services_beside_ports_came_with_1_18() -> None:
    spec = egress(toServices=[{"k8sService": {"serviceName": "web"}}], toPorts=ports(PORT))
    assert refusals.operator(policy(spec), (1, 17), {}) == "combining ToServices and ToPorts is not supported yet"
    assert refusals.operator(policy(spec), (1, 18), {}) == ""


def test_the_operator_marks_authentication_that_agents_enforce() -> None:
    spec = ingress(fromEndpoints=[{}], authentication={"mode": "required"})
    told = "mutual auth feature is disabled but an ingress auth rule is defined in policy"
    assert refusals.operator(policy(spec), (1, 19), {}) == told
    assert refusals.agent(policy(spec), (1, 19), {}) == ""
    assert refusals.operator(policy(spec), (1, 19), {"mesh-auth-enabled": "true"}) == ""
    assert refusals.operator(policy(spec), (1, 17), {}) == ""


def test_a_policy_with_groups_is_left_to_its_derivative() -> None:
    spec = egress(toGroups=[{"aws": {"region": "x"}}])
    assert refusals.agent(policy(spec), (1, 19), {}) == ""
    assert refusals.derivative(policy(spec))
    assert not refusals.derivative(policy(ingress()))
