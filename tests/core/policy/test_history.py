"""A drop is explained by the policies of its own time, and what became of them since is said."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from meshtui.core.flows.flow import Direction, EventType, FlowRow, Peer, PolicyRef, Verdict
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.policy import Basis, PolicyHistory, Rulebook, TrafficDirection
from meshtui.core.policy.parties import of_pod
from tests.core import meshes
from tests.core.meshes import pod, policy, put, remove
from tests.core.policy.test_explain import CLIENTS, SERVER

SECOND = 10**9
DENY_ALL = {"endpointSelector": {}, "ingress": [{}]}
NO_CLIENTS = {"endpointSelector": {}, "ingressDeny": [CLIENTS]}


def world() -> s.Mesh:
    mesh = meshes.mesh()
    for context in "ab":
        put(mesh, context, pod("client", {"app": "client"}), pod("server", {"app": "server"}))
    return mesh


def drop(seconds: float, reason: int = 133, context: str = "a", **fields: object) -> FlowRow:
    """A SYN from client to server, refused at its destination, so many seconds after the epoch."""
    row = FlowRow(
        time_ns=int(seconds * SECOND),
        uuid=f"u{seconds}",
        node=f"{context}/n",
        verdict=Verdict.DROPPED,
        event_type=EventType.DROP,
        sub_type=0,
        direction=Direction.INGRESS,
        is_reply=False,
        source=Peer(1000, context, "default", "client", labels=("k8s:app=client",)),
        destination=Peer(1001, context, "default", "server", labels=("k8s:app=server",)),
        source_ip="10.0.0.1",
        destination_ip="10.0.0.2",
        protocol="TCP",
        source_port=40000,
        destination_port=80,
        flags="SYN",
        summary="TCP Flags: SYN",
        drop_reason=reason,
    )
    return dataclasses.replace(row, **fields)  # type: ignore[arg-type]


def lab() -> tuple[s.Mesh, PolicyHistory]:
    """Known from 100 s; `deny` applied at 200 s and taken back at 300 s, in cluster a."""
    mesh, history = world(), PolicyHistory()
    assert history.note(mesh, 100 * SECOND)
    put(mesh, "a", policy(DENY_ALL, name="deny"))
    assert history.note(mesh, 200 * SECOND)
    remove(mesh, "a", r.CNPS, "default/deny")
    assert history.note(mesh, 300 * SECOND)
    return mesh, history


def test_a_drop_is_told_by_the_policies_of_its_time():
    mesh, history = lab()
    told = history.explain(mesh, drop(250))
    assert told.sentence == ("ingress at a: default-deny, no rule allows it (deny since removed); allowed now")
    assert (told.basis, told.at_ns, told.fix) == (Basis.THEN, 0, "")


def test_while_the_policy_is_in_place_nothing_is_said_of_later():
    mesh, history = world(), PolicyHistory()
    history.note(mesh, 100 * SECOND)
    put(mesh, "a", policy(DENY_ALL, name="deny"))
    history.note(mesh, 200 * SECOND)
    told = history.explain(mesh, drop(250))
    assert told.sentence == "ingress at a: default-deny, no rule allows it (deny)"
    assert told.fix


@pytest.mark.parametrize(
    ("seconds", "basis", "at"), [(302, Basis.BEFORE, 300), (199.8, Basis.AFTER, 200), (90, Basis.AFTER, 200)]
)
def test_a_drop_beside_a_change_is_told_by_the_policies_that_agree_with_it(seconds: float, basis: Basis, at: int):
    mesh, history = lab()
    told = history.explain(mesh, drop(seconds))
    assert "(deny since removed)" in told.sentence
    assert (told.basis, told.at_ns) == (basis, at * SECOND)


def test_the_kind_of_denial_decides_between_neighbours():
    """Default deny became a deny rule: the flow's own reason says which of them refused it."""
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(DENY_ALL, name="default"))
    history.note(mesh, 100 * SECOND)
    put(mesh, "a", policy(NO_CLIENTS, name="rule"))
    history.note(mesh, 200 * SECOND)
    assert "no rule allows it (default)" in history.explain(mesh, drop(200.3)).sentence
    assert history.explain(mesh, drop(200.3)).basis is Basis.BEFORE
    denied = history.explain(mesh, drop(199.9, 181))
    assert denied.sentence == "ingress at a denied by rule"
    assert denied.basis is Basis.AFTER


def test_when_both_sides_of_a_change_refuse_it_the_doubt_is_told():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(DENY_ALL, name="one"))
    history.note(mesh, 100 * SECOND)
    put(mesh, "a", policy(DENY_ALL, name="two"))
    history.note(mesh, 200 * SECOND)
    near, far = history.explain(mesh, drop(201)), history.explain(mesh, drop(203))
    assert near.sentence == far.sentence == "ingress at a: default-deny, no rule allows it (one, two)"
    assert near.notes == ("policies changed within 2 s of this flow: those before the change (one) deny it, too",)
    assert far.notes == ()
    before = history.explain(mesh, drop(199))
    assert before.sentence == "ingress at a: default-deny, no rule allows it (one)"
    assert "those after the change (one, two) deny it, too" in before.notes[0]


def test_a_flow_older_than_all_that_is_known_says_so():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(DENY_ALL, name="deny"))
    history.note(mesh, 100 * SECOND)
    told = history.explain(mesh, drop(50))
    assert (told.basis, told.at_ns) == (Basis.FIRST, 100 * SECOND)
    assert "(deny)" in told.sentence


