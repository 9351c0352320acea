"""A deny that wins over an allow: told where nothing is left of what is allowed, and nowhere else."""

from __future__ import annotations

import pytest

from meshtui.core.findings import Kind
from meshtui.core.findings.policies import in_policies
from meshtui.core.model.severity import Severity
from meshtui.core.reach import Reaches
from tests.core import meshes
from tests.core.meshes import pod, policy, put

WEB = {"matchLabels": {"app": "web"}}
CLIENT = {"matchLabels": {"app": "client"}}
PORT_80 = [{"ports": [{"port": "80", "protocol": "TCP"}]}]


def told(allow, deny, subject=WEB, context="a"):
    mesh = meshes.mesh("a")
    put(mesh, "a", pod("web", {"app": "web"}), pod("client", {"app": "client"}), pod("other", {"app": "other"}))
    put(mesh, context, policy({"endpointSelector": WEB, "ingress": [allow]}, name="opens"))
    put(mesh, context, policy({"endpointSelector": subject, "ingressDeny": [deny]}, name="closes"))
    found = in_policies(Reaches(mesh))
    assert {f.kind for f in found} <= {Kind.POLICY_OVERRULED}
    assert all(f.severity is Severity.WARNING for f in found)
    return [f.sentence for f in found]


EVERYTHING = (
    "an ingress rule of a's policy default/opens lets nothing pass: it loses to default/closes, which denies all that "
    "it allows"
)


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        ({"fromEndpoints": [CLIENT]}, {"fromEndpoints": [CLIENT]}),
        ({"fromEndpoints": [CLIENT]}, {"fromEndpoints": [{}]}),
        ({"fromEndpoints": [CLIENT], "toPorts": PORT_80}, {"fromEntities": ["cluster"]}),
        ({"fromEndpoints": [CLIENT], "toPorts": PORT_80}, {"fromEndpoints": [CLIENT], "toPorts": PORT_80}),
        ({"fromEntities": ["world"]}, {"fromEntities": ["all"]}),
        ({"fromCIDR": ["192.0.2.7/32"]}, {"fromCIDR": ["192.0.2.0/24"]}),
        ({"fromCIDR": ["192.0.2.7/32"]}, {"fromEntities": ["world"]}),
    ],
)
def test_nothing_is_left(allow, deny):
    assert told(allow, deny) == [EVERYTHING]


@pytest.mark.parametrize(
    ("allow", "deny"),
    [
        ({"fromEndpoints": [{}]}, {"fromEndpoints": [CLIENT]}),
        ({"fromEndpoints": [CLIENT]}, {"fromEndpoints": [CLIENT], "toPorts": PORT_80}),
        ({"fromEndpoints": [CLIENT]}, {"fromEndpoints": [{"matchLabels": {"app": "other"}}]}),
        ({"fromEntities": ["all"]}, {"fromEntities": ["world"]}),
        ({"fromCIDR": ["192.0.0.0/16"]}, {"fromCIDR": ["192.0.2.0/24"]}),
        (
            {"fromCIDR": ["192.0.2.7/32"]},
            {"fromCIDRSet": [{"cidr": "192.0.2.0/24", "except": ["192.0.2.0/28"]}]},
        ),
        ({"fromEndpoints": [CLIENT, {"matchLabels": {"app": "other"}}]}, {"fromEndpoints": [CLIENT]}),
    ],
)
def test_a_part_taken_out_is_what_denies_are_for(allow, deny):
    assert told(allow, deny) == []


def test_a_deny_for_other_pods_touches_nothing():
    assert told({"fromEndpoints": [CLIENT]}, {"fromEndpoints": [CLIENT]}, subject=CLIENT) == []


def test_a_rule_that_its_own_policy_denies():
    mesh = meshes.mesh("a")
    put(mesh, "a", pod("web", {"app": "web"}), pod("client", {"app": "client"}))
    spec = {
        "endpointSelector": WEB,
        "ingress": [{"fromEndpoints": [CLIENT]}],
        "ingressDeny": [{"fromEndpoints": [CLIENT]}],
    }
    put(mesh, "a", policy(spec, name="both"))
    (found,) = in_policies(Reaches(mesh))
    assert "it loses to its own denials" in found.sentence
