"""Mending on the recorded steps and on small meshes: the rules a careful person would write, and nothing beyond."""

from __future__ import annotations

import pytest

from meshtui.core.flows.flow import Verdict
from meshtui.core.policy import PodRef, Rulebook, explain_flow, judge, of_pod, outside
from meshtui.core.policy.mend import (
    Wanted,
    propose,
    suggest,
    wanted_of_row,
    wanted_of_rows,
    wanted_of_service,
    with_proposals,
)
from meshtui.core.policy.mend.model import Manner
from meshtui.core.policy.mend.telling import telling_labels
from tests.core import meshes, recorded
from tests.core.meshes import pod, policy, put

CLUSTER = "io.cilium.k8s.policy.cluster"
DENY = {"endpointSelector": {}, "ingress": [{}], "egress": [{}]}
FLOWS = recorded.policy_verdicts()


def client(mesh, context):
    key = next(k for k in mesh.clusters[context].pods if k.startswith("default/x-wing"))
    return PodRef(context, *key.split("/"))


def mended(step):
    mesh = recorded.mesh_of(step)
    remedy = propose(mesh, wanted_of_service(mesh, client(mesh, "koornacht"), recorded.KEY))
    return mesh, remedy, with_proposals(mesh, remedy.best)


@pytest.mark.parametrize("step", [10, 11, 12, 13, 14])
def test_proposals_alone_bring_koornachts_connections_back_and_none_of_tions(step):
    mesh, remedy, after = mended(step)
    assert not remedy.obstacles
    book = Rulebook(after)
    for each in wanted_of_service(mesh, client(mesh, "koornacht"), recorded.KEY):
        assert judge(book, each.source, each.destination, each.protocol, each.port).allowed
    theirs = [w for w in wanted_of_service(mesh, client(mesh, "tion"), recorded.KEY) if w.port == 80]
    assert len(theirs) == 4
    for each in theirs:
        assert judge(book, each.source, each.destination, each.protocol, each.port).refused


def test_step_10_gets_three_policies_with_nothing_beside():
    _, remedy, _ = mended(10)
    assert [(p.cluster, p.name, p.manner) for p in remedy.best] == [
        ("koornacht", "x-wing-to-rebel-base", Manner.NEW),
        ("koornacht", "rebel-base-from-x-wing", Manner.NEW),
        ("tion", "rebel-base-from-x-wing", Manner.NEW),
    ]
    assert all(not p.beside and not p.closes for p in remedy.best)
    port = [{"ports": [{"port": "80", "protocol": "TCP"}]}]
    both = {"key": CLUSTER, "operator": "In", "values": ["koornacht", "tion"]}
    assert [p.manifest["spec"] for p in remedy.best] == [
        {
            "endpointSelector": {"matchLabels": {"name": "x-wing"}},
            "egress": [
                {"toEndpoints": [{"matchLabels": {"name": "rebel-base"}, "matchExpressions": [both]}], "toPorts": port}
            ],
        },
        {
            "endpointSelector": {"matchLabels": {"name": "rebel-base"}},
            "ingress": [{"fromEndpoints": [{"matchLabels": {"name": "x-wing"}}], "toPorts": port}],
        },
        {
            "endpointSelector": {"matchLabels": {"name": "rebel-base"}},
            "ingress": [
                {"fromEndpoints": [{"matchLabels": {"name": "x-wing", CLUSTER: "koornacht"}}], "toPorts": port}
            ],
        },
    ]


def test_step_13_is_mended_by_the_missing_cluster_label():
    _, remedy, _ = mended(13)
    [[change, new]] = remedy.choices
    assert (change.name, change.manner, new.manner) == ("x-wing-to-rebel-base", Manner.CHANGE, Manner.NEW)
    [element] = change.manifest["spec"]["egress"]
    [selector] = element["toEndpoints"]
    assert selector["matchExpressions"] == [{"key": CLUSTER, "operator": "In", "values": ["koornacht", "tion"]}]
    assert [str(o) for o in change.beside] == [
        f"{change.beside[0].subject.name} (koornacht) → {change.beside[0].peer.name} (tion) on every port"
    ]
    assert not new.beside


def test_step_12_offers_the_policy_that_the_other_cluster_has():
    _, remedy, _ = mended(12)
    assert any(p.manner is Manner.COPY and p.cluster == "tion" for choice in remedy.choices for p in choice)


@pytest.mark.parametrize("step", [10, 11, 12, 13, 14])
def test_a_recorded_drop_names_cluster_direction_policy_and_what_is_missing(step):
    mesh = recorded.mesh_of(step)
    drops = [row for row in FLOWS[step] if row.verdict == Verdict.DROPPED]
    assert drops
    for row in drops:
        told = explain_flow(mesh, row)
        assert told.sentence.startswith(("egress at ", "ingress at "))
        assert any(name in told.sentence for name in recorded.CLUSTERS)
        assert "default-deny" in [p.name for p in told.policies]
        assert told.fix
    if step == 13:
        ours = [row for row in drops if row.node.startswith("koornacht")]
        assert ours
        assert all(CLUSTER in explain_flow(mesh, row).fix for row in ours)


