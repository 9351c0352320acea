"""One rule for what is missing of an answer."""

from __future__ import annotations

from meshtui.core.errors import Forbidden, NotFound, RelayUnreachable, TimedOut
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus
from meshtui.core.model.completeness import AGENTS, CONFIG, HEALTH, KVSTOREMESH, Wanted, coming, missing
from meshtui.core.model.reduce import reduce
from tests.core import meshes

EVERYTHING = Wanted((r.SERVICES,), (r.NODES,), (CONFIG, AGENTS, KVSTOREMESH, HEALTH), flows=True, time=True)


def whole():
    mesh = meshes.mesh()
    for context in mesh.clusters:
        reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 1.0))
        for resource in (r.SERVICES, r.NODES):
            reduce(mesh, s.WatchChanged(context, resource, s.Phase.LIVE, 1.0))
            reduce(mesh, s.Listed(context, resource, {}, 1.0))
        reduce(mesh, s.RelayChanged(context, 1.0, phase=s.Phase.LIVE))
    return mesh


def said(mesh, wanted=EVERYTHING, unasked=None):
    found = missing(mesh, wanted, unasked or {})
    return [f"{error.title}: {error.cause}" for error in found.failures], found.closed


def closed(verb="list", resource="nodes"):
    return Forbidden("no", context="a", verb=verb, resource=resource, status=403)


def test_what_is_whole_misses_nothing():
    assert said(whole()) == ([], {})


def test_lists_and_questions_that_have_not_come():
    mesh = whole()
    del mesh.clusters["a"].objects[r.NODES]
    reduce(mesh, s.WatchChanged("a", r.NODES, s.Phase.CONNECTING, 2.0))
    (line,), _ = said(mesh, unasked={"a": {AGENTS}})
    assert line.startswith("a has not sent all of its lists yet: missing: nodes, the agents' status;")


def test_a_list_is_coming_from_a_cluster_that_answers_until_it_is_here_or_refused():
    mesh = whole()
    assert not coming(mesh, (r.SERVICES, r.NODES))
    del mesh.clusters["a"].objects[r.NODES]
    reduce(mesh, s.WatchChanged("a", r.NODES, s.Phase.CONNECTING, 2.0))
    assert coming(mesh, (r.SERVICES, r.NODES))
    assert not coming(mesh, (r.SERVICES,))
    reduce(mesh, s.WatchChanged("a", r.NODES, s.Phase.FAILED, 3.0, closed()))
    assert not coming(mesh, (r.SERVICES, r.NODES)), "it was refused"
    reduce(mesh, s.WatchChanged("a", r.NODES, s.Phase.CONNECTING, 4.0))
    reduce(mesh, s.ApiChanged("a", s.Phase.STALE, 5.0))
    assert not coming(mesh, (r.SERVICES, r.NODES)), "nobody knows when that cluster answers again"


def test_agents_that_did_not_answer_are_counted_and_those_nobody_may_ask_are_told():
    mesh = whole()
    late = TimedOut("the agent on n2 did not answer", context="a", cause="nothing came", hint="look at it")
    reduce(mesh, s.AgentRead("a", "n1", AgentStatus(), at=1.0))
    reduce(mesh, s.AgentRead("a", "n2", None, late, 1.0))
    found = missing(mesh, EVERYTHING, {})
    (error,) = found.failures
    assert error.title == "a: 1 of 2 agents did not answer: n2"
    assert (error.cause, error.hint) == ("the agent on n2 did not answer: nothing came", "look at it")
    assert not missing(mesh, Wanted((r.SERVICES,)), {}).failures, "an answer that does not depend on them is whole"
    for node in ("n1", "n2"):
        reduce(mesh, s.AgentRead("a", node, None, closed("create", "pods/exec"), 1.0))
    assert said(mesh) == ([], {"a": ["the agents' status"]})


def test_cilium_its_mesh_and_flows_that_could_not_be_read():
    mesh = whole()
    broken = TimedOut("a: cannot read configmaps", context="a", cause="late")
    reduce(mesh, s.ConfigRead("a", None, broken))
    reduce(mesh, s.KvstoremeshRead("a", None, TimedOut("no word of KVStoreMesh", context="a"), 1.0))
    reduce(mesh, s.RelayChanged("b", 1.0, phase=s.Phase.FAILED, error=RelayUnreachable("no Relay", context="b")))
    lines, _ = said(mesh)
    assert lines == ["a: cannot read configmaps: late", "no word of KVStoreMesh: ", "no Relay: "]
    reduce(mesh, s.ConfigRead("a", None, NotFound("a has no Cilium", context="a")))
    assert "a has no Cilium" not in str(said(mesh)[0]), "that is the answer"


def test_a_person_who_may_not_see_it_is_told_in_a_word():
    mesh = whole()
    reduce(mesh, s.WatchChanged("a", r.NODES, s.Phase.FAILED, 1.0, closed()))
    reduce(mesh, s.ConfigRead("a", None, closed("get", "configmaps")))
    reduce(mesh, s.RelayChanged("a", 1.0, phase=s.Phase.FAILED, error=RelayUnreachable("no Relay", context="a")))
    assert said(mesh) == ([], {"a": ["nodes", "cilium-config", "flows"]})
    reduce(mesh, s.WatchChanged("a", r.SERVICES, s.Phase.FAILED, 1.0, closed(resource="services")))
    assert said(mesh)[0] == ["no: "], "without the services there is no answer"


def test_clocks_matter_where_the_answer_tells_a_time():
    mesh = whole()
    reduce(mesh, s.ClockRead("a", 120.0))
    reduce(mesh, s.ClockRead("b", 0.0))
    assert said(mesh)[0][0].startswith("the clock of a's API server is 2 min ahead of this machine's: ")
    assert said(mesh, Wanted((r.SERVICES,)))[0] == []
