"""Where a GetFlows call begins and ends: first, number, since, until and follow, in every combination."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshtui.hubble.pb import flow_pb2, observer_pb2
from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath.emit import ring_of
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay.ring import Event, Lost, Ring, Template
from meshtui.sim.relay.stream import FlowStream
from meshtui.sim.world import World
from tests.sim.worlds import world

SECOND = 1_000_000_000
ODD = [flow_pb2.FlowFilter(destination_port=["1"])]


@pytest.fixture
def made() -> World:
    """A mesh in whose first node's ring are six flows of seconds 1 to 6, port 0 and 1 in turn, and a gap at 3.5."""
    made = world("deployed")
    ring = the_ring(made)
    for second in range(1, 7):
        put(ring, second)
        if second == 3:
            ring.append(Event(int(3.5 * SECOND), Lost(1, 9, 3 * SECOND, 3 * SECOND)))
    return made


def the_ring(made: World) -> Ring:
    """The ring the flows are in."""
    return ring_of(made.clusters["koornacht"], "koornacht-control-plane")


def put(ring: Ring, second: int) -> None:
    """A flow of that second."""
    flow = flow_pb2.Flow(node_name=ring.node)
    flow.l4.TCP.destination_port = second % 2
    ring.append(Event(second * SECOND, Template(flow), "00000000-0000-4000-8000-000000000000"))


def read(messages: Any) -> list[Any]:
    """Seconds of the flows, `gap` for lost events; node status left out."""
    answers = [observer_pb2.GetFlowsResponse.FromString(m) for m in messages]
    return [
        "gap" if a.HasField("lost_events") else a.flow.time.seconds for a in answers if not a.HasField("node_status")
    ]


def request(**fields: Any) -> observer_pb2.GetFlowsRequest:
    """A request; `since` and `until` in seconds."""
    asked = observer_pb2.GetFlowsRequest(whitelist=fields.pop("whitelist", []))
    for name in ("since", "until"):
        if name in fields:
            getattr(asked, name).FromNanoseconds(int(fields.pop(name) * SECOND))
    for name, value in fields.items():
        setattr(asked, name, value)
    return asked


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({}, [1, 2, 3, "gap", 4, 5, 6]),
        ({"first": True}, [1, 2, 3, "gap", 4, 5, 6]),
        ({"first": True, "number": 2}, [1, 2]),
        ({"first": True, "number": 4}, [1, 2, 3, "gap", 4]),
        ({"number": 2}, [5, 6]),
        ({"number": 4}, [3, "gap", 4, 5, 6]),
        ({"number": 99}, [1, 2, 3, "gap", 4, 5, 6]),
        ({"since": 3}, [3, "gap", 4, 5, 6]),
        ({"since": 4, "number": 2}, [4, 5]),
        ({"since": 4, "first": True, "number": 1}, [4]),
        ({"since": 9}, []),
        ({"until": 2}, [1, 2]),
        ({"since": 2, "until": 4}, [2, 3, "gap", 4]),
        ({"until": 4, "number": 3}, [4]),
        ({"number": 2, "whitelist": ODD}, [3, "gap", 5]),
        ({"first": True, "number": 2, "whitelist": ODD}, [1, 3]),
        ({"follow": True}, []),
        ({"follow": True, "number": 2}, [5, 6]),
        ({"follow": True, "since": 5}, [5, 6]),
        ({"follow": True, "since": 2, "number": 1}, [2, 3, "gap", 4, 5, 6]),
    ],
)
def test_what_an_agent_has_kept_is_given_from_where_the_request_says(
    made: World, asked: dict[str, Any], given: list[Any]
) -> None:
    stream = FlowStream(made.clusters["koornacht"], request(**asked))
    assert read([*stream.begin(), *stream.end()]) == given


def test_a_follow_goes_on_past_its_number_until_until(made: World) -> None:
    stream = FlowStream(made.clusters["koornacht"], request(follow=True, number=1, until=8))
    got = [*stream.begin()]
    for second in (7, 8, 9, 10):
        put(the_ring(made), second)
    got += [*stream.poll()]
    assert not stream.following
    assert read([*got, *stream.end()]) == [6, 7, 8]


def test_first_and_follow_exclude_each_other(made: World) -> None:
    stream = FlowStream(made.clusters["koornacht"], request(first=True, follow=True))
    *_, last = [observer_pb2.GetFlowsResponse.FromString(m) for m in stream.begin()]
    assert last.node_status.message == "first cannot be specified with follow"
    assert not stream.following


def test_without_any_agent_even_a_follow_ends_at_once(made: World) -> None:
    inject(made, {"fault": "agent-down"})
    stream = FlowStream(made.clusters["koornacht"], request(follow=True))
    assert len([*stream.begin()]) == 1
    assert not stream.following


def advance(made: World, seconds: float) -> None:
    """Move the clock on."""
    assert isinstance(made.clock, ManualClock)
    asyncio.run(made.clock.advance(seconds))


def test_a_slow_reader_is_told_what_it_missed_at_most_once_a_second(made: World) -> None:
    ring = the_ring(made)
    stream = FlowStream(made.clusters["koornacht"], request(follow=True))
    got = [*stream.begin()]

    def overrun(second: int) -> None:
        for _ in range(ring.capacity + 10):
            put(ring, second)
        got.extend(stream.poll())

    for second in (7, 8, 9):
        overrun(second)
        advance(made, 0.3)
    advance(made, 0.5)
    got += [*stream.poll(), *stream.end()]
    gaps = [a.lost_events for a in map(observer_pb2.GetFlowsResponse.FromString, got) if a.HasField("lost_events")]
    assert [(g.num_events_lost, g.first.seconds, g.last.seconds) for g in gaps] == [(10, 7, 7), (20, 8, 9)]
    assert {g.source for g in gaps} == {flow_pb2.HUBBLE_RING_BUFFER}


def test_agents_that_come_and_go_are_noticed_within_two_seconds(made: World) -> None:
    stream = FlowStream(made.clusters["koornacht"], request(follow=True, number=1))
    before = [*stream.begin()]
    inject(made, {"fault": "agent-down", "cluster": "koornacht"})
    advance(made, 2.1)
    gone = [*stream.poll()]
    heal(made, "agent-down")
    put(the_ring(made), 7)
    put(the_ring(made), 8)
    advance(made, 2.1)
    again = [*stream.poll(), *stream.end()]
    told = [observer_pb2.GetFlowsResponse.FromString(m) for m in (*before, *gone, *again)]
    errors = [a.node_status for a in told if a.node_status.message]
    assert [list(e.node_names) for e in errors] == [["koornacht/koornacht-control-plane"]]
    assert read([*before, *gone, *again]) == [6, 8], "the original request is sent again, to an agent whose ring is new"
