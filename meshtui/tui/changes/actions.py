"""A change from key to outcome: plan, refusal or dialog, carry out, and one sentence on what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from meshtui.core.changes.plan import Consent, Outcome, Plan
from meshtui.core.errors import Conflict, MeshtuiError
from meshtui.core.model import resources as r
from meshtui.tui.board import Board
from meshtui.tui.changes.following import Following
from meshtui.tui.ports import SessionPort

Make = Callable[[SessionPort], "Plan | Awaitable[Plan | None] | None"]
Then = Callable[[], object] | None
"""Called once all of a change was accepted."""


async def carry_out(
    board: Board, session: SessionPort, make: Make, nothing: str, turn: asyncio.Lock, then: Then = None
) -> None:
    """Do it, with whatever consent it takes; every failure is told, none escapes.

    One change at a time, each planned when the one before is seen: keys in quick succession never meet themselves.
    """
    following = Following(board, session)
    try:
        async with turn:
            await session.changes_seen()
            made = make(session)
            plan = await made if isinstance(made, Awaitable) else made
            if plan is None:
                board.say(nothing, "warn", "!")
                return
            accepted = await _until_settled(board, session, plan, following)
        # Agents may take long: the next change need not wait for them.
        await following.wait()
        if accepted and then is not None:
            then()
    except MeshtuiError as error:
        board.tell(error)
    finally:
        following.stop()


async def _until_settled(board: Board, session: SessionPort, plan: Plan, following: Following) -> bool:
    """Ask and perform; what met a conflict is shown as it is now and asked again, never written over.

    True when all of it was accepted.
    """
    asking: Plan | None = plan
    conflict = False
    outcomes: tuple[Outcome, ...] = ()
    while asking is not None:
        if asking.refusal is not None:
            board.tell(asking.refusal)
            return False
        following.begin(asking)
        answer = await consent(board, session, asking, always=conflict)
        if answer is None:
            board.say(f"{asking.title}: left as it is", "dim", "·")
            return False
        if refused := await _refused_beforehand(session, asking):
            _report_refused(board, asking, refused)
            return False
        await following.ready()
        outcomes = await session.perform(asking, confirmed=True, typed=answer)
        report(board, asking, outcomes)
        following.sent(asking, outcomes)
        board.redraw()
        conflict = any(isinstance(outcome.error, Conflict) for outcome in outcomes)
        asking = session.plan_again(asking, outcomes) if conflict else None
    return all(outcome.error is None for outcome in outcomes)


async def _refused_beforehand(session: SessionPort, plan: Plan) -> tuple[Outcome, ...]:
    """What API servers say against policies in a dry run: where one refuses, nothing is sent to any."""
    if not any(step.resource in r.POLICIES for step in plan.steps):
        return ()
    outcomes = await session.perform(plan, confirmed=True, dry_run=True)
    # A conflict is met as any is: it is shown as it is now, and asked again.
    refused = any(outcome.error is not None and not isinstance(outcome.error, Conflict) for outcome in outcomes)
    return outcomes if refused else ()


def _report_refused(board: Board, plan: Plan, outcomes: tuple[Outcome, ...]) -> None:
    """Nothing was changed: who refuses what, and what the others would have taken."""
    if len(outcomes) == 1 and outcomes[0].error is not None:
        board.tell(outcomes[0].error)
        return
    from meshtui.tui.changes.historyrows import outcome_lines

    refused = sum(outcome.error is not None for outcome in outcomes)
    board.say(f"{plan.title}: nothing was changed, {refused} of {len(outcomes)} would be refused", "warn", "!")
    lines = [line for each in outcomes for line in outcome_lines(each, board.mesh, 90, done="would be accepted")]
    board.show_details(f"Nothing was changed: {plan.title}", lines)


async def consent(board: Board, session: SessionPort, plan: Plan, *, always: bool = False) -> str | None:
    """What was typed, empty for a yes; None for a no. `always` asks even where nobody needs to be asked."""
    if plan.consent is Consent.NONE and not always:
        return ""
    from meshtui.tui.changes.consent import ConsentDialog

    async def rehearse(rehearsed: Plan) -> tuple[Outcome, ...]:
        return await session.perform(rehearsed, dry_run=True)

    return await board.app.push_screen_wait(ConsentDialog(plan, board.mesh, rehearse))


def report(board: Board, plan: Plan, outcomes: tuple[Outcome, ...]) -> None:
    """Say what became of the plan; where several objects differ, tell each apart."""
    if board.session is not None and board.session.audit_problem is not None:
        board.tell(board.session.audit_problem)
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        moved = [effect for effect in plan.effects if not effect.endswith(", unchanged")]
        board.say(" · ".join([plan.title, *(moved or plan.effects)[:1]]))
        return
    if len(outcomes) == 1:
        assert failed[0].error is not None
        board.tell(failed[0].error)
        return
    from meshtui.tui.changes.historyrows import outcome_lines

    done = len(outcomes) - len(failed)
    board.say(f"{plan.title}: {done} of {len(outcomes)} done, {len(failed)} refused", "warn", "!")
    lines = [line for outcome in outcomes for line in outcome_lines(outcome, board.mesh, 90)]
    board.show_details(f"{done} of {len(outcomes)} done: {plan.title}", lines)
