"""Policy rule by rule: empty rules, subjects, peers, ports, precedence, default deny."""

from __future__ import annotations

import pytest

from meshtui.core.policy import Decision, PodRef, Rulebook, TrafficDirection, judge, verdict
from meshtui.core.policy.labels import reserved
from meshtui.core.policy.model import Party
from meshtui.core.policy.parties import of_pod
from tests.core import meshes
from tests.core.meshes import pod, policy, put

CLUSTER = "io.cilium.k8s.policy.cluster"
NAMESPACE = "io.kubernetes.pod.namespace"
ALLOWED, DEFAULT_DENY, DENIED = Decision.ALLOWED, Decision.DEFAULT_DENY, Decision.DENIED
NOT_ENFORCED, REDIRECTED, UNKNOWN = Decision.NOT_ENFORCED, Decision.REDIRECTED, Decision.UNKNOWN

CLIENT, SERVER, FAR, OTHER = (
    PodRef("a", "default", "client"),
    PodRef("a", "default", "server"),
    PodRef("b", "default", "server"),
    PodRef("a", "shop", "cart"),
)


def world(version=(1, 21), **data):
    mesh = meshes.mesh(version=version, **data)
    ports = [{"ports": [{"name": "web", "containerPort": 8080}, {"containerPort": 9}]}]
    for context in "ab":
        put(mesh, context, pod("client", {"app": "client", "pod-template-hash": "1"}))
        put(mesh, context, pod("server", {"app": "server"}, containers=ports))
        put(mesh, context, pod("cart", {"app": "client"}, "shop"))
    return mesh


def ingress(mesh, source=CLIENT, destination=SERVER, protocol="TCP", port=8080):
    return verdict(mesh, source, destination, protocol, port).ingress


def with_ingress(*rules, source=CLIENT, protocol="TCP", port=8080, mesh=None, **spec):
    """The decision at a's server under one policy with these ingress rules."""
    mesh = mesh or world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": list(rules), **spec}))
    return ingress(mesh, source, protocol=protocol, port=port).decision


CLIENTS = {"fromEndpoints": [{"matchLabels": {"app": "client"}}]}


@pytest.mark.parametrize(
    ("rules", "decision"),
    [
        ([], NOT_ENFORCED),
        ([{}], DEFAULT_DENY),
        ([{"fromEndpoints": []}], DEFAULT_DENY),
        ([{"fromEndpoints": [], "toPorts": [{"ports": [{"port": "8080"}]}]}], DEFAULT_DENY),
        ([{"toPorts": []}], DEFAULT_DENY),
        ([{"fromEndpoints": [{}]}], ALLOWED),
        ([{"fromEntities": ["all"]}], ALLOWED),
        ([{"toPorts": [{"ports": [{"port": "8080"}]}]}], ALLOWED),
        ([{}, CLIENTS], ALLOWED),
        ([CLIENTS], ALLOWED),
        ([{"fromEndpoints": [{"matchLabels": {"app": "x"}}]}], DEFAULT_DENY),
        ([{"fromEndpoints": [{"matchLabels": {"app": "x"}}, {"matchLabels": {"k8s:app": "client"}}]}], ALLOWED),
        ([{**CLIENTS, "toPorts": [{"ports": [{"port": "1"}]}]}], DEFAULT_DENY),
    ],
)
def test_empty_and_simple_rules(rules, decision):
    assert with_ingress(*rules) is decision


def test_no_section_at_all_has_no_effect():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": None, "egress": []}))
    found = verdict(mesh, CLIENT, SERVER, "TCP", 80)
    assert (found.egress.decision, found.ingress.decision) == (NOT_ENFORCED, NOT_ENFORCED)


def test_toports_only_admits_any_peer_of_any_cluster():
    rule = {"toPorts": [{"ports": [{"port": "8080", "protocol": "TCP"}]}]}
    assert with_ingress(rule, source=PodRef("b", "shop", "cart")) is ALLOWED
    assert with_ingress(rule, protocol="UDP") is DEFAULT_DENY


