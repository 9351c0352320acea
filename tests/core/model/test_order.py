"""Names in the order a person expects."""

from hypothesis import given
from hypothesis import strategies as st

from meshtui.core.model.order import natural


def test_numbers_count_as_numbers():
    names = ["worker10", "worker2", "worker", "a-2-b", "a-10-b", "control-plane"]
    assert sorted(names, key=natural) == ["a-2-b", "a-10-b", "control-plane", "worker", "worker2", "worker10"]


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_names_can_be_sorted(names):
    ordered = sorted(names, key=natural)
    assert sorted(ordered, key=natural) == ordered
