"""What every verb that changes a cluster shares: the plan in words, the question, the doing, what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from meshtui.cli import consent, headless, output, words
from meshtui.core.changes.plan import Consent, Outcome, Plan, Step, Verb
from meshtui.core.errors import AlreadySo, CheckFailed, Exit, MeshtuiError, Unconfirmed
from meshtui.mesh.session import Session

COLUMNS = ("cluster", "object", "what", "before", "after", "result")
SEEN_SECONDS = 15.0
"""How long `--wait` waits unless told otherwise."""


async def change(session: Session, plan: Plan, arguments: Any) -> int:
    """Carry a plan out and print what came of each step; 0 also where all is already so. Raises what failed."""
    if isinstance(plan.refusal, AlreadySo):
        words.say(f"meshtui: {output.plain(plan.refusal.title)}; nothing was changed")
        output.show([], COLUMNS, arguments.output)
        return Exit.OK
    outcomes = await carry_out(session, plan, arguments)
    rows = [row for outcome in outcomes for row in rows_of(session, plan, outcome, dry_run=arguments.dry_run)]
    output.show(rows, COLUMNS, arguments.output)
    failed = next((outcome.error for outcome in outcomes if outcome.error), None)
    if failed is not None:
        raise failed
    return Exit.OK


async def carry_out(session: Session, plan: Plan, arguments: Any, *, quiet: bool = False) -> tuple[Outcome, ...]:
    """Show a plan (unless `quiet`), ask where it must be asked, and perform it. Raises Refused."""
    if not quiet:
        tell(session, plan)
    if plan.refusal is not None:
        raise plan.refusal
    typed = ""
    confirmed = arguments.yes
    consent.demand(arguments)
    if not arguments.dry_run and plan.consent is not Consent.NONE:
        typed, confirmed = _ask(session, plan, confirmed=confirmed)
    outcomes = await session.perform(plan, confirmed=confirmed, typed=typed, dry_run=arguments.dry_run)
    if session.audit_problem is not None:
        words.complain(session.audit_problem)
    return outcomes


def tell(session: Session, plan: Plan) -> None:
    """A plan in words."""
    words.say(output.plain(plan.title))
    for step in plan.steps:
        name = session.mesh.clusters[step.context].name
        words.say(f"  {name}: {step.verb.value} {step.resource.kind} {output.plain(step.key)}{_change(step)}")
    for effect in plan.effects:
        words.say(f"  → {output.plain(effect)}")
    for warning in plan.warnings:
        words.say(f"  ! {output.plain(warning)}")
    for command in plan.commands:
        _command(command)


def _command(command: str) -> None:
    """One kubectl command at the margin and without a prompt: it is pasted as it stands."""
    for line in command.split("\n"):
        words.say(output.plain(line))


def _change(step: Step) -> str:
    if step.before is None or step.after is None or "kind" in step.after:
        return ""
    pairs = [f"{k} {_shown(step.before.get(k))} → {_shown(v)}" for k, v in step.after.items()]
    return ": " + output.plain(", ".join(pairs))


def _shown(value: Any) -> str:
    """A value as a person reads it; what is absent is a dash, and zero is a number."""
    return "–" if value is None or value == "" else str(value)


def _ask(session: Session, plan: Plan, *, confirmed: bool) -> tuple[str, bool]:
    """What a person types, and whether that is a yes. Raises Unconfirmed where nobody can be asked."""
    contexts = sorted({s.context for s in plan.steps if session.mesh.clusters[s.context].protected})
    if confirmed and plan.consent is Consent.CONFIRM:
        return "", True
    if not consent.somebody_there():
        where = ", ".join(contexts)
        raise Unconfirmed(f"{where} is protected: its name must be typed", hint="repeat it on a terminal")
    if plan.consent is Consent.TYPE_NAME:
        words.say(f"type {' '.join(contexts)} to go on:")
        return sys.stdin.readline().strip(), True
    words.say("go on? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Unconfirmed("nothing was changed")
    return "", True


def rows_of(session: Session, plan: Plan, outcome: Outcome, *, dry_run: bool) -> list[dict[str, Any]]:
    """One per value written: an annotation's key and, where it is there, its alias; replicas; a manifest."""
    step = outcome.step
    command = next((c for each, c in zip(plan.steps, plan.commands, strict=True) if each is step), "")
    return [
        {
            "context": step.context,
            "cluster": session.mesh.clusters[step.context].name,
            "verb": step.verb.value,
            "kind": step.resource.kind,
            "object": step.key,
            "what": what,
            "before": before,
            "after": after,
            "result": _result(outcome.error, dry_run=dry_run),
            "ok": outcome.error is None,
            "effects": list(plan.effects),
            "warnings": list(plan.warnings),
            "kubectl": command,
        }
        for what, before, after in _values(step)
    ]


def _values(step: Step) -> Sequence[tuple[str, Any, Any]]:
    before, after = step.before or {}, step.after or {}
    if step.verb is Verb.ANNOTATE:
        return [(key, before.get(key), value) for key, value in after.items()]
    if step.verb is Verb.SCALE:
        return [("replicas", before.get("replicas"), after.get("replicas"))]
    return [("manifest", "there" if step.before else None, "there" if step.after else None)]


async def seen(session: Session, arguments: Any) -> None:
    """With `--wait`: until each change asked for shows in its API server's watch. Raises CheckFailed."""
    if not arguments.wait or arguments.dry_run:
        return
    limit = headless.limit(arguments.timeout) if arguments.timeout else SEEN_SECONDS
    if not await session.until(lambda: not session.pending, limit):
        raise CheckFailed(f"the change has not shown within {limit:g} s", hint="`meshtui services` shows what is there")


def _result(error: MeshtuiError | None, *, dry_run: bool) -> str:
    if error is not None:
        return str(error)
    return "would be done" if dry_run else "done"
