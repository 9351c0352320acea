"""Short names are told apart by what differs in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshtui.core.apart import ShortNames, apart


def test_names_that_differ_in_their_middle_keep_it() -> None:
    names = [f"default/the-shop-of-team-one-{word}-may-ask-the-cart" for word in ("alpha", "gamma")]
    short = apart(names, 28)
    assert [("alpha" in short[names[0]]), ("gamma" in short[names[1]])] == [True, True]
    assert all(len(text) <= 28 for text in short.values())


def test_names_that_are_alike_nowhere_near_are_cut_in_their_middle() -> None:
    names = ShortNames(["team-a/a-rather-long-name-of-a-service", "team-b/another-name-that-is-too-long"])
    assert names.of("team-a/a-rather-long-name-of-a-service", 20) == "team-a/a-r…a-service"
    assert names.of("short", 20) == "short"


@given(st.lists(st.text("ab-/", min_size=1, max_size=40), unique=True, max_size=30), st.integers(8, 30))
def test_no_two_read_the_same_and_none_is_too_long(names: list[str], width: int) -> None:
    short = apart([name for name in names if len(name) > width], width)
    assert len(set(short.values())) == len(short)
    assert all(len(text) <= width for text in short.values())