PORTS = [
    ({"port": "8080"}, "TCP", 8080, True),
    ({"port": "8080"}, "UDP", 8080, True),
    ({"port": "8080", "protocol": "ANY"}, "SCTP", 8080, True),
    ({"port": "8080", "protocol": "UDP"}, "TCP", 8080, False),
    ({"port": "0"}, "TCP", 1, True),
    ({"port": "8000", "endPort": 9000}, "TCP", 8080, True),
    ({"port": "8000", "endPort": 8079}, "TCP", 8080, False),
    ({"port": "web"}, "TCP", 8080, True),
    ({"port": "web"}, "TCP", 9, False),
    ({"port": "api"}, "TCP", 8080, False),
    ({"port": "0"}, "ICMPv4", 8, False),
]


@pytest.mark.parametrize(("listed", "protocol", "port", "passes"), PORTS)
def test_ports(listed, protocol, port, passes):
    decision = with_ingress({**CLIENTS, "toPorts": [{"ports": [listed]}]}, protocol=protocol, port=port)
    assert decision is (ALLOWED if passes else DEFAULT_DENY)


@pytest.mark.parametrize(
    ("rule", "protocol", "kind", "passes"),
    [
        (CLIENTS, "ICMPv4", 8, True),
        ({**CLIENTS, "icmps": [{"fields": [{"type": 8, "family": "IPv4"}]}]}, "ICMPv4", 8, True),
        ({**CLIENTS, "icmps": [{"fields": [{"type": 8}]}]}, "ICMPv4", 3, False),
        ({**CLIENTS, "icmps": [{"fields": [{"type": 8}]}]}, "ICMPv6", 8, False),
        ({**CLIENTS, "icmps": [{"fields": [{"type": 8}]}]}, "TCP", 8080, False),
    ],
)
def test_icmp(rule, protocol, kind, passes):
    assert with_ingress(rule, protocol=protocol, port=kind) is (ALLOWED if passes else DEFAULT_DENY)


SELECTORS = [
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x", "client"]}]}, True),
    ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["client"]}]}, False),
    ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["x"]}]}, True),
    ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
    ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True),
    ({"matchLabels": {"app": "client"}, "matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
    ({"matchLabels": {"pod-template-hash": "1"}}, False),
    ({"matchLabels": {"any:app": "client"}}, True),
    ({"matchLabels": {"reserved:app": "client"}}, False),
    ({"matchLabels": {"reserved:host": ""}}, False),
    ({"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "default"}}, True),
    ({"matchLabels": {"k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "default"}}, True),
]


@pytest.mark.parametrize(("selector", "matches"), SELECTORS)
def test_selectors(selector, matches):
    assert with_ingress({"fromEndpoints": [selector]}) is (ALLOWED if matches else DEFAULT_DENY)


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, False),
        ({"matchLabels": {NAMESPACE: "shop"}}, True),
        ({"matchExpressions": [{"key": f"k8s:{NAMESPACE}", "operator": "Exists"}]}, True),
        ({"matchLabels": {"io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name": "shop"}}, True),
        ({"matchLabels": {"reserved:x": "", NAMESPACE: "shop"}}, False),
    ],
)
def test_a_peer_means_the_policys_namespace_unless_it_says_so(selector, matches):
    assert with_ingress({"fromEndpoints": [selector]}, source=OTHER) is (ALLOWED if matches else DEFAULT_DENY)


def test_a_clusterwide_policy_means_every_namespace():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{}]}]}, namespace=""))
    assert ingress(mesh, OTHER).decision is ALLOWED
    assert ingress(mesh, CLIENT, PodRef("a", "shop", "cart")).decision is ALLOWED


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"matchLabels": {f"k8s:{NAMESPACE}": "shop"}}, True),
        ({"matchLabels": {NAMESPACE: "shop"}}, False),
        ({"matchLabels": {f"any:{NAMESPACE}": "shop"}}, False),
        ({"matchExpressions": [{"key": f"k8s:{NAMESPACE}", "operator": "In", "values": ["shop"]}]}, False),
    ],
)
def test_a_subject_is_of_the_policys_own_namespace(selector, selects):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": selector, "ingress": [{}]}))
    assert ingress(mesh).decision is (DEFAULT_DENY if selects else NOT_ENFORCED)
    assert ingress(mesh, CLIENT, OTHER).decision is NOT_ENFORCED


