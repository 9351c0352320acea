"""The connections a pod's requests become, judged before and after a change of policies of the recorded mesh."""

from __future__ import annotations

from meshtui.core.model import resources as r
from meshtui.core.policy import PodRef, connections_to, verdict
from meshtui.core.policy.explain import explain_verdict
from meshtui.core.routing import what_if
from tests.core import recorded


def client(mesh, context):
    key = next(k for k in mesh.clusters[context].pods if k.startswith("default/x-wing"))
    return PodRef(context, *key.split("/"))


def judged(mesh, connections):
    return [verdict(mesh, c.source, c.destination, c.protocol, c.port) for c in connections]


def test_default_deny_is_foretold():
    mesh = recorded.mesh_of(4)
    after = what_if(mesh, {("koornacht", r.CNPS): recorded.items(10, "koornacht", r.CNPS)})
    connections = connections_to(mesh, client(mesh, "koornacht"), recorded.KEY)
    assert len(connections) == 4
    assert all(found.passes for found in judged(mesh, connections))
    told = [explain_verdict(found).sentence for found in judged(after, connections)]
    assert all(sentence.startswith("egress at koornacht: default-deny") for sentence in told)


def test_the_cure_is_foretold():
    mesh = recorded.mesh_of(13)
    after = what_if(mesh, {("koornacht", r.CNPS): recorded.items(14, "koornacht", r.CNPS)})
    connections = connections_to(mesh, client(mesh, "koornacht"), recorded.KEY)
    then, now = (judged(each, connections) for each in (mesh, after))
    mended = [new.destination.cluster for old, new in zip(then, now, strict=True) if old.passes is not new.passes]
    assert mended == ["tion", "tion"]
    assert all(found.passes for found in now)
