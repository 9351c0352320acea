"""`meshtui annotate`: the toggles of the services pane, with the plan shown first."""

from __future__ import annotations

import sys
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.cli.services import NEEDED, RESOURCES, key_of
from meshtui.core.changes.plan import Consent, Outcome, Plan, Step
from meshtui.core.errors import CheckFailed, Exit, MeshtuiError, Unconfirmed, UsageError
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

COLUMNS = ("cluster", "service", "annotation", "before", "after", "result")
_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "1": "true", "false": "false", "no": "false", "off": "false"}


def main(arguments: Any) -> int:
    """Plan, ask, do."""
    wanted = _wanted(arguments)
    if not wanted:
        raise UsageError("nothing to change", hint="give --global, --shared or --affinity")
    return headless.wait_for(_main(arguments, wanted))


def _wanted(arguments: Any) -> dict[str, str | None]:
    """Annotation → value, None to delete it."""
    wanted: dict[str, str | None] = {}
    for what, value in (("global", arguments.global_), ("shared", arguments.shared)):
        if value is not None:
            if value != "-" and value.lower() not in (*_BOOLEANS, "0"):
                raise UsageError(f"--{what} takes true, false or -", cause=f"got {value!r}")
            wanted[what] = None if value == "-" else _BOOLEANS.get(value.lower(), "false")
    if arguments.affinity is not None:
        if arguments.affinity not in ("local", "remote", "-"):
            raise UsageError("--affinity takes local, remote or -", cause=f"got {arguments.affinity!r}")
        wanted["affinity"] = None if arguments.affinity == "-" else arguments.affinity
    return wanted


async def _main(arguments: Any, wanted: dict[str, str | None]) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(RESOURCES, status=False, flows=False)) as session:
        headless.missing_data(session, NEEDED, [each for each in RESOURCES if each not in NEEDED])
        key = key_of(arguments.service, session)
        refs = [(c.context, key) for c in headless.clusters_of(session) if key in c.services]
        if not refs:
            raise CheckFailed(f"no cluster has a service {key}", hint="`meshtui services -A` lists them")
        plan = session.plan_annotations(refs, wanted)
        outcomes = await carry_out(session, plan, arguments)
        rows = [row for outcome in outcomes for row in _rows(session, plan, outcome, dry_run=arguments.dry_run)]
        failed = next((outcome.error for outcome in outcomes if outcome.error), None)
        output.show(rows, COLUMNS, arguments.output)
        if failed is not None:
            raise failed
        return Exit.OK


async def carry_out(session: Session, plan: Plan, arguments: Any) -> tuple[Outcome, ...]:
    """Show a plan, ask where it must be asked, and perform it. Raises Refused."""
    tell(session, plan)
    if plan.refusal is not None:
        raise plan.refusal
    typed = ""
    confirmed = arguments.yes
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
        for line in command.split("\n"):
            words.say(f"  $ {output.plain(line)}")


def _change(step: Step) -> str:
    if step.before is None or step.after is None or "kind" in step.after:
        return ""
    pairs = [f"{k} {step.before.get(k, '–') or '–'} → {v or '–'}" for k, v in step.after.items()]
    return ": " + output.plain(", ".join(pairs))


def _ask(session: Session, plan: Plan, *, confirmed: bool) -> tuple[str, bool]:
    """What a person types, and whether that is a yes. Raises Unconfirmed where nobody can be asked."""
    contexts = sorted({s.context for s in plan.steps if session.mesh.clusters[s.context].protected})
    if confirmed and plan.consent is Consent.CONFIRM:
        return "", True
    if not sys.stdin.isatty():
        raise Unconfirmed("this change needs a yes", hint="repeat it with --yes, or on a terminal")
    if plan.consent is Consent.TYPE_NAME:
        words.say(f"type {' '.join(contexts)} to go on:")
        return sys.stdin.readline().strip(), True
    words.say("go on? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Unconfirmed("nothing was changed")
    return "", True


def _rows(session: Session, plan: Plan, outcome: Outcome, *, dry_run: bool) -> list[dict[str, Any]]:
    """One per annotation written: a key and, where it is there, its alias."""
    step = outcome.step
    command = next((c for each, c in zip(plan.steps, plan.commands, strict=True) if each is step), "")
    return [
        {
            "context": step.context,
            "cluster": session.mesh.clusters[step.context].name,
            "service": step.key,
            "annotation": key,
            "before": (step.before or {}).get(key),
            "after": after,
            "result": _result(outcome.error, dry_run=dry_run),
            "ok": outcome.error is None,
            "effects": list(plan.effects),
            "warnings": list(plan.warnings),
            "kubectl": command,
        }
        for key, after in (step.after or {}).items()
    ]


def _result(error: MeshtuiError | None, *, dry_run: bool) -> str:
    if error is not None:
        return str(error)
    return "would be done" if dry_run else "done"