def test_node_selectors_and_host_network_pods_are_left_alone():
    mesh = world()
    put(mesh, "a", policy({"nodeSelector": {}, "ingress": [{}]}, namespace=""))
    put(mesh, "a", pod("agent", {}, hostNetwork=True))
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{}]}, name="deny"))
    assert ingress(mesh, CLIENT, PodRef("a", "default", "agent")).decision is NOT_ENFORCED
    entering = ingress(mesh, PodRef("a", "default", "agent"), SERVER)
    assert entering.decision is ALLOWED, "the pod's own node"
    assert "its own node" in entering.notes[0]


SCOPE = [
    ((1, 17), {}, True),
    ((1, 18), {}, True),
    ((1, 18), {"policy_default_local_cluster": "true"}, False),
    ((1, 19), {}, False),
    ((1, 21), {}, False),
    ((1, 21), {"policy_default_local_cluster": "false"}, True),
]


@pytest.mark.parametrize(("version", "data", "any_cluster"), SCOPE)
def test_what_a_selector_without_cluster_means(version, data, any_cluster):
    decision = with_ingress(CLIENTS, source=PodRef("b", "default", "client"), mesh=world(version, **data))
    assert decision is (ALLOWED if any_cluster else DEFAULT_DENY)
    assert with_ingress(CLIENTS, mesh=world(version, **data)) is ALLOWED


@pytest.mark.parametrize(
    ("selector", "passes"),
    [
        ({"matchLabels": {CLUSTER: "b"}}, True),
        ({"matchLabels": {f"k8s:{CLUSTER}": "a"}}, False),
        ({"matchExpressions": [{"key": CLUSTER, "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]}, True),
    ],
)
def test_naming_clusters(selector, passes):
    decision = with_ingress({"fromEndpoints": [selector]}, source=PodRef("b", "default", "client"))
    assert decision is (ALLOWED if passes else DEFAULT_DENY)


def party(*names, ip="", cluster="", node=""):
    return Party("", cluster, "+".join(names), reserved(*names), ip=ip, node=node, enforced=False)


ENTITIES = [
    ("all", "world", True), ("all", "pod", True), ("world", "world", True), ("world", "world-ipv4", True),
    ("world", "pod", False), ("world", "remote pod", False), ("cluster", "pod", True), ("cluster", "remote pod", False),
    ("cluster", "remote-node", True), ("cluster", "world", False), ("cluster-mesh", "remote pod", True),
    ("remote-node", "remote-node", True), ("remote-node", "other node", True), ("host", "other node", False),
    ("kube-apiserver", "kube-apiserver", True), ("none", "pod", False), ("init", "pod", False),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "who", "passes"), ENTITIES)
def test_entities(entity, who, passes):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{"fromEntities": [entity]}]}))
    sources = {
        "pod": of_pod(mesh, CLIENT),
        "remote pod": of_pod(mesh, PodRef("b", "default", "client")),
        "other node": party("host", cluster="b", node="n"),
    }
    source = sources.get(who) or party(who)
    found = judge(Rulebook(mesh), source, of_pod(mesh, SERVER), "TCP", 8080)
    assert found.ingress.allowed is passes


