"""A change from key to outcome: plan, refusal or dialog, carry out, and one sentence on what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from meshtui.core.errors import MeshtuiError
from meshtui.core.plan import Consent, Outcome, Plan
from meshtui.tui.ports import SessionPort

if TYPE_CHECKING:
    from meshtui.tui.dashboard import Dashboard

Make = Callable[[SessionPort], "Plan | Awaitable[Plan | None] | None"]


async def carry_out(board: Dashboard, session: SessionPort, make: Make, nothing: str) -> None:
    """Do it, with whatever consent it takes; every failure is told, none escapes."""
    try:
        made = make(session)
        plan = await made if isinstance(made, Awaitable) else made
        if plan is None:
            board.say(nothing, "warn", "!")
            return
        if plan.refusal is not None:
            board.tell(plan.refusal)
            return
        answer = await consent(board, plan)
        if answer is None:
            board.say(f"{plan.title}: left as it is", "dim", "·")
            return
        outcomes = await session.perform(plan, confirmed=True, typed=answer)
    except MeshtuiError as error:
        board.tell(error)
        return
    report(board, plan, outcomes)
    board.services.touch()


async def consent(board: Dashboard, plan: Plan) -> str | None:
    """What was typed, empty for a yes; None for a no."""
    if plan.consent is Consent.NONE:
        return ""
    from meshtui.tui.dialogs.consent import ConsentDialog

    return await board.app.push_screen_wait(ConsentDialog(plan, board.mesh))


def report(board: Dashboard, plan: Plan, outcomes: tuple[Outcome, ...]) -> None:
    """Say what became of each step; partial failure is told apart."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failed:
        assert outcome.error is not None
        board.tell(outcome.error)
    if not failed:
        effect = f" · {plan.effects[0]}" if plan.effects else ""
        board.say(f"{plan.title}{effect}")
    elif len(failed) < len(outcomes):
        done = len(outcomes) - len(failed)
        board.say(f"{plan.title}: {done} of {len(outcomes)} done, {len(failed)} refused", "warn", "!")