def test_a_drop_that_no_known_policy_explains():
    mesh, history = world(), PolicyHistory()
    history.note(mesh, 100 * SECOND)
    assert "was denied, although the policies of that time would allow it" in history.explain(mesh, drop(150)).sentence
    assert "although the first policies known here would" in history.explain(mesh, drop(50)).sentence


def test_first_lists_and_a_configuration_are_knowledge_and_no_change():
    mesh = s.Mesh()
    mesh.clusters["a"] = s.Cluster("a", "A", 0)
    history = PolicyHistory()
    history.note(mesh, 100 * SECOND)
    assert "policies are not known here" in history.explain(mesh, drop(150)).sentence
    deny = policy(DENY_ALL, name="deny")
    reduce(mesh, s.Listed("a", r.CNPS, {deny.key: deny}, 0.0))
    assert history.note(mesh, 101 * SECOND)
    reduce(mesh, s.Listed("a", r.NETWORKPOLICIES, {}, 0.0))
    assert history.note(mesh, 102 * SECOND)
    reduce(mesh, s.ConfigRead("a", CiliumConfig("ay", 1, {}, (1, 21))))
    assert history.note(mesh, 103 * SECOND)
    assert len(history) == 1
    labels = ("k8s:app=server", "k8s:io.kubernetes.pod.namespace=default")
    row = drop(100.5, destination=Peer(1001, "ay", "default", "server", labels=labels))
    told = history.explain(mesh, row)
    assert told.sentence == "ingress at ay: default-deny, no rule allows it (deny)"
    assert (told.basis, told.at_ns) == (Basis.FIRST, 103 * SECOND)
    assert not history.note(mesh, 104 * SECOND), "nothing new"


def test_a_status_or_a_relisting_is_no_change():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(DENY_ALL, name="deny"))
    history.note(mesh, 100 * SECOND)
    valid = {"conditions": [{"type": "Valid", "status": "True"}]}
    put(mesh, "a", policy(DENY_ALL, name="deny", status=valid))
    assert not history.note(mesh, 200 * SECOND)
    invalid = {"conditions": [{"type": "Valid", "status": "False"}]}
    put(mesh, "a", policy(DENY_ALL, name="deny", status=invalid))
    assert history.note(mesh, 300 * SECOND)
    assert "allowed now" in history.explain(mesh, drop(250)).sentence


def test_an_option_that_changes_how_policies_are_read_is_a_change():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy({"endpointSelector": {}, "ingress": [CLIENTS]}, name="web"))
    history.note(mesh, 100 * SECOND)
    config = mesh.clusters["a"].config
    assert config is not None
    data = {"policy-default-local-cluster": "false"}
    reduce(mesh, s.ConfigRead("a", structs.replace(config, data=data)))
    assert history.note(mesh, 200 * SECOND)
    row = drop(150, source=Peer(70000, "b", "default", "client", labels=("k8s:app=client",)))
    assert "allowed now; web would allow it, but its selector means a only" in history.explain(mesh, row).sentence


def test_what_another_cluster_does_leaves_a_drop_alone():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(DENY_ALL, name="deny"))
    history.note(mesh, 100 * SECOND)
    put(mesh, "b", policy(DENY_ALL, name="deny"))
    history.note(mesh, 200 * SECOND)
    for seconds in (150, 250):
        told = history.explain(mesh, drop(seconds))
        assert told.sentence == "ingress at a: default-deny, no rule allows it (deny)"
        assert told.basis is Basis.THEN
    assert history.explain(mesh, drop(150, context="b")).basis is Basis.AFTER


def test_the_flows_own_names_are_marked_too():
    mesh, history = world(), PolicyHistory()
    put(mesh, "a", policy(NO_CLIENTS, name="rule"))
    history.note(mesh, 100 * SECOND)
    named = (PolicyRef("rule", "default", "CiliumNetworkPolicy", ("k8s:x=y",)),)
    assert history.explain(mesh, drop(150, 181, denied_by=named)).sentence == "ingress at a denied by rule"
    remove(mesh, "a", r.CNPS, "default/rule")
    history.note(mesh, 200 * SECOND)
    told = history.explain(mesh, drop(150, 181, denied_by=named)).sentence
    assert told == "ingress at a denied by rule since removed; allowed now"


def test_epochs_are_bounded_and_the_oldest_kept_stands_for_those_before():
    mesh, history = world(), PolicyHistory(limit=3)
    for number in range(10):
        put(mesh, "a", policy(DENY_ALL, name=f"deny{number}"))
        history.note(mesh, (100 + number) * SECOND)
    assert len(history) == 3
    told = history.explain(mesh, drop(50))
    assert (told.basis, told.at_ns) == (Basis.FIRST, 107 * SECOND)
    assert "deny7" in told.sentence
    assert "deny8" not in told.sentence


def test_books_share_the_rules_of_policies_that_stay():
    mesh = world()
    put(mesh, "a", policy(DENY_ALL, name="stays"), policy(DENY_ALL, name="goes"))
    old = Rulebook(mesh)
    rules = {rule.policy.name: rule for rule in old.rules("a")}
    remove(mesh, "a", r.CNPS, "default/goes")
    new = Rulebook(mesh, old)
    assert [rule is rules["stays"] for rule in new.rules("a")] == [True]
    server = of_pod(mesh, SERVER)
    assert len(old.selecting(server, TrafficDirection.INGRESS)) == 2, "an old book does not change"
