"""A real mesh of 1.20 and 1.17: whose flows they are, why they were dropped, what its agents' tables hold."""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import Any

import msgspec
import pytest

from meshtui.cilium.agents import _Entry, _service
from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.flows.naming import name_clusters
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig
from meshtui.core.model.links import LinkClaim, link
from meshtui.core.model.reduce import reduce
from meshtui.core.policy import PolicyHistory
from meshtui.core.routing import route
from meshtui.core.routing.evidence import realised_backends
from meshtui.hubble.jsonlines import JsonLines
from tests.core import meshes
from tests.core.flowrows import RECORDINGS

FOLDER = RECORDINGS / "mixed-1.20-1.17"
KEY = "default/rebel-base"
CLUSTER_LABEL = "k8s:io.cilium.k8s.policy.cluster="


@cache
def clusters() -> dict[str, Any]:
    return json.loads(gzip.decompress((FOLDER / "clusters.json.gz").read_bytes()))


def mesh() -> s.Mesh:
    """Both clusters with what their agents said; policies and pods as the flows name them."""
    made = meshes.mesh("koornacht", "tion", version=(0, 0))
    for context, told in clusters().items():
        data = told["cilium-config"]["data"]
        config = CiliumConfig(data["cluster-name"], int(data["cluster-id"]), data)
        reduce(made, s.ConfigRead(context, config))
        reduce(made, s.AgentRead(context, "n1", msgspec.convert(told["agent-status"], AgentStatus), at=1.0))
        meshes.put(made, context, meshes.policy({"endpointSelector": {}, "ingress": [{}]}, "default-deny"))
    return made


def rows(change: Any = lambda flow: None, context: str = "koornacht") -> list[FlowRow]:
    """Every recorded flow, each changed before it is read."""
    reader = JsonLines(context)
    found: list[FlowRow] = []
    for line in gzip.decompress((FOLDER / "flows.jsonl.gz").read_bytes()).splitlines():
        document = json.loads(line)
        change(document["flow"])
        found += [item for item in reader.items(json.dumps(document)) if isinstance(item, FlowRow)]
    return found


def without_labels(flow: dict[str, Any]) -> None:
    for side in ("source", "destination"):
        labels = flow[side].get("labels", [])
        flow[side]["labels"] = [label for label in labels if not label.startswith(CLUSTER_LABEL)]
        if flow["node_name"].startswith("tion/"):
            flow[side].pop("cluster_name", None)


def whose(row: FlowRow) -> tuple[str, str]:
    return row.source.cluster, row.destination.cluster


def test_each_cluster_has_the_version_that_its_agents_say():
    made = mesh()
    assert {c.name: c.config.version for c in made.clusters.values()} == {"koornacht": (1, 20), "tion": (1, 17)}
    assert link(made.clusters["tion"], "koornacht").claim is LinkClaim.READY
    assert link(made.clusters["koornacht"], "tion").claim is LinkClaim.READY


@pytest.mark.parametrize("change", [lambda flow: None, without_labels])
def test_every_pod_has_its_cluster_by_the_label_or_by_its_identity(change):
    made, found = mesh(), rows(change)
    name_clusters(found, made)
    pods = [peer for row in found for peer in (row.source, row.destination) if peer.pod]
    assert len(pods) > 50
    assert {(peer.identity >> 16, peer.cluster) for peer in pods} == {(1, "koornacht"), (2, "tion")}


def test_an_endpoint_of_its_own_is_the_observing_nodes_where_nothing_else_tells():
    def bare(flow: dict[str, Any]) -> None:
        without_labels(flow)
        for side in ("source", "destination"):
            if flow[side].get("identity", 0) >= 256:
                flow[side]["identity"] = 300  # of a cluster without an id

    found = rows(bare)
    name_clusters(found, mesh())
    seen = [row for row in found if row.node.startswith("tion/") and row.destination.endpoint_id]
    assert seen
    assert {row.destination.cluster for row in seen if row.destination.pod} == {"tion"}
    strangers = [row.source for row in seen if row.source.pod and not row.source.endpoint_id]
    assert {peer.cluster for peer in strangers} <= {""}, "nobody says whose these are"


def test_flows_of_newer_agents_are_left_as_they_came():
    made = meshes.mesh("koornacht", "tion", version=(1, 20))
    found = rows(without_labels)
    before = [whose(row) for row in found]
    name_clusters(found, made)
    assert [whose(row) for row in found] == before


@pytest.mark.parametrize("change", [lambda flow: None, without_labels])
def test_a_drop_on_a_node_of_1_17_is_explained_by_its_own_policies(change):
    made, found = mesh(), rows(change)
    name_clusters(found, made)
    history = PolicyHistory()
    history.note(made, found[0].time_ns)
    drops = [row for row in found if row.verdict == Verdict.DROPPED and row.node.startswith("tion/")]
    assert len(drops) >= 4
    said = {history.explain(made, row).sentence for row in drops}
    assert said
    assert not [sentence for sentence in said if "not known here" in sentence], said
    assert any("ingress at tion: default-deny" in sentence for sentence in said)


def test_the_service_tables_of_both_are_read():
    made = mesh()
    spec = {"ports": ({"port": 80},), "key": KEY}
    addresses = {"koornacht": ("10.1.0.175", "10.1.1.222"), "tion": ("10.2.1.138", "10.2.0.35")}
    for context, ips in addresses.items():
        address = {"koornacht": "172.20.1.65", "tion": "172.20.2.30"}[context]
        meshes.put(made, context, meshes.service(meshes.GLOBAL, **spec, clusterIP=address))
        slice_ = meshes.endpointslice([meshes.endpoint(ip) for ip in ips], key=KEY)
        meshes.put(made, context, slice_)
    for context, told in clusters().items():
        entries = msgspec.convert(told["agent-services"], list[_Entry])
        realised = [each for each in map(_service, entries) if each is not None]
        predicted = route(made, context, KEY)
        assert {backend.ip for backend in predicted.backends} == {ip for ips in addresses.values() for ip in ips}
        # koornacht's agent had not imported tion's by then; tion's had all four.
        assert realised_backends(predicted, realised) >= set(addresses[context]), context
