"""Growth of a number that is only seen between bounds: confirmed, exact, and taken back when it was none."""

import pytest

from meshtui.core.flows.account.levels import Bounds, Rise, rises


def points(*values: int) -> list[Bounds]:
    return [(value, value) for value in values]


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([], []),
        (points(5), []),
        (points(5, 5, 5), []),
        (points(5, 5, 12, 12), [Rise(2, 7, 7)]),
        (points(5, 12), []),
        (points(5, 12, 5, 5), []),
        (points(5, 5, 4, 5, 12, 12), [Rise(4, 7, 7)]),
        (points(5, 5, 11, 12, 12, 12), [Rise(2, 7, 7)]),
        (points(5, 12, 12, 20, 20), [Rise(1, 7, 7), Rise(3, 8, 8)]),
        (points(5, 12, 12, 9, 9), [Rise(1, 4, 4)]),
        (points(5, 12, 12, 5, 5), []),
        (points(5, 12, 12, 3, 3), []),
        (points(5, 9, 2, 5), []),
        ([(3, 8), (4, 6), (5, 9), (5, 5), (12, 14), (10, 12)], [Rise(4, 7, 7)]),
        ([(3, 8), (7, 9), (9, 12), (11, 14)], [Rise(2, 3, None)]),
    ],
)
def test_growth_is_what_two_looks_confirm(looks: list[Bounds], found: list[Rise]) -> None:
    assert rises(looks) == found


@pytest.mark.parametrize(
    ("looks", "breaks", "found"),
    [
        (points(5, 5, 5, 5), {2}, []),
        (points(5, 5, 6, 6), {2}, [Rise(2, 1, 1)]),
        (points(5, 12), {1}, [Rise(1, 7, 7)]),
        (points(5, 13, 12, 12), {1}, [Rise(1, 7, 7)]),
        (points(5, 9, 5, 5), {1}, []),
        (points(5, 5, 12, 5, 5), {2, 3}, []),
        (points(5, 5, 12, 5), {2, 3}, []),
        (points(5, 5, 12, 5), {2}, []),
        (points(5, 5, 12, 12, 11), {2, 4}, [Rise(2, 7, 7)]),
        (points(5, 5, 12, 12, 12, 20, 20), {2, 3, 5}, [Rise(2, 7, 7), Rise(5, 8, 8)]),
        ([(3, 8), (4, 6), (5, 7), (5, 9)], {2}, [Rise(2, 0, 3)]),
        ([(3, 8), (4, 6), (5, 7), (5, 9), (7, 7)], {2}, [Rise(2, 1, 3)]),
        ([(3, 8), (5, 5), (5, 7), (5, 9), (7, 7)], {2}, [Rise(2, 2, 2)]),
        (points(5, 5, 8, 8, 8, 20, 20), {2, 4}, [Rise(2, 3, 3), Rise(5, 12, 12)]),
    ],
)
def test_where_something_happened_growth_is_bounded_on_both_sides(
    looks: list[Bounds], breaks: set[int], found: list[Rise]
) -> None:
    assert rises(looks, breaks) == found
