"""A plan as lines: each step's cluster, context, object, before → after; effects, warnings, commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.core.changes import difference
from meshtui.core.changes.plan import Plan, Step, Verb
from meshtui.core.model.state import Mesh
from meshtui.tui.widgets import status
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped

_WHOLE = 1 << 20
"""Characters of a line that is not to be cut."""


def plan_lines(plan: Plan, mesh: Mesh | None, width: int) -> list[Line]:
    """Everything a person must know before saying yes."""
    lines: list[Line] = []
    for step in plan.steps:
        lines += _step(step, mesh)
    for heading, texts, role in (("Effect", plan.effects, "info"), ("Warnings", plan.warnings, "warn")):
        if texts:
            lines += [(), [Span(heading, "strong")]]
            lines += [[Span(part, role)] for text in texts for part in wrapped(safe(text), width, indent=2)]
    differing = [(step, found) for step in plan.steps if (found := difference.of_step(step))]
    for step, found in differing:  # below the effect, which must be in sight
        cluster = mesh.clusters.get(step.context) if mesh else None
        lines += [(), [Span(f"Difference at {safe(cluster.name if cluster else step.context)}", "strong")]]
        lines += [_changed(line) for line in found]
    if plan.commands:
        lines += [(), [Span("The same by kubectl", "strong")]]
        # At the margin and unbroken: they are pasted as they stand, here-documents included; what is wider scrolls.
        lines += [[Span(safe(line, _WHOLE), "dim")] for text in plan.commands for line in text.split("\n")]
    return lines


def _step(step: Step, mesh: Mesh | None) -> list[Line]:
    cluster = mesh.clusters.get(step.context) if mesh else None
    where = (
        [tag(cluster.tag, cluster.index, bracket=True), Span(f" {safe(cluster.name)} ", "strong")] if cluster else []
    )
    head = [*where, Span(f"context {safe(step.context)}", "dim")]
    what: Line = [Span(f"  {step.verb.value} {step.resource.kind.lower()} "), Span(safe(step.key), "strong")]
    return [head, what, *_changes(step, listed=cluster is None or step.resource in cluster.objects)]


def _changes(step: Step, *, listed: bool) -> list[Line]:
    if step.verb in (Verb.APPLY, Verb.DELETE):
        known = "is new here" if listed else "whether one is there is not known: the cluster has not answered"
        known = "replaces the one that is there" if step.before else known
        return [[Span(f"    {known}" if step.verb is Verb.APPLY else "    is there now, will be gone", "dim")]]
    before: Mapping[str, Any] = step.before or {}
    after: Mapping[str, Any] = step.after or {}
    return [
        [
            Span(f"    {safe(str(key))}  ", "dim"),
            Span(_value(before.get(key))),
            Span(" → ", "dim"),
            Span(_value(after.get(key)), "warn"),
        ]
        for key in dict.fromkeys([*before, *after])
    ]


def _changed(line: str) -> Line:
    role = {"+": "ok", "-": "bad"}.get(line[:1], "dim")
    return [Span(f"    {safe(line, 400)}", role)]


def _value(value: Any) -> str:
    return "absent" if value is None else safe(str(value), 60) or status.NOTHING