@pytest.mark.parametrize(
    ("rule", "who", "passes"),
    [
        ({"fromCIDR": ["192.0.2.0/24"]}, party("world", ip="192.0.2.7"), True),
        ({"fromCIDR": ["192.0.2.0/24"]}, party("world", ip="198.51.100.1"), False),
        ({"fromCIDR": ["0.0.0.0/0"]}, party("remote-node", ip="192.0.2.7"), False),
        (
            {"fromCIDRSet": [{"cidr": "192.0.2.0/24", "except": ["192.0.2.4/30"]}]},
            party("world", ip="192.0.2.7"),
            False,
        ),
        ({"fromCIDRSet": [{"cidrGroupRef": "g"}]}, party("world", ip="192.0.2.7"), False),
        ({"fromCIDR": ["0.0.0.0/0"]}, party("world", ip="unknown"), False),
    ],
)
def test_cidrs(rule, who, passes):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [rule]}))
    assert judge(Rulebook(mesh), who, of_pod(mesh, SERVER), "TCP", 8080).ingress.allowed is passes


def test_a_cidr_of_everything_does_not_cover_pods():
    assert with_ingress({"fromCIDR": ["0.0.0.0/0"]}) is DEFAULT_DENY


def test_deny_beats_allow_of_any_kind_and_place():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="allow"))
    deny = {"ingressDeny": [{"fromEntities": ["all"], "toPorts": [{"ports": [{"port": "1", "endPort": 9000}]}]}]}
    put(mesh, "a", policy({"endpointSelector": {}, **deny}, name="deny", namespace=""))
    found = ingress(mesh)
    assert (found.decision, [p.name for p in found.policies], found.match_type) == (DENIED, ["deny"], 3)
    assert ingress(mesh, port=9999).decision is ALLOWED


@pytest.mark.parametrize(
    ("spec", "decision"),
    [
        ({"ingress": [{}], "enableDefaultDeny": {"ingress": False}}, ALLOWED),
        ({"ingressDeny": [{"fromEntities": ["world"]}]}, DEFAULT_DENY),
        ({"ingressDeny": [{"fromEntities": ["world"]}], "enableDefaultDeny": {"ingress": False}}, ALLOWED),
        ({"ingressDeny": [CLIENTS], "enableDefaultDeny": {"ingress": False}}, DENIED),
        ({"egress": [{}], "enableDefaultDeny": {"ingress": True}}, NOT_ENFORCED),
    ],
)
def test_default_deny_is_a_choice_per_direction(spec, decision):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, **spec}))
    found = ingress(mesh)
    assert found.decision is decision
    if decision is ALLOWED:
        assert (found.match_type, found.policies) == (4, ())


def test_options_that_force_or_forbid_enforcement():
    spec = {"endpointSelector": {}, "ingress": [{}], "enableDefaultDeny": {"ingress": False}}
    forced = world(enable_non_default_deny_policies="false")
    put(forced, "a", policy(spec))
    assert ingress(forced).decision is DEFAULT_DENY
    always = world(enable_policy="always")
    found = verdict(always, CLIENT, SERVER, "TCP", 80)
    assert (found.egress.decision, found.ingress.decision) == (DEFAULT_DENY, DEFAULT_DENY)
    never = world(enable_policy="never")
    put(never, "a", policy({"endpointSelector": {}, "ingress": [{}]}))
    assert ingress(never).decision is NOT_ENFORCED


def test_l7_redirects_also_beside_a_plain_rule_for_the_same():
    http = {"ports": [{"port": "8080", "protocol": "TCP"}], "rules": {"http": [{"method": "GET"}]}}
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{**CLIENTS, "toPorts": [http]}]}))
    assert ingress(mesh).decision is REDIRECTED
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="plain"))
    assert ingress(mesh).decision is REDIRECTED
    assert with_ingress({**CLIENTS, "toPorts": [{"ports": [{"port": "8080"}], "rules": {}}]}) is ALLOWED
    assert with_ingress({**CLIENTS, "toPorts": [{"rules": {"http": [{}]}}]}) is DEFAULT_DENY


