"""Everything about one service: prediction beside evidence, reasons, endpoints, policies, findings with their fixes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.findings import Finding, findings_for, policy_findings
from meshtui.core.load.service import service_of_url
from meshtui.core.model.resources import POLICIES
from meshtui.core.reach import reaches
from meshtui.core.routing import routes
from meshtui.core.services.evidence import Answers, Evidence, Realised
from meshtui.core.services.measured import WINDOW_SECONDS, Measured, measure
from meshtui.core.text import clean
from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort
from meshtui.tui.services.detailrows import service_items
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList

LAG_SECONDS = 1.5
"""Agents may act on an annotation a second late: what came before is not held against the prediction."""
LOOK_SECONDS = 2.0


class ServiceDialog(Dialog[None]):
    """Kept up to date while it is open; enter mends the finding under the cursor."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "fix", show=False),
        Binding("r", "ask", show=False),
        Binding("n", "next_finding", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort, key: str) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.key = key
        self.list = ItemList()
        self.realised: dict[str, Realised] = {}
        self.measured: dict[str, Measured] = {}
        self.findings: Sequence[Finding] = ()
        self._seen = (-1, -1)
        self._judged: object = None
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        self._box.border_title = self.entitle(clean(self.key, 100))
        self._box.border_subtitle = self.entitle("n next finding · enter applies its fix · r asks agents · esc")
        yield self._box

    def on_mount(self) -> None:
        """Fill it, follow mesh and flows, and ask the agents."""
        self.call_after_refresh(self.look)
        self.set_interval(LOOK_SECONDS, self.look)
        self.board.listeners.add(self.refill)
        self.action_ask()

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)

    @property
    def since(self) -> float:
        """From when on flows and answers tell of the service as it is now."""
        changed = self.board.services.changed_at(self.key)
        return max(self.board.clock.now() - WINDOW_SECONDS, changed + LAG_SECONDS if changed else 0.0)

    def look(self) -> None:
        """Count flows and judge policies again, if there is news; these cost more than the rest."""
        mesh, flows = self.session.mesh, self.session.flows
        now = (mesh.generation, flows.version)
        if now != self._seen:
            self._judge()
            self._seen = now
            start = int(max(self.since, self.board.flows.asking.whole_since) * 1e9)
            end = int((self.board.clock.now() + WINDOW_SECONDS) * 1e9)
            self.measured = measure(mesh, flows.between(start, end), self.key)
        self.refill()

    def _judge(self) -> None:
        """Judge policies again when any of them, or a backend, is another one: it costs a look at every pod."""
        mesh = self.session.mesh
        policies = [
            (context, key, policy.metadata.resource_version)
            for context, cluster in mesh.clusters.items()
            for resource in POLICIES
            for key, policy in cluster.of(resource).items()
        ]
        now = policies, [[backend.ip for backend in found.backends] for found in routes(mesh, self.key)]
        if now != self._judged:
            self._judged = now
            self.findings = policy_findings(mesh, self.key)

    def evidence(self) -> Evidence:
        """All there is now."""
        asking = self.board.flows.asking
        measured = {} if asking.narrowed else self.measured
        return Evidence(measured, self._answers(), self.realised, self.since, asking.narrowed, asking.whole_since)

    def _answers(self) -> dict[str, Answers]:
        """The last run of each client cluster to this service since it changed."""
        found: dict[str, Answers] = {}
        for run in self.board.load_pane.runs:
            requests = [request for request in run.requests if request.at >= self.since]
            if not requests or service_of_url(self.session.mesh, run.spec) != self.key:
                continue
            counts: dict[str, int] = {}
            for request in requests:
                if request.cluster:
                    counts[request.cluster] = counts.get(request.cluster, 0) + 1
            found[run.spec.context] = Answers(counts, len(requests), requests[-1].at)
        return found

    def refill(self) -> None:
        """Show everything as it is now."""
        mesh = self.session.mesh
        width = max(30, self.list.scrollable_content_region.width)
        found = findings_for(mesh, self.key)
        known = self.board.findings.reaches if self.board.findings else None
        reached = reaches(mesh, self.key, known=known, seen=self._asking())
        items = service_items(
            mesh, self.key, self.evidence(), found, self.findings, width, utc=self.board.utc, reached=reached
        )
        self.list.fill(dict(items))

    def _asking(self) -> dict[str, list[str]]:
        """Context → keys of the pods that the flows kept show as clients."""
        measured = self.measured if not self.board.flows.asking.narrowed else {}
        return {context: sorted(found.clients) for context, found in measured.items()}

    def action_ask(self) -> None:
        """Ask one agent of every cluster for its tables."""
        self.realised = {}
        self.run_worker(self._ask(), group="realised", exclusive=True, exit_on_error=False)

    async def _ask(self) -> None:
        async def one(context: str) -> None:
            self.realised[context] = await self.session.realised(context)
            self.refill()

        await asyncio.gather(*(one(context) for context in self.session.mesh.clusters))

    def action_next_finding(self) -> None:
        """Move the cursor to the next finding, round and round."""
        places = [index for index, item in enumerate(self.list.items) if isinstance(item, Finding)]
        if places:
            self.list.move_to(next((place for place in places if place > self.list.cursor), places[0]))

    def action_fix(self) -> None:
        """Plan the change that would mend the finding under the cursor; consent is asked as for any other."""
        finding = self.list.selected
        if not isinstance(finding, Finding):
            self.board.say("the cursor is not on a finding: n goes to the next one", "warn", "!")
            return
        self.board.change(lambda session: session.plan_fix(finding))
