"""Routing and policy together against the real mesh: who answers, who times out, at every recorded step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshtui.core.flows.flow import Direction, Verdict
from meshtui.core.model import resources as r
from meshtui.core.policy import Decision, PodRef, Rulebook, TrafficDirection, direction_verdict, explain_flow, verdict
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.policy.labels import identity_labels
from meshtui.core.policy.parties import of_flow
from meshtui.core.routing import route
from tests.core import recorded


def client_pod(mesh, context):
    key = next(k for k in mesh.clusters[context].pods if k.startswith("default/x-wing"))
    return PodRef(context, *key.split("/"))


def predict(step, client):
    """(clusters that answer, whether any request times out), from objects and reports alone."""
    mesh = recorded.mesh_of(step)
    book = Rulebook(mesh)
    source = client_pod(mesh, client)
    answering, lost = set(), False
    for backend in route(mesh, client, recorded.KEY).backends:
        pod = PodRef(backend.context, *backend.pod.split("/"))
        if verdict(mesh, source, pod, "TCP", backend.port, book=book).allowed and not backend.stale:
            answering.add(backend.cluster)
        else:
            lost = True
    return answering, lost


@pytest.mark.parametrize("client", recorded.CLUSTERS)
@pytest.mark.parametrize("step", sorted(recorded.STEPS))
def test_prediction_equals_who_answered(step, client):
    names, timeouts = recorded.answers(step, client)
    assert predict(step, client) == (names, timeouts > 0)


def judged(step, client, server):
    mesh = recorded.mesh_of(step)
    key = next(k for k in mesh.clusters[server].pods if k.startswith("default/rebel-base"))
    return verdict(mesh, client_pod(mesh, client), PodRef(server, *key.split("/")), "TCP", 80)


def test_default_deny_names_the_policy():
    found = judged(10, "koornacht", "koornacht")
    assert found.egress.decision is Decision.DEFAULT_DENY
    assert [p.name for p in found.egress.policies] == ["default-deny"]
    assert found.ingress.decision is Decision.DEFAULT_DENY


def test_egress_allowed_but_ingress_denied():
    found = judged(11, "koornacht", "koornacht")
    assert found.egress.decision is Decision.ALLOWED
    assert [p.name for p in found.egress.policies] == ["x-wing-to-rebel-base"]
    assert found.deciding.direction is TrafficDirection.INGRESS


def test_step_13_names_the_selector_that_means_one_cluster_only():
    found = judged(13, "koornacht", "tion")
    assert found.ingress.allowed
    told = explain_verdict(found)
    assert told.sentence == (
        "egress at koornacht: default-deny, no rule allows it (default-deny, x-wing-to-rebel-base); "
        "x-wing-to-rebel-base would allow it, but its selector means koornacht only "
        "(policy-default-local-cluster=true)"
    )
    assert "add to the toEndpoints selector of x-wing-to-rebel-base" in told.fix
    assert "{key: io.cilium.k8s.policy.cluster, operator: In, values: [koornacht, tion]}" in told.fix


def test_step_12_names_the_policy_that_only_the_other_cluster_has():
    found = judged(12, "koornacht", "tion")
    assert not found.ingress.allowed
    assert found.ingress.near[0].text == (
        "rebel-base-from-x-wing in koornacht would allow it, but tion has no such policy"
    )


def test_step_14_passes_both_ways():
    found = judged(14, "koornacht", "tion")
    assert (found.egress.match_type, found.ingress.match_type) == (1, 1)
    assert found.allowed
    assert not judged(14, "tion", "tion").allowed


def test_dns_passes_through_the_proxy_at_every_step():
    mesh = recorded.mesh_of(10)
    key = next(k for k in mesh.clusters["tion"].pods if "coredns" in k)
    found = verdict(mesh, client_pod(mesh, "tion"), PodRef("tion", *key.split("/")), "UDP", 53)
    assert found.egress.decision is Decision.REDIRECTED
    assert found.egress.match_type == 2
    assert found.ingress.decision is Decision.NOT_ENFORCED


@pytest.mark.parametrize("cluster", recorded.CLUSTERS)
@pytest.mark.parametrize("step", [3, 4, 7, 10, 14])
def test_identity_labels_equal_the_recorded_identities(step, cluster):
    mesh = recorded.mesh_of(step)
    identities = recorded.items(step, cluster, r.CILIUMIDENTITIES).values()
    known = [{k: v for k, v in i.security_labels.items() if not k.startswith("gen:")} for i in identities]
    pods = [p for p in mesh.clusters[cluster].pods.values() if not p.spec.host_network]
    assert pods
    for pod in pods:
        assert dict(identity_labels(mesh.clusters[cluster], pod).exact) in known


FLOWS = recorded.policy_verdicts()


@pytest.mark.parametrize("step", sorted(FLOWS))
def test_every_recorded_policy_verdict_is_reproduced(step):
    mesh = recorded.mesh_of(step)
    book = Rulebook(mesh)
    directions = {Direction.EGRESS: TrafficDirection.EGRESS, Direction.INGRESS: TrafficDirection.INGRESS}
    assert len(FLOWS[step]) > 10
    for row in FLOWS[step]:
        source = of_flow(mesh, row.source, row.source_ip, row)
        destination = of_flow(mesh, row.destination, row.destination_ip, row)
        direction = directions[Direction(row.direction)]
        subject, peer = (destination, source) if direction is TrafficDirection.INGRESS else (source, destination)
        found = direction_verdict(book, subject, peer, direction, row.protocol, row.destination_port)
        assert found.allowed == (row.verdict != Verdict.DROPPED), row
        assert (found.decision is Decision.REDIRECTED) == (row.verdict == Verdict.REDIRECTED)
        assert found.match_type == row.match_type
        if found.allowed:
            assert [p.name for p in found.policies] == [p.name for p in row.allowed_by if p.name]


@pytest.mark.parametrize("step", sorted(FLOWS))
def test_every_recorded_drop_is_explained(step):
    mesh = recorded.mesh_of(step)
    drops = [row for row in FLOWS[step] if row.verdict == Verdict.DROPPED]
    assert drops
    for row in drops:
        told = explain_flow(mesh, row)
        assert "default-deny, no rule allows it" in told.sentence
        assert "default-deny" in [p.name for p in told.policies]
        assert told.fix


def test_a_pod_that_is_gone_is_judged_by_the_flows_labels():
    mesh = recorded.mesh_of(13)
    row = next(f for f in FLOWS[13] if f.verdict == Verdict.DROPPED and f.node.startswith("koornacht"))
    told = explain_flow(mesh, row)
    mesh.clusters["koornacht"].objects[r.PODS] = {}
    mesh.clusters["tion"].objects[r.PODS] = {}
    assert explain_flow(mesh, row) == told
    assert "means koornacht only" in told.sentence


def test_what_is_not_a_policy_drop_is_said_plainly():
    mesh = recorded.mesh_of(10)
    row = FLOWS[10][0]
    assert explain_flow(mesh, replace(row, verdict=Verdict.FORWARDED)).sentence == ""
    dropped = replace(row, verdict=Verdict.DROPPED, drop_reason=158, destination_service=recorded.KEY)
    assert "no backend: default/rebel-base" in explain_flow(mesh, dropped).sentence
    other = replace(row, verdict=Verdict.DROPPED, drop_reason=130, summary="TCP Flags: SYN")
    assert explain_flow(mesh, other).sentence == "TCP Flags: SYN"
    l7 = replace(row, verdict=Verdict.DROPPED, drop_reason=133, l7="http-request")
    assert "L7 rule refused" in explain_flow(mesh, l7).sentence


def test_a_drop_of_the_past_that_is_allowed_now():
    row = next(f for f in FLOWS[13] if f.verdict == Verdict.DROPPED and f.node.startswith("koornacht"))
    assert "would allow it" in explain_flow(recorded.mesh_of(14), row).sentence
