"""The store: versions, history, and the past as it was."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.sim import store as module
from meshtui.sim.clock import ManualClock
from meshtui.sim.store import Compacted, Exists, Missing, Store

THINGS = ("", "things")


def make():
    return Store(ManualClock(), random.Random(1))


def thing(name, value=0):
    return {"kind": "Thing", "apiVersion": "v1", "metadata": {"name": name, "namespace": "n"}, "value": value}


def test_versions_grow_and_equal_updates_make_none():
    store = make()
    first = store.create(THINGS, thing("a"))["metadata"]["resourceVersion"]
    same = store.update(THINGS, {**thing("a"), "metadata": dict(store.get(THINGS, "n", "a")["metadata"])})
    assert same["metadata"]["resourceVersion"] == first
    with pytest.raises(Exists):
        store.create(THINGS, thing("a"))
    with pytest.raises(Missing):
        store.update(THINGS, thing("b"))


def test_history_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "HISTORY", 3)
    store = make()
    start = store.rv
    store.since(THINGS, start)
    store._tables[THINGS].history = type(store._tables[THINGS].history)(maxlen=3)
    for number in range(5):
        store.create(THINGS, thing(f"t{number}"))
    assert [e.entry.key[1] for e in store.since(THINGS, start + 2)] == ["t2", "t3", "t4"]
    with pytest.raises(Compacted):
        store.since(THINGS, start + 1)


def test_subscribers_see_changes_in_order_though_they_change_things_themselves():
    store = make()
    seen = []

    def second_thoughts(kind, gvr, obj, old):
        if kind == "ADDED":
            store.update(gvr, {**obj, "metadata": dict(obj["metadata"]), "value": 1})

    store.subscribe(second_thoughts)
    store.subscribe(lambda kind, gvr, obj, old: seen.append((kind, obj["value"])))
    store.create(THINGS, thing("a"))
    assert seen == [("ADDED", 0), ("MODIFIED", 1)]


@given(st.lists(st.tuples(st.sampled_from("cud"), st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_the_past_is_what_it_was(steps):
    store = make()
    past = {store.rv: []}
    store.since(THINGS, store.rv)
    for kind, name, value in steps:
        known = store.get(THINGS, "n", name)
        if kind == "c" and known is None:
            store.create(THINGS, thing(name, value))
        elif kind == "u" and known is not None:
            store.update(THINGS, {**known, "metadata": dict(known["metadata"]), "value": value})
        elif kind == "d" and known is not None:
            store.delete(THINGS, "n", name)
        past[store.rv] = [(o["metadata"]["name"], o["value"]) for o in store.list(THINGS)]
    for rv, then in past.items():
        assert [(e.key[1], e.obj["value"]) for e in store.entries_at(THINGS, None, rv)] == then
