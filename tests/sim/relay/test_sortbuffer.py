"""Relay's sort buffer: order, and the delay that surprises everyone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtui.sim.relay.sortbuffer import SortBuffer, length


def test_nothing_leaves_before_the_buffer_is_full() -> None:
    buffer: SortBuffer[str] = SortBuffer(3)
    assert buffer.push(30, "c") == []
    assert buffer.push(10, "a") == []
    assert buffer.push(20, "b") == []
    assert buffer.push(40, "d") == ["a"]
    assert buffer.drain(40) == ["b", "c"]
    assert buffer.flush() == ["d"]


def test_a_small_number_shortens_it() -> None:
    assert length(0, 2) == 100
    assert length(1, 2) == 2
    assert length(60, 2) == 100


@given(st.lists(st.integers(0, 10_000), max_size=300), st.integers(1, 120))
def test_everything_leaves_once_and_late_entries_are_sorted(times: list[int], capacity: int) -> None:
    buffer: SortBuffer[int] = SortBuffer(capacity)
    left = [item for t in times for item in buffer.push(t, t)] + buffer.flush()
    assert sorted(left) == sorted(times)
    if len(times) <= capacity:
        assert left == sorted(times)
