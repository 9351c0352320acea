"""Which policies an agent refuses, and in what words."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.sim.datapath.policy import validate

EVERYBODY: dict[str, Any] = {"endpointSelector": {}}
PORT = {"port": "80", "protocol": "TCP"}


def policy(*specs: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
    """A CiliumNetworkPolicy, or a clusterwide one without namespace."""
    kind = "CiliumNetworkPolicy" if namespace else "CiliumClusterwideNetworkPolicy"
    meta = {"name": "test", **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": meta, "specs": list(specs)}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, "rule must have one of EndpointSelector or NodeSelector"),
        ({**EVERYBODY, "nodeSelector": {}}, "rule cannot have both EndpointSelector and NodeSelector"),
        (
            {"nodeSelector": {}, "ingress": [{}]},
            "rule with NodeSelector is only supported in CiliumClusterwideNetworkPolicy",
        ),
        (EVERYBODY, "rule must have at least one of Ingress, IngressDeny, Egress, EgressDeny"),
        (
            {**EVERYBODY, "ingress": [{"fromEndpoints": [{}], "fromEntities": ["cluster"]}]},
            "combining FromEndpoints and FromEntities is not supported yet",
        ),
        (
            {**EVERYBODY, "egress": [{"toCIDR": ["10.0.0.0/8"], "toCIDRSet": [{"cidr": "10.0.0.0/8"}]}]},
            "combining ToCIDR and ToCIDRSet is not supported yet",
        ),
        ({**EVERYBODY, "ingress": [{"toPorts": [{"ports": [PORT] * 41}]}]}, "too many ports, the max is 40: 41"),
        (
            {**EVERYBODY, "ingressDeny": [{"toPorts": [{"ports": [PORT], "rules": {"http": [{}]}}]}]},
            "deny rules cannot have L7 rules",
        ),
        (
            {**EVERYBODY, "ingress": [{"toPorts": [{"ports": [{"port": "70000"}]}]}]},
            'unable to parse port: strconv.ParseUint: parsing "70000": value out of range',
        ),
        ({**EVERYBODY, "egress": [{"toCIDR": ["10.0.0.0/99"]}]}, "unable to parse CIDR '10.0.0.0/99'"),
    ],
)
def test_a_policy_the_agent_refuses(spec: dict[str, Any], why: str) -> None:
    assert validate(policy(spec)) == why
    good = {**EVERYBODY, "ingress": [{}]}
    assert validate(policy(good, spec)) == why, "one bad rule spoils them all"
    assert validate(policy(good)) == ""


def test_no_rule_at_all_is_refused() -> None:
    assert validate(policy()) == "invalid policy: neither spec nor specs"


def test_what_was_let_pass_before_1_18() -> None:
    assert validate(policy(EVERYBODY), (1, 17)) == ""
    assert validate(policy(EVERYBODY), (1, 18)) != ""


def test_nodes_are_selected_cluster_wide_only() -> None:
    assert validate(policy({"nodeSelector": {}, "ingress": [{}]}, namespace="")) == ""
