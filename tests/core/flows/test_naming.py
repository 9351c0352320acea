"""Two clusters that Cilium calls `default`: their flows go by their contexts' names, on screen, in shares, in JSON."""

from __future__ import annotations

import pytest

from meshtui.core.flows.naming import name_clusters
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import CiliumConfig
from meshtui.core.model.reduce import reduce
from meshtui.core.services.measured import measure
from meshtui.hubble.jsonlines import as_document
from meshtui.hubble.pb import observer_pb2
from meshtui.hubble.rows import Decoder
from tests.core import meshes
from tests.core.meshes import web


@pytest.fixture
def mesh():
    made = meshes.mesh()
    for context in made.clusters:
        reduce(made, s.ConfigRead(context, CiliumConfig("default", 0, {"cluster-name": "default"}, (1, 20))))
    return made


def row(context: str, node: str = "default/n1", server: str = "10.1.0.9", home: str = "default"):
    response = observer_pb2.GetFlowsResponse(node_name=node)
    flow = response.flow
    flow.node_name, flow.uuid, flow.verdict, flow.time.seconds = node, f"{context} {server}", 1, 1_000_000_000
    flow.IP.source, flow.IP.destination = "10.1.0.3", server
    flow.l4.TCP.source_port, flow.l4.TCP.destination_port = 40_000, 80
    flow.source.cluster_name, flow.source.namespace, flow.source.pod_name = home, "shop", "cart-1"
    flow.destination.cluster_name, flow.destination.namespace, flow.destination.pod_name = home, "shop", "web-1"
    flow.destination_service.namespace, flow.destination_service.name = "default", "web"
    return Decoder(context).decode(response.SerializeToString())


def test_each_goes_by_its_context(mesh):
    rows = [row("a"), row("b")]
    name_clusters(rows, mesh)
    assert [(each.node, each.source.cluster, each.destination.cluster) for each in rows] == [
        ("a/n1", "a", "a"), ("b/n1", "b", "b"),
    ]  # fmt: skip
    assert [each.source_port for each in rows] == [40_000, 40_000], "the rest of the row is what it was"
    name_clusters(rows, mesh)
    assert rows[0].node == "a/n1", "named once"


def test_a_bare_node_name_and_another_cluster_of_the_relay(mesh):
    rows = [row("a", "n1"), row("a", "other/n1", home="other")]
    name_clusters(rows, mesh)
    assert [each.node for each in rows] == ["a/n1", "other/n1"]
    assert rows[1].source.cluster == "other"


def test_their_json_tells_them_apart_and_nobody_elses_is_touched(mesh):
    rows = [row("a"), row("b")]
    name_clusters(rows, mesh)
    documents = [as_document(each) for each in rows]
    assert [d["node_name"] for d in documents] == [d["flow"]["node_name"] for d in documents] == ["a/n1", "b/n1"]
    assert [d["flow"]["source"]["cluster_name"] for d in documents] == ["a", "b"]
    alone = [row("a")]
    name_clusters(alone, meshes.mesh())
    assert as_document(alone[0])["node_name"] == "default/n1"


def test_measured_shares_are_each_clusters_own(mesh):
    web(mesh, "a", {}, 1)
    web(mesh, "b", {}, 1)
    rows = [row("a", server="10.200.0.1"), row("b", server="10.200.0.1"), row("b", server="10.200.0.2")]
    name_clusters(rows, mesh)
    found = measure(mesh, rows, "default/web")
    assert {context: each.counts for context, each in found.items()} == {"a": {"a": 1}, "b": {"b": 2}}
