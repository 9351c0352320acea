"""Walks the steps one after the other and tells what came of each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from meshtui.core.errors import MeshtuiError
from meshtui.lab.steps import STEPS, LabStep, step_named
from meshtui.lab.walk import Walk


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one step."""

    step: LabStep
    ok: bool | None
    """None: it cannot be seen here."""
    said: str
    seconds: float = 0.0
    seen: tuple[str, ...] = ()
    outcomes: tuple[frozenset[str], frozenset[str]] | None = None

    def row(self) -> dict[str, Any]:
        """For a table."""
        words = {True: "ok", False: "failed", None: "skipped"}
        return {
            "number": self.step.number,
            "step": self.step.name,
            "result": words[self.ok],
            "seconds": round(self.seconds, 1),
            "said": self.said,
            "seen": list(self.seen),
        }


async def walked(
    walk: Walk, start: str = "", *, before: Callable[[LabStep], None] = lambda _: None
) -> AsyncGenerator[Result, None]:
    """Each step from `start` on: brought about, checked, told; ends after the first that fails."""
    first = step_named(start).number if start else 1
    for step in STEPS[first - 1 :]:
        before(step)
        result = await _one(walk, step)
        yield result
        if result.ok is False:
            return


async def _one(walk: Walk, step: LabStep) -> Result:
    clock = walk.session.clock
    begun = clock.monotonic()
    walk.enter()
    found = await walk.check(step, 0.0) if step.foundation else None
    if found is None or not found.ok:
        refused = walk.builder.why_not(step) if step.foundation else ""
        if refused and step.name == "no-cni":
            return Result(
                step, None, f"These clusters have a network already. {found.sentence if found else ''}".strip()
            )
        if not refused:
            try:
                await walk.take(step)
            except MeshtuiError as error:
                return Result(step, False, f"{error}.", clock.monotonic() - begun)
        found = await walk.check(step, 0.0 if refused else None)
    return Result(step, found.ok, found.sentence, clock.monotonic() - begun, found.seen, found.outcomes)
