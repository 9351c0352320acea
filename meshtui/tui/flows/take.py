"""What the Flows pane's keys take out of it: search, copies, an export."""

from __future__ import annotations

import time
from pathlib import Path

from meshtui.core.flows.flow import FlowRow
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.flows.views.events import find

_SEARCH_PORTION = 300


class FlowTake:
    """Search, copy and export."""

    def __init__(self, pane: FlowsPane) -> None:
        self.pane = pane

    def do_search(self) -> None:
        """Ask for words to look for."""
        from meshtui.tui.widgets.filterline import FilterDialog

        pane = self.pane

        def take(text: str | None) -> None:
            if text is not None:
                pane.sought = text.strip().lower()
                self.do_next_match()

        pane.app.push_screen(FilterDialog(pane.sought, "words to look for in the flows shown; n and N go on"), take)

    def do_next_match(self) -> None:
        """To the next flow with the words, further down."""
        self.pane.run_worker(self._find(1), group="search", exclusive=True, exit_on_error=False)

    def do_previous_match(self) -> None:
        """To the one before, further up."""
        self.pane.run_worker(self._find(-1), group="search", exclusive=True, exit_on_error=False)

    async def _find(self, step: int) -> None:
        """Look through the items by portions, once around."""
        from asyncio import sleep

        from meshtui.tui.flows.text import searchable

        pane = self.pane
        if not pane.sought:
            pane.dashboard.say("F asks for the words to look for", "dim", "·")
            return
        items, start = pane.items, pane.cursor
        listing = pane.listing
        for walked in range(1, len(items) + 1):
            at = (start + step * walked) % len(items)
            rows = listing.rows_of(items[at]) if listing is not None else []
            if any(pane.sought in searchable(row) for row in rows):
                # Others may have come meanwhile: the row is where its time puts it now.
                pane.move_to(find(pane.items, items[at], at) if pane.kind == "events" else at)
                pane.following = False
                return
            if walked % _SEARCH_PORTION == 0:
                await sleep(0)
        pane.dashboard.say(f"{pane.sought!r} is in none of the {len(items):,} lines", "warn", "!")

    def do_copy_json(self) -> None:
        """Copy the flow as JSON: a line for each event of the item."""
        from meshtui.tui.flows.text import as_json

        self._copy("\n".join(map(as_json, self.pane.rows)))

    def do_copy_command(self) -> None:
        """Copy the `hubble observe` command: of the flow under the cursor."""
        from meshtui.tui.flows.text import as_command

        if self.pane.row is not None:
            self._copy(as_command(self.pane.row))

    def _copy(self, text: str) -> None:
        from meshtui.tui.clipboard import copy

        if text:
            self.pane.dashboard.say(copy(self.pane.app, text), "dim", "·")

    def do_export(self) -> None:
        """Ask for a file and write what is shown into it."""
        from meshtui.tui.widgets.filterline import FilterDialog

        pane = self.pane
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(pane.dashboard.clock.now()))

        def take(text: str | None) -> None:
            if text and text.strip() and pane.view is not None:
                pane.run_worker(
                    self._export(Path(text.strip()), pane.view.events()), group="export", exit_on_error=False
                )

        pane.app.push_screen(FilterDialog(f"flows-{stamp}.jsonl", "file for the flows shown, as JSON lines"), take)

    async def _export(self, path: Path, rows: list[FlowRow]) -> None:
        from asyncio import to_thread

        from meshtui.tui.flows.text import write_jsonl

        say = self.pane.dashboard.say
        say(f"writing {len(rows):,} flows to {path}", "dim", "·")
        try:
            written = await to_thread(write_jsonl, path, rows)
        except OSError as error:
            say(f"{path}: {error.strerror or error}", "bad", "✗")
            return
        say(f"{written:,} flows in {path}")
