"""One policy in full: its state, whom it selects, its flows, the difference between clusters, its writers, its YAML."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import Vertical

from meshtui.core.changes.difference import between
from meshtui.core.changes.policies import recent
from meshtui.core.flows.flow import FlowRow, PolicyRef
from meshtui.core.model.manifest import as_manifest, writers
from meshtui.core.policy.evidence import evidence
from meshtui.core.policy.overview import PolicyRow, PolicyState
from meshtui.mesh.describe import Description
from meshtui.tui.board import Board
from meshtui.tui.describe.rows import document_lines
from meshtui.tui.policies import rows
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line, Span, safe, tag


class PolicyDetail(Dialog[None]):
    """Read from every cluster that has it; the words come first, the YAML last."""

    AUTO_FOCUS = "LineText"

    def __init__(self, board: Board, session: SessionPort, row: PolicyRow) -> None:
        super().__init__()
        self.board, self.session, self.row = board, session, row
        self.read: dict[str, Description] = {}
        self.told = LineText(())
        self._box = Vertical(self.told, classes="dialog -whole")

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        self._box.border_title = self.entitle(f"{self.row.resource.kind} {safe(self.row.text, 80)}")
        self._box.border_subtitle = self.entitle("↑↓ scroll · esc closes")
        yield self._box

    def on_mount(self) -> None:
        """Show what is known, and ask the API servers for the rest."""
        self.call_after_refresh(self.refill)
        self.run_worker(self._ask(), exclusive=True, exit_on_error=False)

    def on_resize(self) -> None:
        """Lines depend on the width."""
        self.refill()

    async def _ask(self) -> None:
        row, reader = self.row, self.session.reader
        contexts = [cell.context for cell in row.there]
        asked = (reader.describe(context, row.resource, row.namespace, row.name) for context in contexts)
        self.read = dict(zip(contexts, await asyncio.gather(*asked), strict=True))
        self.refill()

    def refill(self) -> None:
        """All lines."""
        width = max(40, self.told.size.width)
        mesh = self.session.mesh
        lines = rows.details(mesh, self.row, width, self.board.clock.now())
        lines += [(), *rows.pods(mesh, self.row, width)]
        found = evidence(self.row, recent(self.session.flows), self._explained)
        lines += [(), *rows.flows(found, width), *self._differences()]
        for cell in self.row.there:
            lines += [(), *self._document(cell.context)]
        self.told.set_lines(lines)

    def _explained(self, flow: FlowRow) -> Iterable[PolicyRef]:
        told = self.board.flows.explain(flow)
        return told.policies if told is not None else ()

    def _differences(self) -> list[Line]:
        """What each cluster that says something else says."""
        usual = next((cell for cell in self.row.cells if cell.stand is PolicyState.PRESENT), None)
        lines: list[Line] = []
        for cell in self.row.cells:
            if usual is None or cell.stand is not PolicyState.DIFFERS:
                continue
            lines += [(), [Span(f" {safe(usual.cluster)} → {safe(cell.cluster)}", "strong")]]
            lines += rows.changed(between(self._manifest(usual.context), self._manifest(cell.context)))
        return lines

    def _manifest(self, context: str) -> dict[str, object] | None:
        resource = self.row.resource
        return as_manifest(resource, self.session.mesh.clusters[context].of(resource).get(self.row.text))

    def _document(self, context: str) -> list[Line]:
        cluster = self.session.mesh.clusters[context]
        title: Line = [tag(cluster.tag, cluster.index, bracket=True), Span(f" {safe(cluster.name)}", "strong")]
        found = self.read.get(context)
        if found is None:
            return [title, [Span(f" {status.WAITING} reading", "dim")]]
        if found.error is not None:
            return [title, *status.error_lines(found.error, max(40, self.told.size.width))]
        by: list[Line] = [
            [Span(" applied by ", "dim"), Span(safe(w.manager, 60), "info"), Span(f"  {safe(w.time, 30)}", "dim")]
            for w in writers(found.document)
            if not w.subresource
        ]
        return [title, *by, *document_lines(found.document)]
