"""What toggles write, on values as people left them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.core.changes.toggles import annotate, change, check, is_on, next_value, warnings
from meshtui.core.errors import UsageError
from meshtui.core.model.objects import Meta, Service
from meshtui.core.routing.annotations import AFFINITY, ALIASES, GLOBAL, KEYS, SHARED, read


def service(**annotations: str) -> Service:
    return Service(metadata=Meta(name="a", namespace="default", annotations=annotations or None))


def of(values: dict[str, str]) -> Service:
    return Service(metadata=Meta(name="a", namespace="default", annotations=values))


@pytest.mark.parametrize(
    ("values", "what", "expected"),
    [
        ({}, "global", "true"),
        ({GLOBAL: "true"}, "global", None),
        ({GLOBAL: "True"}, "global", None),
        ({GLOBAL: "yes"}, "global", "true"),
        ({ALIASES[GLOBAL]: "true"}, "global", None),
        ({GLOBAL: "false", ALIASES[GLOBAL]: "true"}, "global", "true"),
        ({}, "shared", "false"),
        ({SHARED: "true"}, "shared", "false"),
        ({SHARED: "false"}, "shared", None),
        ({SHARED: "no"}, "shared", None),
        ({}, "affinity", "local"),
        ({AFFINITY: "none"}, "affinity", "local"),
        ({AFFINITY: "Local"}, "affinity", "remote"),
        ({AFFINITY: "remote"}, "affinity", None),
        ({AFFINITY: "locl"}, "affinity", None),
    ],
)
def test_the_next_value(values: dict[str, str], what: str, expected: str | None) -> None:
    assert next_value([of(values)], what) == expected


def test_mixed_services_become_equal() -> None:
    on, off = of({GLOBAL: "true"}), of({})
    assert next_value([on, off], "global") == "true"
    assert next_value([on, on], "global") is None
    assert next_value([of({SHARED: "false"}), off], "shared") is None
    assert next_value([of({AFFINITY: "local"}), off], "affinity") == "remote"


def test_three_steps_of_affinity_come_back_to_nothing_written() -> None:
    values: dict[str, str] = {}
    seen = []
    for _ in range(3):
        now = of(values)
        values = annotate(values, change(now, "affinity", next_value([now], "affinity")).after)
        seen.append(values.get(AFFINITY))
    assert seen == ["local", "remote", None]
    assert values == {}


@given(
    what=st.sampled_from(sorted(KEYS)),
    new=st.none() | st.sampled_from(["true", "false", "local", "", "none"]),
    old=st.none() | st.sampled_from(["true", "false", "remote", "", "none"]),
    other=st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=3)),
    turn=st.booleans(),
)
def test_cilium_reads_what_was_asked_and_undo_restores_exactly(
    what: str, new: str | None, old: str | None, other: dict[str, str], turn: bool
) -> None:
    key = KEYS[what]
    before = {**other, **({key: new} if new is not None else {}), **({ALIASES[key]: old} if old is not None else {})}
    value = None if not turn else ("local" if what == "affinity" else "true")
    made = change(of(before), what, value)
    after = annotate(before, made.after)
    assert read(after, key).value == value
    assert {k: v for k, v in after.items() if k in other} == other
    assert annotate(after, made.before) == before


@pytest.mark.parametrize(
    ("what", "value"), [("affinity", "none"), ("affinity", "locl"), ("global", "yes"), ("shared", ""), ("nodes", None)]
)
def test_values_cilium_would_not_take_as_meant_are_refused(what: str, value: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        check(what, value)
    assert caught.value.hint


def test_warnings() -> None:
    assert "not global" in next(warnings(service(), "affinity"))
    assert not list(warnings(service(), "global"))
    assert not list(warnings(of({GLOBAL: "true"}), "affinity"))
    both = of({GLOBAL: "true", ALIASES[GLOBAL]: "false"})
    assert "alias" in next(warnings(both, "global"))
    typo = of({GLOBAL: "true", AFFINITY: "locl"})
    assert "no value Cilium knows" in next(warnings(typo, "affinity"))
    assert is_on(both, "global")
