"""Reading a Relay's nodes' counts between two looks at their newest flows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from meshtui.core.errors import RelayUnreachable
from meshtui.core.flows.account.account import Reading
from meshtui.hubble.account import read_counts
from meshtui.hubble.pb import observer_pb2, relay_pb2
from tests.hubble.fake_relay import NODE, FakeRelay, flow


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[FakeRelay]:
    made = FakeRelay(f"unix:{tmp_path}/relay.sock")
    made.start()
    yield made
    made.kill()


def test_a_reading_lies_between_two_newest_events(relay: FakeRelay) -> None:
    relay.push(flow(1), flow(2))
    relay.seen = 77
    busy = iter(range(3, 100))

    def now_ns() -> int:
        relay.push(flow(next(busy)))  # between the first look and the count
        return 5

    mine = ([{"node_name": ["koornacht/"]}], [])
    (reading,) = read_counts(relay.address, mine, (), now_ns, context="k")
    assert reading == Reading(NODE, 5, 77, 7, 1_000_000_002 * 10**9, 1_000_000_003 * 10**9)
    asked = [(r.number, r.follow, list(r.field_mask.paths), r.whitelist[0].node_name[:]) for r in relay.requests]
    assert asked == [(1, False, ["time", "node_name"], ["koornacht/"])] * 5


def test_a_quiet_moment_is_waited_for(relay: FakeRelay) -> None:
    relay.push(flow(1))
    times = iter([5, 6, 7])

    def now_ns() -> int:
        at = next(times)
        relay.seen += 1
        if at < 7:
            relay.push(flow(at))
        return at

    (reading,) = read_counts(relay.address, ((), ()), (), now_ns)
    assert reading == Reading(NODE, 7, 3, 7, 1_000_000_006 * 10**9, 1_000_000_006 * 10**9)


def test_a_node_that_gives_no_flows_or_does_not_answer_has_no_reading(relay: FakeRelay) -> None:
    assert read_counts(relay.address, ((), ()), (), lambda: 5) == []
    relay.push(flow(1))
    relay.states[NODE] = 2
    assert read_counts(relay.address, ((), ()), (), lambda: 5) == []


def test_a_relay_that_is_gone_says_why(relay: FakeRelay) -> None:
    relay.kill()
    with pytest.raises(RelayUnreachable):
        read_counts(relay.address, ((), ()), (), lambda: 5, context="k", timeout=2)


def refused(*nodes: str) -> observer_pb2.GetFlowsResponse:
    answer = observer_pb2.GetFlowsResponse()
    answer.node_status.state_change = relay_pb2.NODE_ERROR
    answer.node_status.node_names.extend(nodes)
    answer.node_status.message = "rpc error: code = Unknown desc = invalid fieldmask"
    return answer


def test_an_agent_that_refuses_the_mask_is_counted_without_one(relay: FakeRelay) -> None:
    relay.push(flow(1))
    relay.seen = 3
    relay.refuse = lambda asked: (grpc.StatusCode.UNKNOWN, "invalid fieldmask") if asked.field_mask.paths else None
    (reading,) = read_counts(relay.address, ((), ()), (), lambda: 5)
    assert (reading.node, reading.seen, reading.after_ns) == (NODE, 3, 1_000_000_001 * 10**9)


def test_one_node_of_a_relay_that_refuses_the_mask_is_counted_without_one(relay: FakeRelay) -> None:
    relay.push(flow(1))
    whole = relay.flows

    def flows(asked: Any, context: Any) -> Iterator[observer_pb2.GetFlowsResponse]:
        if asked.field_mask.paths:
            relay.requests.append(asked)
            yield refused(NODE)
        else:
            yield from whole(asked, context)

    relay.flows = flows  # type: ignore[method-assign]
    (reading,) = read_counts(relay.address, ((), ()), (), lambda: 5)
    assert reading.node == NODE
    assert [bool(asked.field_mask.paths) for asked in relay.requests] == [True, False] * 2