def test_specs_is_a_list_and_an_invalid_policy_has_no_effect():
    mesh = world()
    put(
        mesh,
        "a",
        policy(None, specs=[{"endpointSelector": {}, "ingress": [{}]}, {"endpointSelector": {}, "egress": [{}]}]),
    )
    found = verdict(mesh, CLIENT, SERVER, "TCP", 80)
    assert (found.egress.decision, found.ingress.decision) == (DEFAULT_DENY, DEFAULT_DENY)
    status = {"conditions": [{"type": "Valid", "status": "False"}]}
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{}]}, status=status))
    assert ingress(mesh).decision is NOT_ENFORCED


def with_egress(rule, destination=SERVER, **kwargs):
    mesh = world()
    for context in "ab":
        web = meshes.endpointslice([meshes.endpoint("10.0.0.1", pod="server")])
        put(mesh, context, meshes.service(selector={"app": "server"}), web)
    put(mesh, "a", policy({"endpointSelector": {}, "egress": [rule]}, **kwargs))
    return verdict(mesh, CLIENT, destination, "TCP", 8080).egress


def test_to_services_means_the_endpoints_behind_them():
    rule = {"toServices": [{"k8sService": {"serviceName": "web"}}]}
    assert with_egress(rule).decision is ALLOWED
    assert with_egress(rule, PodRef("a", "default", "client")).decision is DEFAULT_DENY
    elsewhere = {"toServices": [{"k8sService": {"serviceName": "web", "namespace": "shop"}}]}
    assert with_egress(elsewhere).decision is DEFAULT_DENY


@pytest.mark.parametrize(
    ("rule", "by"),
    [({"toFQDNs": [{"matchName": "example.org"}]}, "example.org"), ({"toGroups": [{"aws": {}}]}, "toGroups")],
)
def test_what_cannot_be_known_is_said(rule, by):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "egress": [rule]}))
    book = Rulebook(mesh)
    outside = judge(book, of_pod(mesh, CLIENT), party("world", ip="192.0.2.7"), "TCP", 443).egress
    assert outside.decision is UNKNOWN
    assert (outside.allowed, outside.refused, outside.passes) == (False, False, None)
    assert outside.doubts == (f"p might allow it by {by}, which is not known here",)
    inside = judge(book, of_pod(mesh, CLIENT), of_pod(mesh, SERVER), "TCP", 443).egress
    assert (inside.decision, inside.notes) == (DEFAULT_DENY, ())


def test_mutual_authentication_is_noted():
    mesh = world()
    rule = {**CLIENTS, "authentication": {"mode": "required"}}
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [rule]}))
    assert ingress(mesh).notes == ("p requires mutual authentication",)


def test_each_side_is_judged_by_its_own_cluster():
    mesh = world()
    put(mesh, "b", policy({"endpointSelector": {}, "ingress": [{}], "egress": [{}]}))
    found = verdict(mesh, CLIENT, FAR, "TCP", 8080)
    assert (found.egress.decision, found.ingress.decision) == (NOT_ENFORCED, DEFAULT_DENY)
    assert (found.ingress.cluster, found.deciding.direction) == ("b", TrafficDirection.INGRESS)
    assert verdict(mesh, CLIENT, SERVER, "TCP", 8080).allowed


def test_pods_of_a_namespace_that_is_not_exported_have_no_labels_elsewhere():
    mesh = world(clustermesh_default_global_namespace="false")
    rule = {"fromEndpoints": [{"matchExpressions": [{"key": CLUSTER, "operator": "Exists"}]}]}
    put(mesh, "b", policy({"endpointSelector": {}, "ingress": [rule]}))
    assert ingress(mesh, CLIENT, FAR).decision is DEFAULT_DENY
    assert ingress(mesh, PodRef("b", "default", "client"), FAR).decision is ALLOWED
