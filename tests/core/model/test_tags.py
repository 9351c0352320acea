"""Tags are short, unique and recognisable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshtui.core.model.tags import tags


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["koornacht", "tion"], ["K", "T"]),
        (["kind-koornacht", "kind-tion"], ["K", "T"]),
        (["cluster-1", "cluster-2"], ["C1", "C2"]),
        (["koornacht", "tion", "tatooine"], ["K", "TI", "TA"]),
        (["prod", "prod-eu"], ["PR", "PE"]),
        (["admin@k1", "arn:aws:eks:eu:1:cluster/web"], ["K", "W"]),
    ],
)
def test_names_people_give(names: list[str], expected: list[str]) -> None:
    assert tags(names) == expected


@given(st.lists(st.text(max_size=6), max_size=40))
def test_any_names_get_short_unique_tags(names: list[str]) -> None:
    made = tags(names)
    assert len(made) == len(names) == len(set(made))
    assert all(1 <= len(tag) <= 3 and tag.isascii() and tag.isalnum() and tag == tag.upper() for tag in made)
