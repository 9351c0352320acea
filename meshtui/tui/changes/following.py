"""After a change of policies: wait until the agents have it, and say so, or who has not."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.changes.plan import Outcome, Plan, Step
from meshtui.core.model import resources as r
from meshtui.core.policy.rollout import RolloutState
from meshtui.core.text import clean
from meshtui.mesh.changes.rollout import PolicyRollout
from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort

PATIENCE = 30.0
"""Seconds in which agents must have a policy; then it is said who has not."""


class Following:
    """One change on the screen; of changes that touch no policy it does nothing."""

    def __init__(self, board: Board, session: SessionPort) -> None:
        self._board, self._session = board, session
        self._rollout: PolicyRollout | None = None
        self._sent: list[Step] = []
        self._title = ""

    def begin(self, plan: Plan) -> None:
        """While consent is asked for, the agents tell how they stand."""
        self.stop()
        self._rollout = None
        if any(step.resource in r.POLICIES for step in plan.steps):
            self._rollout = self._session.rollout(plan)

    async def ready(self) -> None:
        """Just before it is sent."""
        if self._rollout is not None:
            await self._rollout.ready()

    def sent(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """What the API servers accepted of it."""
        self._title = plan.title
        self._sent = [outcome.step for outcome in outcomes if outcome.error is None]

    async def wait(self) -> None:
        """Until every agent has it, at most `PATIENCE`; what came of it is said."""
        if self._rollout is None or not self._sent:
            return
        found = await self._rollout.wait(self._sent, PATIENCE)
        if not found:
            return
        title = clean(self._title, 200)
        if all(state.done and not state.refused and state.agents for _, state in found):
            gone = all(step.after is None for step, _ in found)
            self._board.say(f"every agent {'has dropped' if gone else 'has'} it · {title}")
            return
        mesh = self._session.mesh
        told = [f"{mesh.clusters[step.context].name}: {step.name} {state.words}" for step, state in _worst(found)]
        fine = all(state.done and not state.refused for _, state in found)
        words = clean(" · ".join([*told, title]), 600)
        self._board.say(words, *(() if fine else ("warn", "!")))

    def stop(self) -> None:
        """Ask no further."""
        if self._rollout is not None:
            self._rollout.stop()


def _worst(found: Sequence[tuple[Step, RolloutState]]) -> list[tuple[Step, RolloutState]]:
    """What is not as wanted, where anything is; else one for each cluster."""
    bad = [each for each in found if each[1].refused or not each[1].done]
    return bad or list({step.context: (step, state) for step, state in found}.values())