def test_what_blocks_next_is_said():
    mesh = recorded.mesh_of(10)
    row = next(f for f in FLOWS[10] if f.verdict == Verdict.DROPPED)
    told = explain_flow(mesh, row)
    assert told.afterwards.startswith("once this is allowed, ingress at ")
    assert "(default-deny)" in told.afterwards


@pytest.mark.parametrize("step", [10, 11, 12, 13])
def test_suggestions_from_recorded_drops_cover_every_one_of_them(step):
    mesh = recorded.mesh_of(step)
    found = suggest(mesh, FLOWS[step])
    book = Rulebook(with_proposals(mesh, found.policies))
    wanted = wanted_of_rows(mesh, FLOWS[step])
    assert wanted
    assert not found.breaks
    for each in wanted:
        assert judge(book, each.source, each.destination, each.protocol, each.port).allowed


def test_what_was_seen_passes_after_its_own_policies_and_quiet_pods_are_told():
    mesh = recorded.mesh_of(14)
    found = suggest(mesh, FLOWS[14], allow_seen=True)
    assert found.policies
    book = Rulebook(with_proposals(mesh, found.policies))
    passed = [row for row in FLOWS[14] if row.verdict == Verdict.FORWARDED and row.is_reply is False]
    for row in passed:
        each = wanted_of_row(mesh, row)
        assert judge(book, each.source, each.destination, each.protocol, each.port).allowed
    assert not found.wider


def small(spec=DENY, **settings):
    mesh = meshes.mesh(**settings)
    for context in "ab":
        put(
            mesh, context, pod("client", {"app": "client", "pod-template-hash": "x1"}), pod("server", {"app": "server"})
        )
        put(mesh, context, policy(spec, name="closed"))
    return mesh


def asked(mesh, source, destination, port=80, protocol="TCP"):
    return Wanted(of_pod(mesh, PodRef(*source)), of_pod(mesh, PodRef(*destination)), protocol, port)


def sides(wanted):
    return wanted.source, wanted.destination


CLIENT, FAR = ("a", "default", "client"), ("b", "default", "server")


def test_hashes_and_indices_are_never_selected():
    mesh = meshes.mesh()
    made_up = {
        "app": "db", "pod-template-hash": "1", "controller-revision-hash": "2", "apps.kubernetes.io/pod-index": "0",
        "statefulset.kubernetes.io/pod-name": "db-0", "helm.sh/chart": "db-1", "app.kubernetes.io/version": "3",
    }  # fmt: skip
    put(mesh, "a", pod("db-0", made_up))
    assert telling_labels(of_pod(mesh, PodRef("a", "default", "db-0"))) == {"app": "db"}


def test_a_deny_is_no_matter_of_one_rule_more():
    mesh = small({**DENY, "egressDeny": [{"toEntities": ["all"]}]})
    remedy = propose(mesh, [asked(mesh, CLIENT, FAR)])
    assert "A deny wins" in remedy.obstacles[0]


def test_pods_that_nobody_closed_stay_open():
    spec = {"endpointSelector": {"matchLabels": {"tier": "one"}}, "egress": [{}]}
    mesh = meshes.mesh()
    for context in "ab":
        put(mesh, context, pod("client", {"app": "client", "zone": "x"}), pod("server", {"app": "server"}))
        put(mesh, context, pod("free", {"app": "client", "zone": "y"}))
    put(mesh, "a", policy({**spec, "endpointSelector": {"matchLabels": {"zone": "x"}}}, name="closed"))
    [[new, *_]] = propose(mesh, [asked(mesh, CLIENT, FAR)]).choices
    assert new.manifest["spec"]["enableDefaultDeny"] == {"egress": False}
    assert not new.closes


def test_where_a_selector_means_every_cluster_the_cluster_is_named():
    mesh = small(policy_default_local_cluster="false")
    remedy = propose(mesh, [asked(mesh, CLIENT, ("a", "default", "server"))])
    egress = next(p for p in remedy.best if "egress" in p.manifest["spec"])
    assert egress.manifest["spec"]["egress"][0]["toEndpoints"][0]["matchLabels"][CLUSTER] == "a"


def test_an_address_outside_is_one_address():
    mesh = small()
    wanted = Wanted(of_pod(mesh, PodRef(*CLIENT)), outside("203.0.113.7"), "TCP", 443)
    [[new, *_]] = propose(mesh, [wanted]).choices
    assert new.manifest["spec"]["egress"][0]["toCIDR"] == ["203.0.113.7/32"]
    assert not new.beside


def test_the_entity_cluster_is_told_to_mean_one_cluster():
    mesh = small({**DENY, "egress": [{"toEntities": ["cluster"]}]})
    found = judge(Rulebook(mesh), *sides(asked(mesh, CLIENT, FAR)), "TCP", 80)
    assert "which means a only, not b" in found.egress.near[0].text
    assert "cluster-mesh" in found.egress.near[0].fix


@pytest.mark.parametrize("step", [10, 11, 12, 13])
def test_no_proposal_carries_what_kubectl_remembers_of_another_apply(step):
    _, remedy, _ = mended(step)
    assert all("last-applied" not in str(each.manifest) for choice in remedy.choices for each in choice)
