"""Presets, typed filter and noise together; terms made from cells; points in time."""

from __future__ import annotations

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.flows.filter import FilterError, Question, parse, terms_of
from meshtui.core.flows.flow import Verdict
from meshtui.core.flows.times import point
from tests.tui.fakes import recorded_flows

DROPPED, OTHERS = recorded_flows("dropped"), recorded_flows("others")


def test_dropped_at_first() -> None:
    question = Question()
    assert all(question.matches(row) for row in DROPPED)
    assert not any(question.matches(row) for row in OTHERS if row.verdict != Verdict.DROPPED)


def test_preset_and_typed_filter_must_both_hold() -> None:
    question = Question().asked("to-port:80 from-cluster:koornacht")
    shown = [row for row in [*DROPPED, *OTHERS] if question.matches(row)]
    assert shown
    assert all(row.verdict == Verdict.DROPPED and row.source.cluster == "koornacht" for row in shown)


def test_a_typed_verdict_stands_without_the_preset() -> None:
    question = Question().asked("verdict:forwarded")
    assert question.preset == "all"
    assert any(question.matches(row) for row in OTHERS)
    assert Question().asked("not verdict:forwarded").preset == "dropped"


def test_noise_is_hidden_and_shown_again() -> None:
    hidden = Question("all").hiding("host")
    host = [row for row in OTHERS if 1 in (row.source.identity, row.destination.identity)]
    assert host
    assert not any(hidden.matches(row) for row in host)
    assert hidden.hiding("host") == Question("all")
    assert Question("all").asked("hide:host port:80").hidden == ("host",)


def test_a_mistake_changes_nothing() -> None:
    question = Question()
    with pytest.raises(FilterError, match="did you mean"):
        question.asked("verdit:dropped")
    assert question == Question()


@pytest.mark.parametrize("row", [*DROPPED[:5], *OTHERS[:40]], ids=lambda row: row.uuid[:8])
def test_every_cell_makes_a_filter_that_matches_its_row(row) -> None:
    terms = terms_of(row)
    assert {"verdict", "event type", "observing node"} <= {name for name, _ in terms}
    for _, term in terms:
        assert parse(term).matches(row), term
        assert not parse(f"!{term}").matches(row), term


def test_the_command_says_preset_noise_and_filter() -> None:
    command = Question().asked("to-port:80").command()
    assert command.startswith("hubble observe --follow")
    assert "--verdict DROPPED" in command
    assert "--to-port 80" in command


def test_points_in_time() -> None:
    assert point("30s", 100.0) == 70 * 10**9
    assert point("1h30m", 10_000.0) == 4600 * 10**9
    assert point("2026-11-23T19:36:28.305Z", 0) == 1_795_462_588_305_000_000
    assert point("2026-11-23T20:36:28+01:00", 0) == point("2026-11-23T19:36:28", 0)
    for wrong in ("yesterday", "", "3 parsecs", "5x"):
        with pytest.raises(UsageError):
            point(wrong, 0)
