"""After a change of policies: wait until the agents have it, and say so, or who has not."""

from __future__ import annotations

from collections.abc import Sequence

from meshtui.core.changes.plan import Outcome, Plan, Step
from meshtui.core.model import resources as r
from meshtui.core.policy.uptake import Uptake
from meshtui.core.text import clean
from meshtui.mesh.changes.taking import Taking
from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort

PATIENCE = 30.0
"""Seconds in which agents must have a policy; then it is said who has not."""


class Following:
    """One change on the screen; of changes that touch no policy it does nothing."""

    def __init__(self, board: Board, session: SessionPort) -> None:
        self._board, self._session = board, session
        self._taking: Taking | None = None
        self._sent: list[Step] = []
        self._title = ""

    def begin(self, plan: Plan) -> None:
        """While consent is asked for, the agents tell how they stand."""
        self.stop()
        self._taking = None
        if any(step.resource in r.POLICIES for step in plan.steps):
            self._taking = self._session.taking(plan)

    async def ready(self) -> None:
        """Just before it is sent."""
        if self._taking is not None:
            await self._taking.ready()

    def sent(self, plan: Plan, outcomes: Sequence[Outcome]) -> None:
        """What the API servers accepted of it."""
        self._title = plan.title
        self._sent = [outcome.step for outcome in outcomes if outcome.error is None]

    async def wait(self) -> None:
        """Until every agent has it, at most `PATIENCE`; what came of it is said."""
        if self._taking is None or not self._sent:
            return
        found = await self._taking.wait(self._sent, PATIENCE)
        if not found:
            return
        title = clean(self._title, 200)
        if all(uptake.done and not uptake.refused and uptake.agents for _, uptake in found):
            gone = all(step.after is None for step, _ in found)
            self._board.say(f"every agent {'has dropped' if gone else 'has'} it · {title}")
            return
        mesh = self._session.mesh
        told = [f"{mesh.clusters[step.context].name}: {step.name} {uptake.words}" for step, uptake in _worst(found)]
        fine = all(uptake.done and not uptake.refused for _, uptake in found)
        words = clean(" · ".join([*told, title]), 600)
        self._board.say(words, *(() if fine else ("warn", "!")))

    def stop(self) -> None:
        """Ask no further."""
        if self._taking is not None:
            self._taking.stop()


def _worst(found: Sequence[tuple[Step, Uptake]]) -> list[tuple[Step, Uptake]]:
    """What is not as wanted, where anything is; else one for each cluster."""
    bad = [each for each in found if each[1].refused or not each[1].done]
    return bad or list({step.context: (step, uptake) for step, uptake in found}.values())
