"""The smallest policy of each kind in which Cilium's engine surprises, by version."""

from __future__ import annotations

from typing import Any

import pytest

from meshtui.core.policy import (
    Decision,
    PodRef,
    Refuser,
    Rulebook,
    TrafficDirection,
    direction_verdict,
    judge,
    of_pod,
    outside,
    verdict,
)
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.labels import Labels
from meshtui.core.policy.model import Party
from meshtui.core.policy.standing import operator_says
from tests.core import meshes
from tests.core.meshes import pod, policy, put
from tests.core.policy.test_rules import CLIENT, FAR, OTHER, SERVER, world

A, D, X, N, R, U = (
    Decision.ALLOWED,
    Decision.DENIED,
    Decision.DEFAULT_DENY,
    Decision.NOT_ENFORCED,
    Decision.REDIRECTED,
    Decision.UNKNOWN,
)
V17, V18, V19, V20, V21 = ((1, minor) for minor in range(17, 22))
PORT = [{"ports": [{"port": "8080", "protocol": "TCP"}]}]
STRANGER = "203.0.113.7"
OWN_NODE = "own node"


def peer_of(mesh: Any, who: Any) -> Party:
    if isinstance(who, PodRef):
        return of_pod(mesh, who)
    if who == OWN_NODE:
        return Party("", "a", "host", Labels.parse(["reserved:host"]), node="n", enforced=False)
    return outside(who)


def decided(
    direction: TrafficDirection, who: Any, spec: dict[str, Any], version: Any = V21, port: int = 8080, **more: Any
) -> Decision:
    """At a's client (egress) or server (ingress)."""
    protocol, data = more.pop("protocol", "TCP"), more.pop("data", {})
    mesh = world(version, **data)
    body = {"podSelector": {}, **spec} if more.get("kind") == "NetworkPolicy" else {"endpointSelector": {}, **spec}
    put(mesh, "a", policy(body, **more))
    put(mesh, "a", meshes.service(key="default/web", selector={"app": "server"}))
    put(mesh, "a", meshes.service(key="default/dotted", selector={"app.kubernetes.io/name": "x"}))
    subject = of_pod(mesh, CLIENT if direction is TrafficDirection.EGRESS else SERVER)
    return direction_verdict(Rulebook(mesh), subject, peer_of(mesh, who), direction, protocol, port).decision


