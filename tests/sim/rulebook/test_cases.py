"""The simulator's rule book against verdicts of Cilium's own engine (see tests/recordings/policy-cases)."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from meshtui.sim.rulebook import refusals
from tests.policycases import load
from tests.sim.policycases import Answer, judge

Object = dict[str, Any]


def version_of(case: Object) -> tuple[int, int]:
    major, minor = case["version"].split(".")
    return int(major), int(minor)


@functools.cache
def answers() -> dict[str, list[Answer]]:
    """Everything that one of both enforces, by case."""
    head, found = load()
    return {case["id"]: [a for a in judge(case, head) if a.enforced] for case in found}


def test_the_cases_are_all_there() -> None:
    """Over 5 s for the first of this module: more than 200,000 decisions, made once for all its tests."""
    _, found = load()
    assert len(found) == 342
    assert {case["version"] for case in found} == {"1.17", "1.19"}
    assert sum(map(len, answers().values())) > 200_000


def test_every_enforced_decision_is_the_engines() -> None:
    wrong = {name: next(a for a in found if not a.agrees) for name, found in answers().items() if
             not all(a.agrees for a in found)}  # fmt: skip
    assert wrong == {}


def test_redirects_authentication_and_match_types_are_the_engines() -> None:
    """Which deny it was, whether through the proxy, whether only with authentication, and by what match."""
    wrong = {}
    for name, found in answers().items():
        for a in found:
            if (a.theirs, a.match) != (a.ours, a.our_match):
                wrong[name] = a
                break
    assert wrong == {}


@pytest.mark.parametrize("letter", ["A", "R", "a", "D", "x"])
def test_every_kind_of_answer_occurs(letter: str) -> None:
    assert sum(a.theirs == letter for found in answers().values() for a in found) > 30


def test_agents_and_operator_take_and_refuse_what_theirs_do() -> None:
    told = {"ok": 0, "derivative": 0, "invalid": 0}
    for case in load()[1]:
        imports = case.get("import") or ["ok"] * len(case["policies"])
        for obj, theirs in zip(case["policies"], imports, strict=True):
            if obj["kind"] == "NetworkPolicy":
                continue
            why = refusals.agent(obj, version_of(case), case["config"])
            ours = f"invalid: {why}" if why else "derivative" if refusals.derivative(obj) else "ok"
            assert ours.startswith(theirs), (case["id"], ours, theirs)  # long texts are cut there
            told[theirs.partition(":")[0]] += 1
            condition = obj["status"]["conditions"][0]
            wrong = refusals.operator(obj, version_of(case), case["config"])
            assert (wrong == "", wrong or condition["message"]) == (
                condition["status"] == "True", condition["message"]
            ), case["id"]  # fmt: skip
    assert min(told.values()) >= 5, told
