"""The runs kept across restarts, newest first: what changed between them, and any two compared."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.errors import MeshtuiError
from meshtui.core.load.compare import compare
from meshtui.tui.board import Board
from meshtui.tui.load.runrows import before, comparison_lines, kept_lines
from meshtui.tui.ports import SessionPort
from meshtui.tui.services.rows import index_of_clusters
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span


class RunsDialog(Dialog[None]):
    """Space marks a run, enter compares the one under the cursor with it, else with the run before it."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", show=False),
        Binding("enter", "compare", show=False),
    ]

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.runs: list[dict[str, Any]] = []
        self.marked: int | None = None
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Read the runs off the event loop."""
        self._box.border_title = self.entitle("Runs")
        self._box.border_subtitle = self.entitle("space marks · enter compares · esc closes")
        self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        try:
            self.runs = await asyncio.to_thread(self.session.runs.read)
        except MeshtuiError as error:
            self.board.tell(error)
        self.refill()

    def refill(self) -> None:
        """Newest first."""
        tags = index_of_clusters(self.session.mesh)
        width = max(30, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {
            number: kept_lines(
                self.runs[number], before(self.runs, number), tags, width,
                utc=self.board.utc, marked=number == self.marked,
            )
            for number in range(len(self.runs) - 1, -1, -1)
        }  # fmt: skip
        self.list.fill(lines or {"none": [[Span(" nothing was run and kept yet", "dim")]]})
        self._box.border_title = self.entitle(f"Runs ─ {len(self.runs)} kept")

    def action_mark(self) -> None:
        """Mark the run under the cursor, or take the mark away."""
        at = self.list.selected
        if isinstance(at, int):
            self.marked = None if at == self.marked else at
            self.refill()

    def action_compare(self) -> None:
        """Compare, the older one on the left."""
        at = self.list.selected
        if not isinstance(at, int):
            return
        other: Any = self.runs[self.marked] if self.marked not in (None, at) else before(self.runs, at)
        if other is None:
            self.board.say("mark another run with space to compare with", "warn", "!")
            return
        older, newer = sorted((other, self.runs[at]), key=lambda run: run.get("started") or 0.0)
        width = max(40, self.list.scrollable_content_region.width - 2)
        self.board.show_details("Two runs", comparison_lines(compare(older, newer), width))