K8S = {"kind": "NetworkPolicy"}
INGRESS = [
    # who, the rules, what else, version → decision
    (OWN_NODE, {"ingressDeny": [{"fromEntities": ["all"]}]}, {}, V21, D),
    (OWN_NODE, {"ingress": [{}]}, {}, V21, A),
    (CLIENT, {"ingress": [{"fromEndpoints": [{}], "toPorts": [{}]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"fromEndpoints": [{}], "toPorts": [{"ports": []}]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"fromEndpoints": [], "fromEntities": ["all"]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"fromEndpoints": [{}], "icmps": [{}]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"fromEndpoints": [{"matchLabels": {":app": "client"}}]}]}, {}, V21, A),
    (CLIENT, {"ingress": [{"fromEndpoints": [{"matchLabels": {"unspec:app": "client"}}]}]}, {}, V21, A),
    (OTHER, {"ingress": [{"fromEndpoints": [{}], "toPorts": [{"ports": [{"port": "WEB"}]}]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"fromEndpoints": [{}], "toPorts": [{"ports": [{"port": "WEB"}]}]}]}, {}, V21, A),
    (CLIENT, {"ingress": [{"toPorts": [{"ports": [{"port": "0", "endPort": 100}]}]}]}, {}, V21, X),
    (CLIENT, {"ingress": [{"toPorts": [{"ports": [{"port": "0", "endPort": 100}]}]}]}, {}, V17, A),
    (CLIENT, {"ingress": [{"fromEndpoints": [{}], "fromRequires": [{"matchLabels": {"x": "y"}}]}]}, {}, V18, X),
    (CLIENT, {"ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}, K8S, V21, X),
    (CLIENT, {"ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}, K8S, V19, U),
    (CLIENT, {"ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}, K8S, V17, X),
    (STRANGER, {"ingress": [{"fromCIDRSet": [{"cidrGroupSelector": {}}]}]}, {}, V21, A),
    (STRANGER, {"ingress": [{"fromCIDRSet": [{"cidrGroupRef": "g"}]}]}, {}, V21, U),
    (CLIENT, {"ingress": [{"fromCIDRSet": [{"cidrGroupRef": "g"}]}]}, {}, V21, X),
    (STRANGER, {"ingress": [{"fromGroups": [{"aws": {}}]}]}, {}, V21, U),
    (STRANGER, {"ingress": [{"fromGroups": [{"aws": {}}]}]}, {}, V19, N),
]
EGRESS = [
    (SERVER, {"policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 443}]}]}, K8S, V21, X),
    (STRANGER, {"egress": [{"toServices": [], "toPorts": PORT}]}, {}, V21, A),
    (STRANGER, {"egress": [{"toServices": [{"k8sService": {"serviceName": "no"}}], "toPorts": PORT}]}, {}, V21, A),
    (STRANGER, {"egress": [{"toServices": [{"k8sService": {"serviceName": "no"}}]}]}, {}, V21, X),
    (STRANGER, {"egress": [{"toServices": [{"k8sService": {"serviceName": "no"}}], "toPorts": PORT}]}, {}, V17, N),
    (SERVER, {"egress": [{"toServices": [{"k8sService": {"serviceName": "web"}}]}]}, {}, V21, A),
    (SERVER, {"egress": [{"toServices": [{"k8sService": {"serviceName": "web"}}]}]}, {}, V17, X),
    (SERVER, {"egressDeny": [{"toServices": [{"k8sService": {"serviceName": "web"}}]}]}, {}, V21, X),
    (STRANGER, {"egressDeny": [{"toServices": [{"k8sService": {"serviceName": "web"}}], "toPorts": PORT}]}, {}, V21, D),
    (FAR, {"egress": [{"toServices": [{"k8sService": {"serviceName": "web"}}]}]}, {}, V21, X),
    (
        FAR,
        {"egress": [{"toServices": [{"k8sService": {"serviceName": "web"}}]}]},
        {"data": {"policy_default_local_cluster": "false"}},
        V21,
        A,
    ),
    (SERVER, {"egress": [{"toPorts": [{"ports": [{"port": "web"}]}]}]}, {}, V21, A),
    (FAR, {"egress": [{"toPorts": [{"ports": [{"port": "web"}]}]}]}, {}, V21, X),
    (FAR, {"egress": [{"toPorts": [{"ports": [{"port": "web"}]}]}]}, {}, V19, A),
    (STRANGER, {"egress": [{"toPorts": [{"ports": [{"port": "web"}]}]}]}, {}, V21, X),
    (STRANGER, {"egress": [{"toFQDNs": [{"matchName": "a.example"}]}]}, {}, V21, U),
    (STRANGER, {"egress": [{"toFQDNs": [{"matchName": "a.example"}]}, {"toEntities": ["world"]}]}, {}, V21, A),
    (
        STRANGER,
        {"egress": [{"toFQDNs": [{"matchName": "a.example"}]}], "egressDeny": [{"toEntities": ["world"]}]},
        {},
        V21,
        D,
    ),
    (
        STRANGER,
        {"egress": [{"toEntities": ["all"]}], "egressDeny": [{"toCIDRSet": [{"cidrGroupRef": "g"}]}]},
        {},
        V21,
        U,
    ),
    (STRANGER, {"egressDeny": [{"toCIDRSet": [{"cidrGroupRef": "g"}]}]}, {}, V21, X),
    (SERVER, {"egress": [{"toNodes": [{}]}]}, {"data": {"enable_node_selector_labels": "true"}}, V21, X),
    (SERVER, {"egress": [{"toNodes": [{}]}]}, {}, V21, N),
]


@pytest.mark.parametrize(("who", "spec", "more", "version", "decision"), INGRESS)
def test_ingress(who: Any, spec: dict[str, Any], more: dict[str, Any], version: Any, decision: Decision) -> None:
    assert decided(TrafficDirection.INGRESS, who, spec, version, **more) is decision


@pytest.mark.parametrize(("who", "spec", "more", "version", "decision"), EGRESS)
def test_egress(who: Any, spec: dict[str, Any], more: dict[str, Any], version: Any, decision: Decision) -> None:
    assert decided(TrafficDirection.EGRESS, who, spec, version, **more) is decision


@pytest.mark.parametrize(
    ("field", "kind", "decision"),
    [({"type": "EchoRequest"}, 8, A), ({"type": 0}, 8, A), ({"type": 8}, 3, X), ({"type": 8}, 0, U)],
)
def test_icmp_by_name_by_number_and_of_a_type_that_is_not_known(field: Any, kind: int, decision: Decision) -> None:
    spec = {"ingress": [{"fromEndpoints": [{}], "icmps": [{"fields": [field]}]}]}
    assert decided(TrafficDirection.INGRESS, CLIENT, spec, port=kind, protocol="ICMPv4") is decision


def test_authentication_is_enforced_although_it_is_marked_invalid() -> None:
    rule = {"fromEndpoints": [{}], "authentication": {"mode": "required"}}
    marked = {
        "type": "Valid",
        "status": "False",
        "message": "mutual auth feature is disabled but an ingress auth rule …",
    }
    mesh = world()
    item = policy({"endpointSelector": {}, "ingress": [rule]}, status={"conditions": [marked]})
    put(mesh, "a", item)
    book = Rulebook(mesh)
    found = judge(book, of_pod(mesh, CLIENT), of_pod(mesh, SERVER), "TCP", 80)
    assert (found.ingress.decision, found.ingress.authenticate, found.passes) == (A, True, None)
    assert "once both sides have authenticated" in explain_verdict(found).sentence
    standing = book.standing("a", item)
    assert standing.imported
    assert standing.marked_wrongly
    assert "mutual auth" in operator_says(item, book.reading("a"))


def test_a_node_rule_refuses_the_whole_of_a_namespaced_policy_which_the_operator_calls_valid() -> None:
    valid = {"conditions": [{"type": "Valid", "status": "True"}]}
    specs = [{"endpointSelector": {}, "ingress": [{}]}, {"nodeSelector": {}, "ingress": [{}]}]
    item = policy(None, specs=specs, status=valid)
    for version, decision in ((V21, N), (V17, X)):
        mesh = world(version)
        put(mesh, "a", item)
        book = Rulebook(mesh)
        assert judge(book, of_pod(mesh, CLIENT), of_pod(mesh, SERVER), "TCP", 80).ingress.decision is decision
        refused = book.standing("a", item).refusal
        assert (refused is None) is (decision is X)
        assert refused is None or (refused.by, "NodeSelector" in refused.words) == (Refuser.AGENT, True)


def test_clusters_of_one_mesh_read_by_their_own_versions() -> None:
    mesh = world()
    old = world(V17).clusters["b"].config
    mesh.clusters["b"].config = old
    spec = {"endpointSelector": {}, "ingress": [{"toPorts": [{"ports": [{"port": "0", "endPort": 100}]}]}]}
    for context in "ab":
        put(mesh, context, policy(spec))
    book = Rulebook(mesh)
    here, there = (judge(book, of_pod(mesh, CLIENT), of_pod(mesh, end), "TCP", 8080).ingress for end in (SERVER, FAR))
    assert (here.decision, there.decision) == (X, A)


def test_what_is_not_known_is_told_in_sentences() -> None:
    before, after = world(), world()
    for mesh in (before, after):
        put(mesh, "a", pod("plain", {}))
    put(after, "a", policy({"endpointSelector": {}, "ingress": [{"icmps": [{"fields": [{"type": 8}]}]}]}))
    then, now = (verdict(mesh, CLIENT, SERVER, "ICMPv4", 0) for mesh in (before, after))
    assert (then.passes, now.passes) == (True, None)
    assert explain_verdict(now).sentence.startswith("ingress at a: not known; p might allow it by ICMP type")
