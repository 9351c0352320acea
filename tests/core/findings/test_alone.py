"""A policy that one cluster has and another lacks: told where its pods are there, once for many."""

from __future__ import annotations

from meshtui.core.findings import Kind
from meshtui.core.findings.policies import in_policies
from meshtui.core.model import resources as r
from meshtui.core.model.severity import Severity
from meshtui.core.reach import Reaches
from tests.core import meshes
from tests.core.meshes import GLOBAL, pod, policy, put, service

OPEN = {"ingress": [{"fromEntities": ["all"]}]}


def mesh_with(*names, spec=None, context="a"):
    mesh = meshes.mesh()
    for each in "ab":
        put(mesh, each, pod("web", {"app": "web"}), pod("client", {"app": "client"}))
    wanted = spec or {"endpointSelector": {"matchLabels": {"app": "web"}}, **OPEN}
    for name in names:
        put(mesh, context, policy(wanted, name=name))
    return mesh


def told(mesh):
    return [(f.kind, f.severity, f.contexts, f.object) for f in in_policies(Reaches(mesh))]


def test_where_its_pods_are_it_is_missed():
    assert told(mesh_with("p")) == [(Kind.POLICY_ALONE, Severity.INFO, ("a", "b"), "default/p")]


def test_behind_a_global_service_it_is_a_warning():
    mesh = mesh_with("p")
    for each in "ab":
        put(mesh, each, service(GLOBAL, selector={"app": "web"}))
    assert told(mesh) == [(Kind.POLICY_ALONE, Severity.WARNING, ("a", "b"), "default/p")]


def test_a_policy_that_names_its_cluster_is_where_it_belongs():
    labels = {"app": "web", "io.cilium.k8s.policy.cluster": "a"}
    assert told(mesh_with("p", spec={"endpointSelector": {"matchLabels": labels}, **OPEN})) == []


def test_without_such_pods_there_nothing_is_missing():
    mesh = mesh_with("p")
    meshes.remove(mesh, "b", r.PODS, "default/web")
    assert told(mesh) == []


def test_the_same_under_another_name_is_the_same():
    mesh = mesh_with("p")
    put(mesh, "b", policy({"endpointSelector": {"matchLabels": {"app": "web"}}, **OPEN}, name="q"))
    assert told(mesh) == []


def test_policies_that_were_not_listed_are_not_missing():
    mesh = mesh_with("p")
    del mesh.clusters["b"].objects[r.CNPS]
    assert told(mesh) == []


def test_many_are_one_finding():
    ((kind, _, contexts, of),) = told(mesh_with(*(f"p{number}" for number in range(6))))
    assert (kind, contexts, of) == (Kind.POLICY_ALONE, ("a", "b"), "b")
