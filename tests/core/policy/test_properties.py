"""What holds of every verdict under every set of policies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.model import resources as r
from meshtui.core.policy import (
    Decision,
    PodRef,
    Rulebook,
    TrafficDirection,
    direction_verdict,
    of_pod,
    outside,
    verdict,
)
from tests.core import meshes
from tests.core.meshes import pod, policy, put

labels = st.sampled_from([{}, {"app": "client"}, {"app": "server"}, {"io.cilium.k8s.policy.cluster": "b"}])
selector = st.builds(lambda chosen: {"matchLabels": chosen} if chosen else {}, labels)
peers = st.one_of(
    st.just({}),
    st.builds(lambda s: {"Endpoints": s}, st.lists(selector, max_size=2)),
    st.builds(lambda e: {"Entities": [e]}, st.sampled_from(["all", "world", "cluster", "cluster-mesh", "host"])),
    st.just({"CIDR": ["0.0.0.0/0"]}),
)
ports = st.sampled_from([None, "80", "443", "0"])


def element(word):
    def build(chosen, port):
        rule = {word + key: value for key, value in chosen.items()}
        if port is not None:
            rule["toPorts"] = [{"ports": [{"port": port, "protocol": "TCP"}]}]
        return rule

    return st.builds(build, peers, ports)


def section(word, name):
    return st.fixed_dictionaries({}, optional={name: st.lists(element(word), max_size=2)})


spec = st.builds(
    lambda subject, *parts: {"endpointSelector": subject, **{k: v for part in parts for k, v in part.items()}},
    st.sampled_from([{}, {"matchLabels": {"app": "client"}}, {"matchLabels": {"app": "server"}}]),
    section("from", "ingress"),
    section("from", "ingressDeny"),
    section("to", "egress"),
    section("to", "egressDeny"),
    st.fixed_dictionaries({}, optional={"enableDefaultDeny": st.sampled_from([{"ingress": False}, {"egress": False}])}),
)
policies = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["default", ""]), spec), max_size=4)
ends = st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.sampled_from([80, 443]))

policy_settings = settings(max_examples=80, deadline=None)


def world(found):
    mesh = meshes.mesh()
    for context in "ab":
        put(mesh, context, pod("client", {"app": "client"}), pod("server", {"app": "server"}))
    for number, (context, namespace, body) in enumerate(found):
        put(mesh, context, policy(body, name=f"p{number}", namespace=namespace))
    return mesh


def judge(mesh, where):
    source, destination, port = where
    return verdict(mesh, PodRef(source, "default", "client"), PodRef(destination, "default", "server"), "TCP", port)


@policy_settings
@given(policies, ends)
def test_a_verdict_names_who_decided(found, where):
    result = judge(world(found), where)
    for direction in (result.egress, result.ingress):
        if direction.decision is Decision.NOT_ENFORCED:
            assert not direction.policies
        if direction.decision in (Decision.DENIED, Decision.DEFAULT_DENY):
            assert direction.policies
            assert not direction.allowed
        if direction.decision is not Decision.DEFAULT_DENY:
            assert not direction.near
    assert result.allowed == (result.egress.allowed and result.ingress.allowed)


@policy_settings
@given(policies, ends, st.sampled_from(["ingress", "egress"]))
def test_one_deny_of_everything_beats_any_allow(found, where, direction):
    word = "from" if direction == "ingress" else "to"
    deny = {"endpointSelector": {}, f"{direction}Deny": [{f"{word}Entities": ["all"]}]}
    context = where[1] if direction == "ingress" else where[0]
    result = judge(world([*found, (context, "default", deny)]), where)
    assert getattr(result, direction).decision is Decision.DENIED


@policy_settings
@given(policies, ends)
def test_allowing_everything_lifts_every_default_deny(found, where):
    allow = {"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}], "egress": [{"toEntities": ["all"]}]}
    result = judge(world([*found, ("a", "default", allow), ("b", "default", allow)]), where)
    for direction in (result.egress, result.ingress):
        assert direction.decision in (Decision.ALLOWED, Decision.DENIED)


@policy_settings
@given(policies, ends)
def test_the_order_of_policies_does_not_matter(found, where):
    def outcome(mesh):
        result = judge(mesh, where)
        return [(w.decision, w.match_type) for w in (result.egress, result.ingress)]

    assert outcome(world(found)) == outcome(world(found[::-1]))


@policy_settings
@given(policies, ends)
def test_policies_of_a_cluster_on_neither_side_decide_nothing(found, where):
    mesh = world(found)
    before = judge(mesh, where)
    bystander = ({"a", "b"} - {where[0], where[1]}).pop() if where[0] == where[1] else None
    if bystander is not None:
        for resource in r.POLICIES:
            mesh.clusters[bystander].objects[resource] = {}
        after = judge(mesh, where)
        assert (after.egress.decision, after.ingress.decision) == (before.egress.decision, before.ingress.decision)


@policy_settings
@given(policies, ends)
def test_a_rule_less_can_only_matter_by_what_it_did(found, where):
    """Taking away all deny sections never turns an allowed connection into a denied one, but for lost default allow."""
    mesh = world(found)
    bare = [
        (context, namespace, {k: v for k, v in body.items() if not k.endswith("Deny") or k == "enableDefaultDeny"})
        for context, namespace, body in found
    ]
    if judge(mesh, where).allowed:
        assert judge(world(bare), where).allowed


CERTAIN = [{"toEntities": ["world"]}, {"toEntities": ["cluster"]}, {"toCIDR": ["203.0.113.0/24"]}, {}]
DOUBTFUL = {"toCIDRSet": [{"cidrGroupRef": "g"}]}
rule_lists = st.lists(st.sampled_from([*CERTAIN, DOUBTFUL, DOUBTFUL]), max_size=3)


def towards_a_stranger(allow, deny, closed):
    mesh = meshes.mesh()
    put(mesh, "a", pod("client", {"app": "client"}))
    wanted = {} if closed else {"enableDefaultDeny": {"egress": False}}
    put(mesh, "a", policy({"endpointSelector": {}, "egress": allow, "egressDeny": deny, **wanted}))
    client = of_pod(mesh, PodRef("a", "default", "client"))
    return direction_verdict(Rulebook(mesh), client, outside("203.0.113.7"), TrafficDirection.EGRESS, "TCP", 80)


@policy_settings
@given(rule_lists, rule_lists, st.booleans())
def test_what_is_not_known_is_certain_only_where_it_comes_out_alike_whatever_is_true(allow, deny, closed):
    """Each doubtful rule is resolved both ways: the verdict is certain exactly when none of that changes it."""
    found = towards_a_stranger(allow, deny, closed)

    def settled(rules, true):
        return [{"toEntities": ["world"] if true else ["none"]} if rule is DOUBTFUL else rule for rule in rules]

    outcomes = {
        towards_a_stranger(settled(allow, one), settled(deny, other), closed).allowed
        for one in (True, False)
        for other in (True, False)
    }
    assert found.unknown is (len(outcomes) > 1)
    if not found.unknown:
        assert {found.allowed} == outcomes
        assert found.refused is not found.allowed


@policy_settings
@given(policies, ends, st.sampled_from(["ingress", "egress"]), element("from"), element("to"))
def test_one_more_allow_rule_beside_what_is_closed_anyway_never_denies(found, where, direction, from_rule, to_rule):
    context = where[1] if direction == "ingress" else where[0]
    closed = (context, "default", {"endpointSelector": {}, direction: [{}]})
    rule = from_rule if direction == "ingress" else to_rule
    before = getattr(judge(world([*found, closed]), where), direction)
    more = (context, "default", {"endpointSelector": {}, direction: [rule]})
    after = getattr(judge(world([*found, closed, more]), where), direction)
    if before.allowed:
        assert after.allowed
    if before.decision is Decision.DENIED:
        assert after.decision is Decision.DENIED
