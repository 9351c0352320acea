"""The verdict and the drop of one packet find each other, in whatever order and batches they come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.flow import EventType, FlowRow, Verdict
from meshtui.core.flows.packets import SAME_PACKET_NS, Packets
from meshtui.core.flows.store import FlowStore
from tests.core.flowrows import SECOND, recorded, row

BEGUN = 1_700_000_000 * SECOND
VERDICT, DROP = int(EventType.POLICY_VERDICT), int(EventType.DROP)


def pair(packet: int, port: int = 35072) -> list[FlowRow]:
    """Both events of one packet: the verdict, 3 µs later the drop."""
    at = BEGUN + packet * SECOND
    return [
        row(time_ns=at, uuid=f"v{packet}-{port}", event_type=VERDICT, sub_type=0, source_port=port),
        row(time_ns=at + 3_000, uuid=f"d{packet}-{port}", source_port=port),
    ]


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 6), st.integers(1, 3))
def test_whatever_the_order_each_packet_is_one_row_and_no_event_is_lost(
    data: st.DataObject, packets: int, ports: int
) -> None:
    events = [event for n in range(packets) for port in range(ports) for event in pair(n, 1000 + port)]
    left = data.draw(st.permutations(events))
    store = FlowStore(1000)
    view = store.view(lambda _: True, Packets())
    while left:
        size = data.draw(st.integers(1, 8))
        store.add(left[:size])
        left = left[size:]
    assert len(view) == packets * ports
    assert view.arrived == len(events)
    assert sorted(view.events(), key=lambda r: r.uuid) == sorted(events, key=lambda r: r.uuid)
    assert view.packets is not None
    for leader in view:
        mate = view.packets.mate(leader)
        assert mate is not None
        assert mate.uuid[1:] == leader.uuid[1:]
        assert view.packets.leader(mate) is leader
        assert view.packets.leader(leader) is leader


def test_recorded_drops_are_one_row_a_packet() -> None:
    store = FlowStore()
    store.add(recorded("10-default-deny"))
    packets = Packets()
    view = store.view(lambda r: r.verdict == Verdict.DROPPED, packets)
    assert len(view) == 40
    assert len(view.events()) == 80
    assert all(packets.mate(leader) is not None for leader in view)
    assert {leader.event_type for leader in view} == {VERDICT}, "the verdict comes first"


def test_opening_reads_the_newest_drops_only() -> None:
    rows = [event for n in range(10) for event in pair(n)]
    found = Packets().fold_newest(rows, limit=6)
    assert found == [*rows[:14], *rows[14::2]]
    assert Packets().fold_newest(rows) == rows[::2]


def test_rows_that_pass_are_never_read() -> None:
    class Passing:
        verdict = 1

    rows = [Passing()] * 3
    assert Packets().fold(rows) == rows  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        {"node": "tion/tion-control-plane"},
        {"source_port": 1},
        {"flags": "SYN, ACK"},
        {"time_ns": BEGUN + SAME_PACKET_NS},
        {"event_type": VERDICT},
        {"event_type": int(EventType.TRACE)},
        {"verdict": 1},
    ],
)
def test_what_differs_is_another_packet(other: dict[str, object]) -> None:
    first = pair(0)[0]
    assert len(Packets().fold([first, row(**({"time_ns": BEGUN + 3_000} | other))])) == 2


def test_a_mate_that_comes_later_is_told_once() -> None:
    packets = Packets()
    verdict, drop = pair(0)
    packets.fold([verdict])
    assert packets.take_grown() == []
    packets.fold([drop])
    assert packets.take_grown() == [verdict]
    assert packets.take_grown() == []


def test_memory_stays_bounded() -> None:
    packets = Packets()
    store = FlowStore(10)
    view = store.view(lambda _: True, packets)
    for number in range(6_000):
        store.add(pair(number, number % 60_000))
    assert len(view.events()) <= 10
    assert len(packets._mates) <= 10
    for number in range(6_000):
        packets.fold([row(time_ns=BEGUN + number, source_port=number)])
    assert len(packets._waiting) <= 4_096
