"""Clusters that Cilium calls the same are told apart by context, and one cluster in two contexts is shown once."""

from __future__ import annotations

from meshtui.core.findings import findings
from meshtui.core.findings.model import Kind
from meshtui.core.findings.report import finding_json
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.links import links
from meshtui.core.model.reduce import reduce
from meshtui.core.routing import routes
from meshtui.core.routing.model import Reason
from tests.core.meshes import GLOBAL, KEY, endpoint, endpointslice, service
from tests.core.model.test_versions import agent, mesh_of


def configured(mesh: s.Mesh, context: str, name: str = "default", number: int = 0) -> None:
    reduce(mesh, s.ConfigRead(context, CiliumConfig(name, number, {}, (1, 20))))
    reduce(mesh, s.AgentRead(context, "n1", agent("1.20.0")))


def two_defaults(number: int = 0) -> s.Mesh:
    mesh = mesh_of("prod", "stage")
    configured(mesh, "prod", number=number)
    configured(mesh, "stage", number=number)
    for at, context in enumerate(mesh.clusters):
        reduce(mesh, s.Listed(context, r.SERVICES, {KEY: service(GLOBAL)}, 0.0))
        reduce(
            mesh,
            s.Listed(
                context,
                r.ENDPOINTSLICES,
                {"default/web-abc": endpointslice([endpoint(f"10.{at}.0.9", ready=True)])},
                0.0,
            ),
        )
    return mesh


def test_the_context_is_the_name_where_the_name_is_shared_and_the_tags_differ():
    mesh = two_defaults()
    assert [c.name for c in mesh.clusters.values()] == ["prod", "stage"]
    assert [c.cilium_name for c in mesh.clusters.values()] == ["default", "default"]
    assert [c.tag for c in mesh.clusters.values()] == ["P", "S"]
    assert mesh.by_name("default") is None
    assert {(link.source, link.target) for link in links(mesh)} == {("prod", "stage"), ("stage", "prod")}


def test_neither_is_given_the_others_backends_whatever_the_annotations_say():
    for number in (0, 7):
        found = {route.context: route for route in routes(two_defaults(number), KEY)}
        assert {c: [b.context for b in route.backends] for c, route in found.items()} == {
            "prod": ["prod"],
            "stage": ["stage"],
        }
        assert {u.reason for u in found["prod"].unused} == {Reason.NOT_MESHED}


def test_findings_name_contexts():
    mesh = two_defaults()
    (finding,) = [f for f in findings(mesh) if f.kind is Kind.SAME_CLUSTER_ID]
    assert finding.sentence == "prod and stage have the same name, so no mesh can join them yet"
    assert finding_json(mesh, finding)["contexts"] == ["prod", "stage"]
    assert not [f for f in findings(mesh) if f.kind is Kind.NOT_CONNECTED]


def test_one_id_under_two_names_is_no_mesh_either():
    mesh = mesh_of("prod", "stage")
    configured(mesh, "prod", "east", 1)
    configured(mesh, "stage", "west", 1)
    assert [c.name for c in mesh.clusters.values()] == ["east", "west"]
    (finding,) = [f for f in findings(mesh) if f.kind is Kind.SAME_CLUSTER_ID]
    assert finding.sentence == "prod and stage must have different names and ids"


def test_a_name_of_its_own_again_is_used_again():
    mesh = two_defaults()
    configured(mesh, "stage", "stage-eu", 2)
    assert [c.name for c in mesh.clusters.values()] == ["default", "stage-eu"]


def test_a_twin_leaves_and_is_named():
    mesh = mesh_of("prod", "prod-fqdn", "stage")
    delta = reduce(mesh, s.AliasFound("prod-fqdn", "prod"))
    assert list(mesh.clusters) == ["prod", "stage"]
    assert mesh.aliases == {"prod-fqdn": "prod"}
    assert mesh.clusters["prod"].aliases == ("prod-fqdn",)
    assert "prod" in delta.status
    assert not reduce(mesh, s.ConfigRead("prod-fqdn", CiliumConfig("koornacht", 1, {})))


def test_endpoints_that_have_not_arrived_are_not_none():
    mesh = mesh_of("prod")
    configured(mesh, "prod", "east", 1)
    reduce(mesh, s.Listed("prod", r.SERVICES, {KEY: service(GLOBAL)}, 0.0))
    (found,) = routes(mesh, KEY)
    assert found.summary == "nobody: not known yet"
    assert not [f for f in findings(mesh) if f.kind is Kind.NO_BACKENDS]
