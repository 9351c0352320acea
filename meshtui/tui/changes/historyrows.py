"""Changes made in this session: when, what, where, from what to what, and what came of each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.core.changes.plan import Outcome, Plan, Verb
from meshtui.core.model.state import Mesh
from meshtui.tui.header import time_text
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, fit, safe, tag, wrapped


def history_lines(
    plan: Plan, outcomes: tuple[Outcome, ...], mesh: Mesh, width: int, *, undo: str, utc: bool
) -> list[Line]:
    """`19:36:28 ✔ default/rebel-base: set global to true  u undoes this`, then a line for each step."""
    failed = sum(outcome.error is not None for outcome in outcomes)
    glyph, role = (status.OK, "ok") if not failed else (status.BAD, "bad") if failed == len(outcomes) else ("!", "warn")
    at = max((outcome.at for outcome in outcomes), default=0.0)
    head = [Span(f" {time_text(at, utc=utc)} ", "dim"), Span(f"{glyph} ", role), Span(safe(plan.title, 200), "strong")]
    if failed and failed < len(outcomes):
        head.append(Span(f"  {len(outcomes) - failed} of {len(outcomes)}", "warn"))
    if undo:
        head.append(Span(f"  {undo}", "info"))
    return [head, *(line for outcome in outcomes for line in outcome_lines(outcome, mesh, width))]


def outcome_lines(outcome: Outcome, mesh: Mesh | None, width: int, *, done: str = "") -> list[Line]:
    """`✔ K default/rebel-base  global absent → true`, and below a refused one why."""
    step = outcome.step
    cluster = mesh.clusters.get(step.context) if mesh else None
    glyph, role = (status.OK, "ok") if outcome.error is None else (status.BAD, "bad")
    head: list[Span] = [Span(f"   {glyph} ", role)]
    head.append(tag(fit(cluster.tag, 2), cluster.index) if cluster else Span(safe(step.context, 40)))
    head += [Span(f" {safe(step.key, 100)}  "), Span(_change(step.verb, step.before, step.after), "dim")]
    if outcome.error is None:
        return [[*head, *([Span(f"  {done}", "ok")] if done else [])]]
    error = outcome.error
    lines: list[Line] = [head]
    lines += [[Span(part, "bad")] for part in wrapped(status.error_text(error), width, indent=6)]
    if error.hint:
        lines += [[Span(part, "dim")] for part in wrapped(f"→ {safe(error.hint)}", width, indent=6)]
    return lines


def _change(verb: Verb, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    if verb not in (Verb.ANNOTATE, Verb.SCALE) or before is None or after is None:
        return verb.value
    parts = [f"{key.rpartition('/')[2]} {_word(before.get(key))} → {_word(value)}" for key, value in after.items()]
    return safe(", ".join(parts), 200)


def _word(value: Any) -> str:
    return "absent" if value is None else str(value) or '""'
