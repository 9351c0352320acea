"""Several meshes among the chosen contexts are shown as what they are, not as broken links."""

from __future__ import annotations

import msgspec
import pytest

from meshtui.core.findings import findings
from meshtui.core.findings.model import Kind
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Verdict
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig
from meshtui.core.model.meshes import apart, groups
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import route
from meshtui.core.routing.model import Reason
from tests.core import meshes
from tests.core.meshes import GLOBAL, KEY, web


def joined(mesh: s.Mesh, context: str, *remotes: str) -> None:
    told = [{"name": name, "connected": True, "ready": True} for name in remotes]
    status = msgspec.convert({"cluster-mesh": {"clusters": told}}, AgentStatus)
    reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 1.0))
    reduce(mesh, s.AgentRead(context, "n1", status, at=1.0))


@pytest.fixture
def two() -> s.Mesh:
    """a and b of one mesh, c and d of another, each pair with a global service."""
    mesh = meshes.mesh("a", "b", "c", "d")
    for one, other in (("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")):
        joined(mesh, one, other)
        web(mesh, one, GLOBAL, 1)
    return mesh


def test_clusters_are_of_the_mesh_that_their_agents_are_joined_to(two):
    assert groups(two) == [("a", "b"), ("c", "d")]
    assert frozenset("ac") in apart(groups(two))
    assert frozenset("ab") not in apart(groups(two))


def test_a_mesh_need_not_be_whole_and_its_middle_need_not_be_chosen():
    mesh = meshes.mesh("a", "b")
    joined(mesh, "a", "hub")
    joined(mesh, "b", "hub")
    assert groups(mesh) == [("a", "b")]


def test_nothing_is_said_of_clusters_that_are_joined_to_nobody_or_were_not_read():
    mesh = meshes.mesh("a", "b", "c")
    joined(mesh, "a", "b")
    joined(mesh, "c")
    assert groups(mesh) == [("a", "b")], "b is known by a, c may be joined yet"
    assert Kind.OTHER_MESH not in {finding.kind for finding in findings(mesh)}
    assert [f.sentence for f in findings(mesh) if f.kind is Kind.NOT_CONNECTED]


def test_a_cluster_without_an_id_is_in_no_mesh_whatever_its_agents_hold(two):
    for context in ("c", "d"):
        reduce(two, s.ConfigRead(context, CiliumConfig("default", 0, {}, (1, 21))))
    assert groups(two) == [("a", "b")]
    kinds = {f.kind for f in findings(two)}
    assert {Kind.SAME_CLUSTER_ID, Kind.NO_MESH} <= kinds
    assert Kind.OTHER_MESH not in kinds


def test_one_finding_says_it_and_no_link_is_missed(two):
    found = findings(two)
    (finding,) = [f for f in found if f.kind is Kind.OTHER_MESH]
    assert finding.sentence == ("the chosen clusters are of 2 meshes: a, b; c, d: no link and no backend crosses these")
    assert {f.kind for f in found} == {Kind.OTHER_MESH}


def test_ids_and_names_may_come_again_in_another_mesh(two):
    reduce(two, s.ConfigRead("c", CiliumConfig("c", 1, {}, (1, 21))))
    assert Kind.SAME_CLUSTER_ID not in {f.kind for f in findings(two)}


def test_a_service_is_compared_within_its_mesh_alone(two):
    web(two, "d", {}, 1)
    (alone,) = [f for f in findings(two) if f.kind is Kind.GLOBAL_ALONE]
    assert alone.sentence.startswith("default/web is global in c only")
    assert [fix.context for fix in alone.fixes] == ["d"]


def test_no_backend_crosses(two):
    found = route(two, "a", KEY)
    assert {b.context for b in found.backends} == {"a", "b"}
    assert (found.why_not("c").reason, found.why_not("c").text) == (Reason.NOT_MESHED, "c is of another mesh than a")


def test_links_say_so(two):
    judgement = Judge(two).judge(2.0)
    link = judgement.link("a", "c")
    assert (link.verdict, link.words) == (Verdict.IDLE, "of another mesh")
    assert judgement.strangers("a", "c")
    assert not judgement.strangers("a", "b")
