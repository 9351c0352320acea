"""Prediction against what agents realised and who answered."""

from __future__ import annotations

import pytest

from meshtui.core.model.ciliumstatus import RealisedBackend, RealisedService
from meshtui.core.routing import disagreements, route
from tests.core import meshes, recorded
from tests.core.meshes import GLOBAL, KEY, web


def found(affinity=None):
    mesh = meshes.mesh()
    extra = {"service.cilium.io/affinity": affinity} if affinity else {}
    web(mesh, "a", {**GLOBAL, **extra}, 2)
    web(mesh, "b", GLOBAL, 2)
    return route(mesh, "a", KEY)


def agent(*ips, port=80, kind="ClusterIP", state="active"):
    backends = tuple(RealisedBackend(ip, 80, state) for ip in ips)
    return [RealisedService("default", "web", kind, "172.20.0.1", port, "TCP", backends)]


BOTH = ("10.1.0.1", "10.1.0.2", "10.2.0.1", "10.2.0.2")


def test_agreement_says_nothing():
    assert disagreements(found(), agent(*BOTH), {"a": 5, "b": 5}) == ()
    assert disagreements(found()) == ()
    assert disagreements(found(), agent("1.1.1.1", port=81)) == ()
    assert disagreements(found(), agent("1.1.1.1", kind="NodePort")) == ()


def test_an_agent_that_sends_elsewhere():
    texts = [d.text for d in disagreements(found("local"), agent("10.1.0.1", "10.2.0.1", "10.9.0.1"))]
    assert texts == [
        "a's agent sends to b's 10.2.0.1, which is not predicted",
        "a's agent sends to 10.9.0.1, which is not predicted",
        "a's agent does not send to a's 10.1.0.2, which is predicted",
    ]


def test_terminating_backends_count_when_alone():
    assert len(disagreements(found(), agent(*BOTH, state="terminating"))) == 0


def test_answers_that_cannot_be():
    impossible = disagreements(found("local"), answers={"a": 9, "b": 1})
    assert [d.text for d in impossible] == ["b answered 1 of 10 requests, though it is not in rotation for a"]


@pytest.mark.parametrize(("requests", "evident"), [(5, False), (9, False), (10, True), (50, True)])
def test_silence_is_evidence_only_beyond_chance(requests, evident):
    assert bool(disagreements(found(), answers={"a": requests})) is evident


@pytest.mark.parametrize("client", recorded.CLUSTERS)
@pytest.mark.parametrize("step", range(3, 10))
def test_the_recorded_answers_do_not_contradict(step, client):
    mesh = recorded.mesh_of(step)
    text = recorded.document(step)[client]["curl.txt"].lower()
    answers = {name: text.count(f'"cluster": "{name}"') for name in recorded.CLUSTERS}
    assert sum(answers.values()) == 10
    assert disagreements(route(mesh, client, recorded.KEY), answers=answers) == ()
