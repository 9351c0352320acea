"""Connections counted from flows: once each, at the client, by the cluster that was asked."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from meshtui.core.routing import disagreements, route
from meshtui.core.routing.evidence import Source
from meshtui.core.services.measured import addresses, measure
from tests.core import meshes, recorded
from tests.core.meshes import GLOBAL, KEY, web
from tests.core.recorded import KEY as REBEL
from tests.tui.fakes import recorded_flows


def flows(count: int, target: str, cluster: str, client: str = "a", **more):
    """`count` connections from ports of their own, each seen twice by the client's node and once by the server's."""
    (row,) = recorded_flows("dropped")[:1]
    made = []
    for number in range(count):
        one = replace(
            row,
            uuid=f"{target}{number}",
            node=f"{client}/n",
            source=structs.replace(row.source, cluster=client),
            destination=structs.replace(row.destination, cluster=cluster),
            source_ip="10.9.9.9",
            destination_ip=target,
            source_port=40_000 + number,
            verdict=1,
            is_reply=False,
            destination_service="",
            **more,
        )
        reply = replace(one, is_reply=True, source_ip=target, destination_ip="10.9.9.9")
        made += [one, replace(one, uuid=one.uuid + "x"), replace(one, node=f"{cluster}/n"), reply]
    return made


def two():
    mesh = meshes.mesh()
    web(mesh, "a", GLOBAL, 1)
    web(mesh, "b", GLOBAL, 1)
    return mesh


def test_each_connection_counts_once_and_at_the_client_only():
    mesh = two()
    assert addresses(mesh, KEY) == {"10.1.0.1": "a", "10.2.0.1": "b"}
    found = measure(mesh, [*flows(3, "10.1.0.1", "a"), *flows(1, "10.2.0.1", "b"), *flows(5, "10.7.0.1", "b")], KEY)
    assert found["a"].counts == {"a": 3, "b": 1}
    assert found["a"].shares == {"a": 0.75, "b": 0.25}
    assert found["a"].dropped == {}
    assert "b" not in found


def test_a_backend_that_is_gone_is_told_by_the_flow_itself():
    rows = [replace(row, destination_service=KEY) for row in flows(2, "10.2.0.99", "b")]
    assert measure(two(), rows, KEY)["a"].counts == {"b": 2}


def test_recorded_drops_count_as_chosen_and_as_dropped():
    mesh = recorded.mesh_of(10)
    found = measure(mesh, recorded_flows("dropped"), REBEL)["koornacht"]
    assert found.total > 0
    assert found.dropped == found.counts


def test_connections_to_a_cluster_that_is_not_in_rotation_contradict_the_route():
    mesh = two()
    web(mesh, "b", {}, 1)
    counts = measure(mesh, flows(4, "10.2.0.1", "b"), KEY)["a"].counts
    said, other = disagreements(route(mesh, "a", KEY), connections=counts)
    assert other.text == "a was asked by none of 4 connections, though 100% of them should go there"
    assert (said.source, said.cluster) == (Source.FLOWS, "b")
    assert said.text == "b was asked by 4 of 4 connections, though it is not in rotation for a"


def test_a_cluster_nobody_asks_contradicts_only_when_chance_is_ruled_out():
    found = route(two(), "a", KEY)
    assert disagreements(found, connections={"a": 5}) == ()
    (said,) = disagreements(found, connections={"a": 20})
    assert said.text == "b was asked by none of 20 connections, though 50% of them should go there"
