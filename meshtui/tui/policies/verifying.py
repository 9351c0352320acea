"""After a mend: the load test runs again, the flows are watched turning FORWARDED, and the outcome is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.policy.mend import Wanted
from meshtui.core.policy.mend.asked import is_policy_drop, wanted_of_row
from meshtui.tui.board import Board
from meshtui.tui.policies.mendrequest import MendRequest
from meshtui.tui.ports import SessionPort

PATIENCE = 30.0
"""Seconds in which what was mended must be seen passing."""
_LOOK = 0.2
_ATTEMPTS = 3
"""Runs until all is answered: agents take a moment to have a policy."""


class Verifying:
    """One verification."""

    def __init__(self, board: Board, session: SessionPort, asked: MendRequest, begun_ns: int) -> None:
        self.board, self.session, self.asked, self.begun_ns = board, session, asked, begun_ns

    def begin(self) -> None:
        """Start it; it ends by itself."""
        self.board.app.run_worker(self._verify(), group="verify", exclusive=True, exit_on_error=False)

    async def _verify(self) -> None:
        said = await self._run_again() if self.asked.specs else ""
        forwarded, dropped = await self._watch()
        seen = "FORWARDED" if forwarded else ""
        bad = f"still dropped: {dropped[0]}" if dropped else ""
        if said.startswith("all") or (not self.asked.specs and forwarded and not dropped):
            self.board.say(" · ".join(part for part in ("mended", said, f"flows {seen}" if seen else "") if part))
            return
        words = " · ".join(part for part in (said, bad or seen or "no flow of it was seen again") if part)
        self.board.say(f"not verified: {words}", "warn", "!")

    async def _run_again(self) -> str:
        """`all 10 answered`, or how many were."""
        pane = self.board.load_pane
        told = ""
        for _ in range(_ATTEMPTS):
            self.begun_ns = int(self.board.clock.now() * 1e9)
            pane.launch(self.session, self.asked.specs)
            runs = pane.front
            while any(run.running for run in runs):  # noqa: ASYNC110 - the pane's runs have no event to wait for
                await asyncio.sleep(_LOOK)
            total = sum(run.summary.total for run in runs)
            answered = sum(run.summary.answered for run in runs)
            if total and answered == total:
                return f"all {total} answered"
            told = f"{answered} of {total} answered"
        return told

    async def _watch(self) -> tuple[list[str], list[str]]:
        """What of the wanted was forwarded, and what dropped, since it was applied: as soon as either is seen."""
        names = {_pair(each) for each in self.asked.wanted}
        waited = 0.0
        while True:
            forwarded, dropped = [], []
            for row in self._rows():
                wanted = wanted_of_row(self.session.mesh, row)
                if wanted is None or _pair(wanted) not in names:
                    continue
                if row.verdict in (Verdict.FORWARDED, Verdict.REDIRECTED):
                    forwarded.append(str(wanted))
                elif is_policy_drop(row):
                    dropped.append(str(wanted))
            if forwarded or dropped or waited >= PATIENCE:
                return forwarded, dropped
            await asyncio.sleep(_LOOK)
            waited += _LOOK

    def _rows(self) -> Iterator[FlowRow]:
        return iter(self.session.flows.between(self.begun_ns, int(self.board.clock.now() * 1e9) + 1_000_000_000))


def _pair(wanted: Wanted) -> tuple[str, str, str, str, int]:
    """A connection by the clusters and names of its pods and its port."""
    source, destination = wanted.source, wanted.destination
    return source.cluster, source.name, destination.cluster, destination.name, wanted.port
