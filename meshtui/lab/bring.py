"""Brings a state about: plans from what is there to what is wanted, carried out until nothing is left to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from meshtui.core.changes import planning
from meshtui.core.changes.plan import Outcome, Plan, Step, Verb
from meshtui.core.errors import CheckFailed, Conflict, MeshtuiError
from meshtui.core.model import resources as r
from meshtui.core.model.state import Mesh
from meshtui.lab.observe import SERVICE, observe
from meshtui.lab.place import Place
from meshtui.lab.state import Action, Annotate, Apply, Remove, Scale, State, between
from meshtui.mesh.session import Session

PATIENCE = 15.0
"""Seconds until the watches must show what the API servers accepted."""
_LOOK = 0.5
Perform = Callable[[Plan], Awaitable[tuple[Outcome, ...]]]
"""Carries out a plan with whatever consent it takes; raises Refused, or what the plan was refused with."""


async def bring(
    session: Session, place: Place, wanted: State, perform: Perform, title: str = "", *, dry: bool = False
) -> bool:
    """Make the application's state `wanted`, from wherever it is; False when it was so already.

    `dry`: `perform` changes nothing, so what is left to do stays so.

    Raises the first step's error, and CheckFailed when what was accepted does not show.
    """
    changed = False
    while True:
        now = await observe(session, place)
        actions = between(now, wanted)
        if not actions:
            return changed
        ready = _possible(session.mesh, place, actions)
        foreign = await carry_out(session, plan(session, place, ready, title), perform) if ready else False
        if dry:
            return True
        if not await _shown(session, place, wanted, ready, now if foreign else None):
            hint = "see whether the clusters answer, then try again"
            raise CheckFailed("the clusters do not show what was changed", cause=_words(ready or actions), hint=hint)
        changed = True


def _words(actions: Sequence[Action]) -> str:
    return ", ".join(type(action).__name__.lower() for action in actions) + " not seen yet"


async def carry_out(session: Session, wanted: Plan, perform: Perform) -> bool:
    """Perform it; a policy that somebody else wrote is deleted instead, so that the next round can write ours: True."""
    foreign = []
    for outcome in await perform(wanted):
        step = outcome.step
        if isinstance(outcome.error, Conflict) and step.verb is Verb.APPLY and step.resource is r.CNPS:
            foreign.append(step)
        elif outcome.error is not None:
            raise outcome.error
    for step in foreign:
        await carry_out(session, session.plan_delete(step.context, r.CNPS, step.namespace, step.name), perform)
    return bool(foreign)


async def _shown(
    session: Session, place: Place, wanted: State, ready: Sequence[Action], other_than: State | None
) -> bool:
    """Wait until nothing of what was carried out is still to be done, or the state is `other_than` it was.

    A part seen alone does not do: what is planned from an old version of an object would be a conflict.
    """
    changed = asyncio.Event()
    stop = session.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                changed.clear()
                now = await observe(session, place)
                if other_than is not None and now != other_than:
                    return True
                if ready and not set(ready) & set(between(now, wanted)):
                    return True
                await _news(changed)
    except TimeoutError:
        return False
    finally:
        stop()


async def _news(changed: asyncio.Event) -> None:
    """Until a watch tells something, or a moment has passed: ConfigMaps are not watched."""
    try:
        async with asyncio.timeout(_LOOK):
            await changed.wait()
    except TimeoutError:
        return


def _possible(mesh: Mesh, place: Place, actions: Sequence[Action]) -> tuple[Action, ...]:
    """Those that can be done now: a namespace first, then what is in it; annotations when the Service is there."""
    spaces = [action for action in actions if isinstance(action, Apply) and action.manifest == "namespace"]
    if spaces:
        return tuple(spaces)
    return tuple(action for action in actions if _has_object(mesh, place, action))


def _has_object(mesh: Mesh, place: Place, action: Action) -> bool:
    cluster = mesh.clusters[place.halves[action.cluster].context]
    if isinstance(action, Annotate):
        return place.key(SERVICE) in cluster.services
    if isinstance(action, Scale):
        return place.key(SERVICE) in cluster.of(r.DEPLOYMENTS)
    return True


def plan(session: Session, place: Place, actions: Sequence[Action], title: str = "") -> Plan:
    """One plan for all actions: one look, one consent."""
    plans = [each for action in actions for each in _plans(session, place, action)]
    steps: list[Step] = [step for each in plans for step in each.steps]
    refused: MeshtuiError | None = next((each.refusal for each in plans if each.refusal is not None), None)
    warnings = [text for each in plans for text in each.warnings]
    whole = planning.finish(session.mesh, title or plans[0].title, steps, warnings=warnings)
    return replace(whole, refusal=whole.refusal or refused)


def _plans(session: Session, place: Place, action: Action) -> list[Plan]:
    half = place.halves[action.cluster]
    if isinstance(action, Annotate):
        return [session.plan_annotations([(half.context, place.key(SERVICE))], dict(action.values))]
    if isinstance(action, Scale):
        return [session.plan_scale(half.context, place.namespace, SERVICE, action.replicas)]
    if isinstance(action, Remove):
        return [session.plan_delete(half.context, r.CNPS, place.namespace, action.policy)]
    objects = place.objects(half, action.manifest)
    cluster = session.mesh.clusters[half.context]
    for manifest in objects:
        found = cluster.of(r.DEPLOYMENTS).get(place.key(manifest["metadata"]["name"]))
        if manifest["kind"] == "Deployment" and found is not None:
            # What somebody scaled it to is theirs: to write another number would be a conflict.
            manifest["spec"]["replicas"] = planning.replicas_of(found)
    return [session.plan_apply([half.context], objects)]
