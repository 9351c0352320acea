"""Policies that mean one cluster only, found before anybody times out."""

from __future__ import annotations

import pytest

from meshtui.core.findings import Findings, Kind, policy_findings
from tests.core import meshes, recorded
from tests.core.meshes import GLOBAL, KEY, endpoint, endpointslice, pod, policy, put, service


@pytest.mark.parametrize("step", [11, 12, 13])
def test_the_recorded_surprise_is_told(step):
    found = policy_findings(recorded.mesh_of(step), recorded.KEY)
    assert [(f.kind, f.contexts) for f in found] == [(Kind.POLICY_MEANS_ONE_CLUSTER, ("koornacht",))]
    assert found[0].sentence.startswith("x-wing-to-rebel-base in koornacht lets default/x-wing-")
    assert found[0].sentence.endswith("in koornacht only: its requests to tion are dropped")
    assert found[0].advice.startswith(
        "add to its toEndpoints selector: matchExpressions {key: io.cilium.k8s.policy.cluster, operator: In, "
        "values: [koornacht, tion]}"
    )


@pytest.mark.parametrize("step", [3, 4, 10, 14, 16])
def test_the_cure_is_no_finding(step):
    assert policy_findings(recorded.mesh_of(step), recorded.KEY) == []


def world(**data):
    mesh = meshes.mesh(**data)
    for number, context in enumerate("ab"):
        put(mesh, context, service(GLOBAL), pod("client", {"app": "client"}), pod("server", {"app": "server"}))
        put(mesh, context, endpointslice([endpoint(f"10.{number}.0.1", pod="server")]))
    admit = {"ingress": [{"fromEndpoints": [{"matchLabels": {"app": "client"}}]}]}
    put(mesh, "b", policy({"endpointSelector": {"matchLabels": {"app": "server"}}, **admit}))
    return mesh


def test_the_ingress_side():
    found = policy_findings(world(), KEY)
    assert [f.contexts for f in found] == [("b",)]
    assert found[0].sentence == (
        "p in b admits clients of b only: requests of a's default/client to default/web are dropped there"
    )


def test_any_cluster_where_the_option_is_off():
    assert policy_findings(world(policy_default_local_cluster="false"), KEY) == []


def test_a_second_policy_that_admits_them():
    mesh = world()
    spec = {"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster-mesh"]}]}
    put(mesh, "b", policy(spec, name="all"))
    assert policy_findings(mesh, KEY) == []


def test_pods_that_are_not_known_say_nothing():
    mesh = world()
    meshes.remove(mesh, "b", meshes.r.PODS, "default/server")
    assert policy_findings(mesh, KEY) == []


def test_the_findings_tell_it_policy_by_policy_and_follow_changes():
    mesh = world()
    kept = Findings(mesh)

    def told():
        return [(f.contexts, f.object) for f in kept.all() if f.kind is Kind.POLICY_MEANS_ONE_CLUSTER]

    assert told() == [(("b",), "default/p")]
    kept.update(put(mesh, "a", service()))
    assert told() == [], "nobody of a asks b's backends any more"
    kept.update(put(mesh, "a", service(GLOBAL)))
    assert told() == [(("b",), "default/p")]
    kept.update(put(mesh, "b", policy({"endpointSelector": {}, "ingress": [{"fromEntities": ["all"]}]}, name="all")))
    assert told() == [], "another policy admits them"


def test_many_policies_are_one_finding():
    mesh = world()
    spec = mesh.clusters["b"].of(meshes.r.CNPS)["default/p"].spec
    put(mesh, "b", *(policy(spec, name=f"p{number}") for number in range(20)))
    (found,) = [f for f in Findings(mesh).all() if f.kind is Kind.POLICY_MEANS_ONE_CLUSTER]
    assert found.sentence.startswith("21 policies of b admit clients of b only")


def test_thousands_of_policies_are_looked_at_in_portions():
    mesh = world()
    empty = {"ingress": [{}]}
    specs = [{"endpointSelector": {"matchLabels": {"app": str(number)}}, **empty} for number in range(500)]
    put(mesh, "a", *(policy(spec, name=str(number)) for number, spec in enumerate(specs)))
    kept = Findings(mesh, lazy=True)
    portions = 0
    while kept.backlog:
        kept.work(20)
        portions += 1
    assert portions > 10
    assert sum(f.kind is Kind.POLICY_SELECTS_NOBODY for f in kept.all()) == 500
