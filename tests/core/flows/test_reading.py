"""The reading of a Relay is told from traffic, by the server and here alike, and stays when asked for."""

from __future__ import annotations

import pytest

from meshtui.core.flows.filter.filter import parse
from meshtui.core.flows.flow import Peer
from meshtui.core.flows.reading import READING, is_reading, left_out
from meshtui.hubble.pb import flow_pb2
from meshtui.sim.relay.filters import FlowMatcher
from meshtui.sim.relay.ring import Event, Template
from tests.core.flowrows import WORLD, X_WING, row

RELAY = Peer(70000, "koornacht", "kube-system", "hubble-relay-5f7d9-x2x4z", "hubble-relay", ())
ELSEWHERE = Peer(70001, "koornacht", "cilium", "hubble-relay-5f7d9-x2x4z", "", ())
NAMESAKE = Peer(70002, "koornacht", "kube-system", "my-hubble-relay-0", "", ())
CASES = [
    (WORLD, 40000, RELAY, 4245, True),
    (RELAY, 4245, WORLD, 40000, True),
    (X_WING, 40000, RELAY, 4245, True),
    (WORLD, 40000, RELAY, 4222, False),
    (RELAY, 40000, WORLD, 4244, False),
    (WORLD, 40000, ELSEWHERE, 4245, True),
    (WORLD, 40000, NAMESAKE, 4245, False),
    (RELAY, 40000, X_WING, 4245, False),
]


def event(source: Peer, source_port: int, destination: Peer, destination_port: int) -> Event:
    flow = flow_pb2.Flow(node_name="koornacht/worker")
    for end, peer in ((flow.source, source), (flow.destination, destination)):
        end.namespace, end.pod_name = peer.namespace, peer.pod
    flow.l4.TCP.source_port, flow.l4.TCP.destination_port = source_port, destination_port
    return Event(1, Template(flow), "u")


@pytest.mark.parametrize(("source", "source_port", "destination", "destination_port", "reading"), CASES)
def test_here_and_at_the_server_the_same_flows_are_reading(
    source: Peer, source_port: int, destination: Peer, destination_port: int, reading: bool
) -> None:
    found = row(source=source, source_port=source_port, destination=destination, destination_port=destination_port)
    assert is_reading(found) is reading
    filters = [flow_pb2.FlowFilter(**document) for document in READING]
    kept = FlowMatcher((), filters).matches(event(source, source_port, destination, destination_port))
    assert kept is not reading


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", False),
        ("verdict:dropped", False),
        ("pod:kube-system/hubble-relay", True),
        ("port:4245", True),
        ("port:80", False),
        ("service:kube-system/hubble-relay", True),
    ],
)
def test_who_asks_for_a_relay_by_name_gets_its_readers(typed: str, kept: bool) -> None:
    assert (not left_out(parse(typed).to_server()[0])) is kept
