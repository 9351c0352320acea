"""docs/simulator.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from meshtui.sim.faults.kinds import KINDS
from meshtui.sim.states import STATES

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def test_every_state_is_in_the_table_in_order() -> None:
    assert re.findall(r"^\| `([\w-]+)`(?: \(the default\))? \| [^|]+ \| [^|]+ \| [^|]+ \|$", PAGE, re.M) == list(STATES)


def test_every_fault_is_in_the_table_as_the_code_describes_it() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]*) \| ([^|]+) \|$", PAGE, re.M)
    told = {name: (tuple(re.findall(r"`(\w+)`", takes)), about) for name, takes, about in rows}
    assert told == {name: (kind.takes, kind.about) for name, kind in KINDS.items()}
