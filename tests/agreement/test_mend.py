"""Proposals on generated meshes: valid, sufficient, and nothing passes that they do not say. See benchmarks/mend.py."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, given, settings

from tests.agreement.books import Tally
from tests.agreement.mending import cases, check

EXAMPLES = 250


@pytest.mark.timeout(300)
def test_proposals_are_valid_sufficient_and_open_what_they_say(record_property, capsys) -> None:
    """Over 5 s: each of its meshes is judged whole, before and after every proposal."""
    tally = Tally()

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(cases())
    def holds(case) -> None:
        check(case, tally)

    holds()
    line = tally.line("proposals")
    record_property("counts", line)
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")
    assert tally.kinds["new"] > 50
    assert tally.kinds["change"] > 3
    assert tally.kinds["opened"] > 100
