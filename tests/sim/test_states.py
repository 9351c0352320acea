"""States to start in: how they are called, and what happens to one that does not exist."""

from __future__ import annotations

import pytest

from meshtui.sim import seed
from meshtui.sim.states import STATES


@pytest.mark.parametrize("state", sorted(STATES))
def test_states_go_by_number_or_name(state: str) -> None:
    number = list(STATES).index(state)
    assert seed.canonical(f"{number}-{state}") == state
    assert seed.canonical(state) == state


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown state 'tatooine'; known: no-cni"):
        seed.canonical("tatooine")
