"""Flows of agents of 1.17 beside 1.20, as recorded: what they do not tell, and which field masks they refuse."""

from __future__ import annotations

import pytest

from meshtui.hubble.pb import observer_pb2, relay_pb2
from meshtui.sim.relay.stream import FlowStream
from meshtui.sim.world import World
from tests.sim.worlds import curl, flows, world

OLD, NEW = "tion/tion-control-plane", "koornacht/koornacht-control-plane"
NEWER = {"emitter", "file", "policy_log"}


@pytest.fixture
def made() -> World:
    """Requests that are let through and requests that are not, seen by agents of both versions."""
    made = world("default-deny", cilium_version="koornacht=1.20,tion=1.17")
    curl(made, "koornacht")
    curl(made, "tion")
    return made


def answers(made: World, *paths: str) -> list[observer_pb2.GetFlowsResponse]:
    request = observer_pb2.GetFlowsRequest(first=True)
    request.field_mask.paths.extend(paths)
    stream = FlowStream(made.clusters["koornacht"], request)
    found = [*stream.begin(), *stream.end()]
    return [observer_pb2.GetFlowsResponse.FromString(message) for message in found]


def test_what_flows_of_1_17_do_not_tell(made: World) -> None:
    told: dict[str, set[str]] = {OLD: set(), NEW: set()}
    for flow in flows(made):
        told[flow["node_name"]] |= set(flow)
    assert told[OLD] & NEWER == set()
    assert told[NEW] - told[OLD] == NEWER


def test_a_mask_of_newer_fields_is_refused_by_older_agents_alone(made: World) -> None:
    found = answers(made, "time", "node_name", "ip_trace_id")
    (refused,) = [a.node_status for a in found if a.node_status.state_change == relay_pb2.NODE_ERROR]
    assert (list(refused.node_names), refused.message) == ([OLD], "invalid fieldmask")
    assert {a.flow.node_name for a in found if a.HasField("flow")} == {NEW}


def test_a_mask_of_older_fields_is_taken_by_all(made: World) -> None:
    found = answers(made, "time", "node_name", "verdict")
    assert not [a for a in found if a.node_status.state_change == relay_pb2.NODE_ERROR]
    assert {a.flow.node_name for a in found if a.HasField("flow")} == {OLD, NEW}
