"""`meshtui policies apply|delete|diff FILE…`: plan, diff, effect, dry run, consent, and the wait for the agents."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.cli.changing import carry_out, tell
from meshtui.cli.recentflows import gather
from meshtui.core.changes import difference, planning, policies
from meshtui.core.changes.manifests import Written, parse
from meshtui.core.changes.plan import Outcome, Plan, Step
from meshtui.core.errors import CheckFailed, Exit, Forbidden, MeshtuiError, Refused, UsageError
from meshtui.core.model import resources as r
from meshtui.core.policy.rollout import RolloutState
from meshtui.mesh.changes.rollout import PolicyRollout
from meshtui.mesh.changes.sources import read
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import own_namespaces

COLUMNS = ("cluster", "policy", "result", "agents")
RESOURCES = (*r.POLICIES, r.NAMESPACES, r.PODS, r.SERVICES, r.ENDPOINTSLICES)
LAB = "lab:"


def main(arguments: Any, verb: str, files: Sequence[str]) -> int:
    """Do it."""
    if not files:
        raise UsageError(f"policies {verb} needs a file", hint="a YAML file, a directory, - or lab:NAME")
    written = [_read(name) for name in files if not name.startswith(LAB)]
    for each in written:
        if each.told:
            words.say(f"meshtui: {output.plain(each.told)}")
    manifests = [policy for each in written for policy in each.policies]
    return headless.wait_for(_main(arguments, verb, files, manifests))


def _read(name: str) -> Written:
    if name != "-":
        return read(Path(name).expanduser())
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError("standard input is not UTF-8", cause=str(error)) from error
    return parse(text, "standard input")


async def _main(arguments: Any, verb: str, files: Sequence[str], manifests: list[dict[str, Any]]) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(RESOURCES, status=False, flows=False)) as session:
        code = headless.missing_data(session, (r.CNPS, r.NETWORKPOLICIES), RESOURCES[1:])
        wanted = [*manifests, *(_of_lab(session, name.removeprefix(LAB)) for name in files if name.startswith(LAB))]
        contexts = [cluster.context for cluster in headless.clusters_of(session)]
        if verb == "diff":
            return max(code, _diff(session, session.plan_apply(contexts, wanted), arguments))
        await gather(session, settings, contexts)
        plan = session.plan_apply(contexts, wanted) if verb == "apply" else _deletion(session, contexts, wanted)
        if not plan.steps and plan.refusal is not None and isinstance(plan.refusal, UsageError):
            tell(session, plan)
            if verb == "delete":
                raise CheckFailed("no cluster has any of these policies")
            return code
        return max(code, await _carry_out(session, plan, arguments))


def _of_lab(session: Session, name: str) -> dict[str, Any]:
    """One of the lab's policies, written for the first cluster's x-wing. Raises UsageError for another name."""
    from meshtui.lab.policies import policies as of_lab

    first = next(iter(session.mesh.clusters.values())).name
    by_name = {manifest["metadata"]["name"]: manifest for manifest in of_lab(first).values()}
    titles = {title.replace(", ", "-").replace(" ", "-"): manifest for title, manifest in of_lab(first).items()}
    found = {**by_name, **titles}
    if name not in found:
        raise UsageError(f"the lab has no policy {name!r}", hint=f"it has {', '.join(found)}")
    return found[name]


def _deletion(session: Session, contexts: Sequence[str], wanted: Sequence[dict[str, Any]]) -> Plan:
    unnamed = own_namespaces(session.settings, session.targets)
    refs = [(context, *planning.identify(policy, unnamed[context])) for context in contexts for policy in wanted]
    return policies.delete(session.mesh, refs, policies.recent(session.flows))


def _diff(session: Session, plan: Plan, arguments: Any) -> int:
    """What applying would change; exit 1 where it would, as diff does."""
    # Who may not change anything may see what a change would be.
    if plan.refusal is not None and plan.steps and not isinstance(plan.refusal, Forbidden | Refused):
        raise plan.refusal
    rows = [
        {
            "context": step.context,
            "cluster": session.mesh.clusters[step.context].name,
            "policy": step.key,
            "kind": step.resource.kind,
            "state": "new" if step.before is None else "changed",
            "diff": difference.of_step(step),
        }
        for step in plan.steps
    ]
    if arguments.output != "table":
        output.show(rows, (), arguments.output)
    for row, step in zip(rows, plan.steps, strict=True) if arguments.output == "table" else ():
        output.emit(
            f"{output.plain(str(row['cluster']))}: {step.resource.kind} {output.plain(step.key)}, {row['state']}"
        )
        for line in difference.of_step(step):
            output.emit(f"  {output.plain(line)}")
    for warning in plan.warnings:
        words.say(f"meshtui: {output.plain(warning)}")
    return Exit.DEGRADED if rows else Exit.OK


async def _carry_out(session: Session, plan: Plan, arguments: Any) -> int:
    rollout = session.rollout(plan) if plan.refusal is None and not arguments.dry_run else None
    try:
        if plan.refusal is None:
            await _rehearse(session, plan, arguments)
        if rollout is not None:
            await rollout.ready()
        outcomes = await carry_out(session, plan, arguments)
        arrived = await _wait(rollout, outcomes, arguments.patience) if rollout is not None else {}
    finally:
        if rollout is not None:
            rollout.stop()
    rows = [_row(session, outcome, arrived, dry_run=arguments.dry_run) for outcome in outcomes]
    output.show(rows, COLUMNS, arguments.output)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed:
        if not arguments.dry_run and len(failed) < len(outcomes):
            done = ", ".join(_where(session, outcome.step) for outcome in outcomes if outcome.error is None)
            words.say(f"meshtui: done all the same: {output.plain(done)}")
        assert failed[0].error is not None
        raise failed[0].error
    return Exit.OK if all(row["ok"] for row in rows) else Exit.DEGRADED


async def _rehearse(session: Session, plan: Plan, arguments: Any) -> None:
    """Let the API servers check everything before anything is sent. Raises the first refusal, the others told."""
    for step in plan.steps:
        words.say(f"{output.plain(_where(session, step))}")
        for line in difference.of_step(step):
            words.say(f"  {output.plain(line)}")
    if arguments.dry_run:
        return
    refused = [o for o in await session.perform(plan, dry_run=True) if o.error is not None]
    if not refused:
        return
    for outcome in refused[1:]:
        assert outcome.error is not None
        words.complain(outcome.error)
    words.say("meshtui: nothing was changed: an API server refuses it")
    assert refused[0].error is not None
    raise refused[0].error


def _where(session: Session, step: Step) -> str:
    return f"{session.mesh.clusters[step.context].name} {step.resource.kind} {step.key}"


_Arrived = dict[int, RolloutState]
"""By the identity of the step."""


async def _wait(rollout: PolicyRollout, outcomes: Sequence[Outcome], patience: float) -> _Arrived:
    """Until every cluster's agents have taken it up, or refused it, or the time is over."""
    steps = [outcome.step for outcome in outcomes if outcome.error is None]
    return {id(step): found for step, found in await rollout.wait(steps, patience)} if steps else {}


def _row(session: Session, outcome: Outcome, arrived: _Arrived, *, dry_run: bool) -> dict[str, Any]:
    step, error = outcome.step, outcome.error
    found = arrived.get(id(step)) if error is None else None
    result = _told(error) if error is not None else "would be done" if dry_run else "done"
    return {
        "context": step.context,
        "cluster": session.mesh.clusters[step.context].name,
        "policy": step.key,
        "kind": step.resource.kind,
        "verb": step.verb.value,
        "result": result,
        "agents": found.words if found is not None else None,
        "ok": error is None and (found is None or (found.done and not found.refused)),
    }


def _told(error: MeshtuiError) -> str:
    return str(error)
