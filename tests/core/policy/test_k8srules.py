"""Kubernetes' own NetworkPolicies, and the labels that identities are made of."""

from __future__ import annotations

import pytest

from meshtui.core.policy import PodRef, verdict
from meshtui.core.policy.labels import Labels, filtered
from tests.core.meshes import policy, put
from tests.core.policy.test_rules import ALLOWED, CLIENT, DEFAULT_DENY, NOT_ENFORCED, OTHER, SERVER, ingress, world

NETWORK_POLICIES = [
    # Kubernetes rules → decision for a's client, for a's shop/cart, for b's client
    ({"ingress": [{}]}, (ALLOWED, ALLOWED, ALLOWED)),
    ({"ingress": []}, (DEFAULT_DENY, DEFAULT_DENY, DEFAULT_DENY)),
    ({}, (DEFAULT_DENY, DEFAULT_DENY, DEFAULT_DENY)),
    ({"ingress": [{"from": []}]}, (ALLOWED, ALLOWED, ALLOWED)),
    ({"ingress": [{"from": [{"podSelector": {}}]}]}, (ALLOWED, DEFAULT_DENY, DEFAULT_DENY)),
    ({"ingress": [{"from": [{"namespaceSelector": {}}]}]}, (ALLOWED, ALLOWED, DEFAULT_DENY)),
    (
        {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}]},
        (DEFAULT_DENY, ALLOWED, DEFAULT_DENY),
    ),
    ({"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}, (DEFAULT_DENY, DEFAULT_DENY, DEFAULT_DENY)),
    ({"ingress": [{"ports": [{"port": 8080}]}]}, (ALLOWED, ALLOWED, ALLOWED)),
    ({"ingress": [{"ports": [{"port": "web"}]}]}, (ALLOWED, ALLOWED, ALLOWED)),
    ({"ingress": [{"ports": [{"protocol": "UDP"}]}]}, (DEFAULT_DENY, DEFAULT_DENY, DEFAULT_DENY)),
    ({"ingress": [{"ports": [{"port": 8000, "endPort": 8090}]}]}, (ALLOWED, ALLOWED, ALLOWED)),
    ({"policyTypes": ["Egress"]}, (NOT_ENFORCED, NOT_ENFORCED, NOT_ENFORCED)),
]


@pytest.mark.parametrize(("spec", "decisions"), NETWORK_POLICIES)
def test_kubernetes_network_policies(spec, decisions):
    mesh = world()
    put(mesh, "a", policy({"podSelector": {"matchLabels": {"app": "server"}}, **spec}, kind="NetworkPolicy"))
    sources = (CLIENT, OTHER, PodRef("b", "default", "client"))
    assert tuple(ingress(mesh, source).decision for source in sources) == decisions
    assert ingress(mesh, SERVER, CLIENT).decision is NOT_ENFORCED


def test_kubernetes_policy_types_default_to_egress_where_there_is_an_egress_list():
    mesh = world()
    put(mesh, "a", policy({"podSelector": {}, "egress": [{}]}, kind="NetworkPolicy"))
    found = verdict(mesh, CLIENT, SERVER, "TCP", 8080)
    assert (found.egress.decision, found.ingress.decision) == (ALLOWED, DEFAULT_DENY)


@pytest.mark.parametrize(
    ("key", "left_out"),
    [
        ("pod-template-hash", True), ("kubernetes.io/arch", True), ("io.kubernetes.foo", True),
        ("beta.kubernetes.io/x", True), ("failure-domain.beta.kubernetes.io/zone", True),
        ("topology.kubernetes.io/zone", True), ("statefulset.kubernetes.io/pod-name", True),
        ("controller-revision-hash", True), ("etcd_node", True),
        ("app.kubernetes.io/name", False), ("app", False), ("helm.sh/chart", False), ("job-name", False),
        ("batch.kubernetes.io/job-name", False),
    ],
)  # fmt: skip
def test_labels_that_are_not_part_of_an_identity(key, left_out):
    assert filtered(key) is left_out


def test_labels_of_a_flow():
    labels = Labels.parse(["k8s:app=web", "reserved:host", "cidr:192.0.2.1/32=", "bare=1"])
    assert labels.get("any", "app") == "web"
    assert labels.get("reserved", "app") is None
    assert labels.reserved("host")
    assert labels.get("unspec", "bare") == "1"
