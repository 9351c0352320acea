"""What applying or deleting a policy does, foretold on the recorded mesh."""

from __future__ import annotations

from meshtui.core.model import resources as r
from meshtui.core.policy import Connection, PodRef, connections_to, policy_effects
from meshtui.core.routing import what_if
from tests.core import recorded


def client(mesh, context):
    key = next(k for k in mesh.clusters[context].pods if k.startswith("default/x-wing"))
    return PodRef(context, *key.split("/"))


def test_default_deny_is_foretold():
    mesh = recorded.mesh_of(4)
    deny = recorded.items(10, "koornacht", r.CNPS)
    after = what_if(mesh, {("koornacht", r.CNPS): deny})
    connections = connections_to(mesh, client(mesh, "koornacht"), recorded.KEY)
    assert len(connections) == 4
    told = policy_effects(mesh, after, connections)
    assert len(told) == 4
    assert all("passes → dropped; egress at koornacht: default-deny" in sentence for sentence in told)
    assert policy_effects(mesh, mesh, connections) == ()


def test_the_cure_is_foretold():
    mesh = recorded.mesh_of(13)
    after = what_if(mesh, {("koornacht", r.CNPS): recorded.items(14, "koornacht", r.CNPS)})
    told = policy_effects(mesh, after, connections_to(mesh, client(mesh, "koornacht"), recorded.KEY))
    assert len(told) == 2
    assert all("(tion) TCP 80: dropped → passes" in sentence for sentence in told)


def test_pods_that_are_gone_are_passed_over():
    mesh = recorded.mesh_of(4)
    nobody = Connection(PodRef("tion", "default", "gone"), client(mesh, "tion"), "TCP", 80)
    assert policy_effects(mesh, mesh, [nobody]) == ()
