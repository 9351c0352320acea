"""Near misses and sentences: what nearly allowed a refused connection, and what to change."""

from __future__ import annotations

import pytest

from meshtui.core.flows.flow import Direction, EventType, FlowRow, Peer, PolicyRef, Verdict
from meshtui.core.policy import PodRef, explain_connection, explain_flow, verdict
from meshtui.core.policy.parties import of_pod
from tests.core import meshes
from tests.core.meshes import pod, policy, put

CLIENT, SERVER = PodRef("a", "default", "client"), PodRef("a", "default", "server")
REMOTE_CLIENT = PodRef("b", "default", "client")
CLIENTS = {"fromEndpoints": [{"matchLabels": {"app": "client"}}]}


def world():
    mesh = meshes.mesh()
    for context in "ab":
        put(mesh, context, pod("client", {"app": "client"}), pod("server", {"app": "server"}))
        put(mesh, context, pod("cart", {"app": "client"}, "shop"))
    return mesh


def nearest(rule, source=CLIENT, port=80):
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [rule]}, name="web"))
    near = verdict(mesh, source, SERVER, "TCP", port).ingress.near
    return (near[0].text, near[0].fix) if near else None


NEAR = [
    (
        CLIENTS,
        REMOTE_CLIENT,
        "web would allow it, but its selector means a only (policy-default-local-cluster=true)",
        (
            "in a, add to the fromEndpoints selector of web: matchExpressions {key: io.cilium.k8s.policy.cluster, "
            "operator: In, values: [a, b]} (or operator Exists for every cluster)"
        ),
    ),
    (
        CLIENTS,
        PodRef("a", "shop", "cart"),
        "web would allow it, but its selector means namespace default only",
        "add io.kubernetes.pod.namespace: shop to the selector",
    ),
    (
        {"fromEndpoints": [{"matchLabels": {"app": "client", "io.cilium.k8s.policy.cluster": "a"}}]},
        REMOTE_CLIENT,
        "web wants io.cilium.k8s.policy.cluster=a, but default/client has io.cilium.k8s.policy.cluster=b",
        "let its selector name cluster b too",
    ),
    (
        {**CLIENTS, "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]},
        CLIENT,
        "web allows this peer on TCP 443 only, not on TCP 80 (the pod's own port counts)",
        "add TCP 80 to its toPorts",
    ),
    (
        {"fromEndpoints": [{"matchLabels": {"app": "customer"}}]},
        CLIENT,
        "web wants app=customer, but default/client has app=client",
        "",
    ),
    (
        {"fromEndpoints": [{"matchLabels": {"role": "x"}}]},
        CLIENT,
        "web wants role=x, but default/client has no label role",
        "",
    ),
]


@pytest.mark.parametrize(("rule", "source", "text", "fix"), NEAR)
def test_the_nearest_miss(rule, source, text, fix):
    assert nearest(rule, source) == (text, fix)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({}, CLIENT),
        ({"fromEntities": ["world"]}, CLIENT),
        ({"fromEndpoints": [{"matchLabels": {"app": "x", "role": "y"}}]}, CLIENT),
        (CLIENTS, PodRef("b", "shop", "cart")),
    ],
)
def test_what_lacks_more_than_one_thing_is_no_near_miss(rule, source):
    assert nearest(rule, source) is None


def test_the_cluster_scope_is_nearer_than_a_label():
    mesh = world()
    put(
        mesh,
        "a",
        policy({"endpointSelector": {}, "ingress": [{"fromEndpoints": [{"matchLabels": {"x": "y"}}]}]}, name="a"),
    )
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="z"))
    near = verdict(mesh, REMOTE_CLIENT, SERVER, "TCP", 80).ingress.near
    assert [miss.policy.name for miss in near] == ["z"]


def test_a_policy_only_the_other_cluster_has():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [{}]}, name="deny"))
    put(mesh, "b", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="allow"))
    _, told = explain_connection(mesh, of_pod(mesh, CLIENT), of_pod(mesh, SERVER), "TCP", 80)
    assert told.sentence == (
        "ingress at a: default-deny, no rule allows it (deny); allow in b would allow it, but a has no such policy"
    )
    assert told.fix == "apply allow in a too"


def test_allowed_denied_and_bare_default_deny_in_words():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="web"))
    client, server = of_pod(mesh, CLIENT), of_pod(mesh, SERVER)
    _, told = explain_connection(mesh, client, server, "TCP", 80)
    assert told.sentence == "egress at a: no policy selects it; ingress at a: allowed by web"
    put(mesh, "a", policy({"endpointSelector": {}, "ingressDeny": [CLIENTS]}, name="no"))
    _, told = explain_connection(mesh, client, server, "TCP", 80)
    assert told.sentence == "ingress at a denied by no"
    put(mesh, "b", policy({"endpointSelector": {}, "egress": [{}]}, name="deny"))
    _, told = explain_connection(mesh, of_pod(mesh, REMOTE_CLIENT), server, "TCP", 80)
    assert told.sentence == "egress at b: default-deny, no rule allows it (deny)"
    assert told.fix == "add a policy in b whose egress rule allows this peer"


def row(**fields):
    mine = {
        "source": Peer(1000, "a", "default", "client", labels=("k8s:app=client",)),
        "destination": Peer(1001, "a", "default", "server", labels=("k8s:app=server",)),
        "direction": Direction.INGRESS,
        "drop_reason": 133,
        "is_reply": False,
        "destination_port": 80,
        "source_port": 40000,
        "denied_by": (),
    } | fields
    return FlowRow(
        time_ns=0,
        uuid="u",
        node="a/n",
        verdict=Verdict.DROPPED,
        event_type=EventType.DROP,
        sub_type=0,
        source_ip="10.0.0.1",
        destination_ip="10.0.0.2",
        protocol="TCP",
        flags="SYN",
        summary="TCP Flags: SYN",
        **mine,
    )


def test_an_explicit_deny_takes_the_flows_own_word():
    mesh = world()
    told = explain_flow(mesh, row(drop_reason=181, denied_by=(PolicyRef("gone", "default", "CNP"),)))
    assert told.sentence == "ingress at a denied by gone"


def test_a_drop_in_a_cluster_outside_the_session():
    mesh = world()
    far = Peer(1, "elsewhere", "default", "server", labels=("k8s:app=server",))
    assert "its cluster's policies are not known here" in explain_flow(mesh, row(destination=far)).sentence


def test_a_peer_that_is_only_an_identity_number():
    mesh = world()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="web"))
    told = explain_flow(mesh, row(source=Peer(2)))
    assert told.sentence.startswith("ingress at a: default-deny, no rule allows it (web)")
    host = explain_flow(mesh, row(source=Peer(1)))
    assert "would allow it" in host.sentence, "the node's own host may always enter"
