"""Nodes' clocks by the times of their flows."""

from __future__ import annotations

from meshtui.core.flows.clocks import WINDOW, NodeClocks

NODE = "a/n1"


def told(ahead: list[float], *, live: bool = True, step: float = WINDOW / 4) -> dict[str, float]:
    """A flow every `step` seconds, each so many seconds ahead of our clock when it came."""
    clocks = NodeClocks()
    for number, seconds in enumerate(ahead):
        now = 1_000_000.0 + number * step
        clocks.note({NODE: int((now + seconds) * 1e9)}, now, live=live)
    return clocks.offsets(5.0)


def test_a_flow_from_the_future_proves_a_clock_that_is_ahead():
    assert told([40.0]) == {NODE: 40.0}
    assert told([40.0], live=False) == {NODE: 40.0}
    assert told([1.0]) == {}


def test_flows_that_stay_old_by_the_same_prove_a_clock_that_is_behind():
    assert told([-60.0] * 12) == {NODE: -60.0}
    assert told([-60.0] * 12, live=False) == {}, "flows of the past are old"


def test_a_history_that_is_caught_up_with_proves_nothing():
    assert told([-600.0, -500.0, -400.0, -300.0, -200.0, -100.0, -50.0, -1.0, -1.0, -1.0, -1.0, -1.0]) == {}
    assert told([-60.0, -55.0, -58.0, -2.0] * 4) == {}, "one fresh flow shows the clock"


def test_a_clock_that_was_set_right_is_forgotten():
    assert told([40.0, *[-0.5] * 12]) == {}


def test_a_file_of_old_flows_is_no_clock():
    assert told([-400 * 86_400.0] * 12) == {}
