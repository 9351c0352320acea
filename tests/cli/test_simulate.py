"""`meshtui simulate` and `demo`: which states they take."""

from __future__ import annotations

import pytest

from meshtui.cli.simulate import check_state
from meshtui.core.errors import UsageError


@pytest.mark.parametrize("state", ["", "deployed", "default-deny"])
def test_no_state_is_the_lab_and_a_known_one_is_a_recorded_step(state: str) -> None:
    check_state(state)


def test_an_unknown_state_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no state 'tatooine'"):
        check_state("tatooine")
