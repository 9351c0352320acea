"""The predicted set of answering clusters is what happened, at every recorded step, from either cluster."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshtui.core.load.run import new_run
from meshtui.core.load.spec import Answer, LoadSpec, Request
from meshtui.core.load.split import Fit
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.policy import TrafficDirection
from meshtui.core.reach import Basis, Reaches, reach, reaches
from tests.core import recorded
from tests.core.recorded import KEY


@pytest.mark.parametrize("client", recorded.CLUSTERS)
@pytest.mark.parametrize("step", sorted(recorded.STEPS))
def test_who_answers_is_who_answered(step, client):
    names, timeouts = recorded.answers(step, client)
    found = reach(recorded.mesh_of(step), client, KEY)
    assert found.answering == names
    assert (bool(found.refused_share) or bool(found.route.silent)) == (timeouts > 0)
    assert found.unknown == {}


@pytest.mark.parametrize(
    ("step", "client", "summary"),
    [
        (4, "koornacht", "K 2, T 2"),
        (10, "koornacht", "denied at koornacht (default-deny)"),
        (11, "koornacht", None),
        (14, "koornacht", "K 2, T 2"),
        (14, "tion", "denied at tion (default-deny)"),
    ],
)
def test_a_row_says_who_refuses(step, client, summary):
    found = reach(recorded.mesh_of(step), client, KEY)
    if summary is not None:
        assert found.summary == summary
    else:
        stops = [stop for stops in found.refused.values() for stop in stops]
        assert [(stop.cluster, stop.direction) for stop in stops if stop.direction is TrafficDirection.INGRESS] == [
            ("koornacht", TrafficDirection.INGRESS)
        ]


def test_step_13_is_half_a_service():
    found = reach(recorded.mesh_of(13), "koornacht", KEY)
    assert found.shares == {"koornacht": 0.5}
    assert found.refused_share == 0.5
    assert found.port == "80/TCP → 80"
    assert found.summary == "K 2, T 2 denied at koornacht (default-deny, x-wing-to-rebel-base)"
    assert "means koornacht only" in found.refused["tion"][0].text
    assert found.clients.basis is Basis.USUAL
    assert found.clients.words == "default/x-wing, the load test's client"


def run_of(step, context, answer, url="http://rebel-base/"):
    run = new_run(recorded.mesh_of(step), LoadSpec(url, context, "default", "x-wing"))
    run.take(Request(1, 1.0, answer, 28, 0, 2.0))
    return run


def test_a_run_that_nobody_answers_is_failed_and_was_foretold():
    run = run_of(10, "tion", Answer.TIMED_OUT)
    assert run.expected == {}
    assert run.verdict.fit is Fit.FAILED
    assert run.verdict.text == "failed: nobody answered, as predicted: denied at tion (default-deny)"
    assert run.document()["verdict"] == "failed"
    assert run_of(4, "tion", Answer.DNS_FAILED).verdict.text == "failed: no name was resolved"
    assert run_of(4, "tion", Answer.TIMED_OUT, "http://elsewhere.example/").verdict.fit is Fit.FAILED
    assert run_of(13, "koornacht", Answer.TIMED_OUT).expected == {"koornacht": 0.5}


def without_dns(step, context):
    """The step with default-deny closed for DNS, too."""
    mesh = recorded.mesh_of(step)
    key = "default/default-deny"
    policy = mesh.clusters[context].of(r.CNPS)[key]
    spec = json.loads(json.dumps(policy.spec))
    spec["egress"] = [{}]
    metadata = msgspec.structs.replace(policy.metadata, resource_version=policy.metadata.resource_version + "1")
    closed = msgspec.structs.replace(policy, spec=spec, metadata=metadata)
    reduce(mesh, s.Changed(context, r.CNPS, {key: closed}, 0.0))
    return mesh


def test_clients_without_dns_get_nothing_by_name_but_by_address():
    mesh = without_dns(14, "koornacht")
    found = reach(mesh, "koornacht", KEY)
    assert found.answering == frozenset()
    assert found.shares == {}
    assert found.summary.startswith("no DNS: denied at koornacht (default-deny")
    address = mesh.clusters["koornacht"].services[KEY].spec.cluster_ip
    run = new_run(mesh, LoadSpec(f"http://{address}/", "koornacht"))
    assert run.expected == {"koornacht": 0.5, "tion": 0.5}
    assert new_run(mesh, LoadSpec("http://rebel-base/", "koornacht")).expected == {}


def test_what_is_kept_is_forgotten_when_policies_or_pods_change():
    mesh = recorded.mesh_of(10)
    kept = Reaches(mesh)
    assert kept.of("koornacht", KEY).shut
    change = {name: recorded.items(14, "koornacht", r.CNPS)[name] for name in (recorded.EGRESS, recorded.INGRESS)}
    kept.note(reduce(mesh, s.Changed("koornacht", r.CNPS, change, 0.0)))
    assert kept.of("koornacht", KEY).answering == {"koornacht"}
    gone = dict.fromkeys(key for key in mesh.clusters["koornacht"].pods if key.startswith("default/x-wing"))
    kept.note(reduce(mesh, s.Changed("koornacht", r.PODS, gone, 0.0)))
    assert kept.of("koornacht", KEY).clients.basis is not Basis.USUAL
    nothing = dict.fromkeys(mesh.clusters["koornacht"].of(r.CNPS))
    kept.note(reduce(mesh, s.Changed("koornacht", r.CNPS, nothing, 0.0)))
    assert reaches(mesh, KEY, known=kept)[0].summary == "K 2, T 2 denied at tion (default-deny)"


def test_pods_that_are_not_known_leave_the_answer_open():
    mesh = recorded.mesh_of(10)
    for cluster in mesh.clusters.values():
        del cluster.objects[r.PODS]
    found = reach(mesh, "koornacht", KEY)
    assert found.refused == {}
    assert set(found.unknown) == {"koornacht", "tion"}
    assert "not known" in found.summary
