"""`meshtui annotate` says when a change was made that the audit log does not know."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest

from meshtui.cli.changing import carry_out
from meshtui.core.changes import planning
from meshtui.core.changes.plan import Outcome
from meshtui.core.errors import Refused
from tests.core import meshes


async def made(problem: Refused | None) -> tuple[Outcome, ...]:
    """A toggle carried out; `problem`: what the log said of its result."""
    mesh = meshes.mesh()
    meshes.web(mesh, "a", None, 1)
    mesh.clusters["a"].trusted = True
    plan = planning.toggle(mesh, [("a", meshes.KEY)], "global")

    async def perform(performed: Any, **_: Any) -> tuple[Outcome, ...]:
        return tuple(Outcome(step) for step in performed.steps)

    session: Any = SimpleNamespace(mesh=mesh, audit_problem=problem, perform=perform)
    return await carry_out(session, plan, Namespace(yes=True, dry_run=False))


async def test_a_result_missing_from_the_audit_log_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Refused("the audit log cannot be written", cause="no space left", hint="free some")
    assert await made(problem)
    told = capsys.readouterr().err
    assert "meshtui: the audit log cannot be written" in told
    assert "no space left" in told
    assert "free some" in told


async def test_nothing_is_said_of_a_log_that_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert await made(None)
    assert "audit" not in capsys.readouterr().err
