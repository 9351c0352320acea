"""The store: each event once, in time order, bounded, whatever the order and the sources."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, Gap
from tests.core.flowrows import SECOND, recorded, row

events = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 60)), max_size=80)


def made(time: int, number: int) -> FlowRow:
    return row(time_ns=time * SECOND, uuid=f"u{number}")


def batches(data: st.DataObject, rows: list[FlowRow]) -> list[list[FlowRow]]:
    """`rows` of two sources that both deliver everything, cut and mixed at random."""
    twice = data.draw(st.permutations(rows + rows))
    found = []
    while twice:
        size = data.draw(st.integers(1, 12))
        found.append(list(twice[:size]))
        twice = twice[size:]
    return found


@settings(max_examples=60, deadline=None)
@given(st.data(), events)
def test_two_relays_in_any_order_give_each_event_once_in_time_order(
    data: st.DataObject, times: list[tuple[int, int]]
) -> None:
    rows = [made(time, number) for number, (time, _) in enumerate(times)]
    store = FlowStore(1000)
    view = store.view(lambda r: r.time_ns % (2 * SECOND) == 0)
    for batch in batches(data, rows):
        store.add(batch)
    assert sorted(r.uuid for r in store) == sorted(r.uuid for r in rows)
    assert [r.time_ns for r in store] == sorted(r.time_ns for r in rows)
    assert store.duplicates == len(rows)
    assert store.seen == 2 * len(rows)
    assert list(view) == [r for r in store if r.time_ns % (2 * SECOND) == 0]


@settings(max_examples=60, deadline=None)
@given(st.data(), events, st.integers(1, 20))
def test_a_full_store_keeps_the_newest(data: st.DataObject, times: list[tuple[int, int]], capacity: int) -> None:
    rows = [made(time, number) for number, (time, _) in enumerate(times)]
    store = FlowStore(capacity)
    view = store.view(lambda _: True)
    for batch in batches(data, rows):
        store.add(batch)
        assert len(store) <= capacity
    kept = [r.time_ns for r in store]
    assert kept == sorted(r.time_ns for r in rows)[max(0, len(rows) - capacity) :]
    assert len({r.uuid for r in store}) == len(store)
    assert {r.uuid for r in view} >= {r.uuid for r in store}
    assert store.seen == store.duplicates + store.too_old + store.evicted + len(store)


def test_late_rows_are_placed_and_equal_times_keep_their_order() -> None:
    store = FlowStore()
    assert [r.uuid for r in store.add([made(5, 1), made(1, 2)])] == ["u2", "u1"]
    store.add([made(9, 3)])
    assert store.changed_from == 2
    store.add([made(5, 4)])
    assert store.changed_from == 2
    assert [r.uuid for r in store] == ["u2", "u1", "u4", "u3"]
    assert [r.uuid for r in store.rows(1, 3)] == ["u1", "u4"]
    assert [r.uuid for r in store.between(5 * SECOND, 9 * SECOND)] == ["u1", "u4"]


def test_rows_without_a_uuid_are_all_kept() -> None:
    store = FlowStore()
    store.add([row(), row()])
    assert len(store) == 2


def test_a_flow_from_the_future_does_not_stop_the_rest() -> None:
    store = FlowStore(100)
    store.add([made(10**9, 0)])
    store.add([made(n, n) for n in range(1, 5)])
    assert [r.uuid for r in store] == ["u1", "u2", "u3", "u4", "u0"]


def test_versions_tell_what_changed() -> None:
    store = FlowStore(2)
    view = store.view(lambda r: r.uuid != "u2")
    store.add([made(1, 1)])
    version = store.version
    store.add([made(1, 1)])
    assert store.version == version
    store.add([made(2, 2), made(3, 3)])
    assert store.version > version
    assert (store.evicted, view.evicted, [r.uuid for r in view]) == (1, 1, ["u3"])
    view.close()
    store.add([made(4, 4)])
    assert len(view) == 1
    store.clear()
    assert len(store) == 0
    assert store.add([made(1, 1)])


def test_gaps_have_a_length() -> None:
    store = FlowStore()
    store.open_gap("tion", 10, "refused")
    store.open_gap("tion", 20)
    store.open_gap("koornacht", 30)
    store.close_gap("tion", 40, lost=False)
    assert list(store.gaps) == [Gap("tion", 10, 40, False, "refused"), Gap("koornacht", 30)]
    store.close_gap("nobody", 50)
    store.add_shed(7)
    assert store.shed == 7


def test_capacity_must_be_one_at_least() -> None:
    with pytest.raises(ValueError, match="capacity"):
        FlowStore(0)


def test_the_recorded_flows_come_out_as_they_went_in() -> None:
    rows = recorded("10-default-deny")
    store = FlowStore()
    store.add(rows[250:])
    store.add(rows)
    assert len(store) == len(rows) == 1744
    assert store.duplicates == 1494
    assert [r.time_ns for r in store] == sorted(r.time_ns for r in rows)
