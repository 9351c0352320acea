"""The mouse in the Flows pane: cells become filter terms, columns' names order; and the line that stays on top."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.geometry import Region

from meshtui.core.flows.filter import terms_of
from meshtui.core.flows.flow import FlowRow
from meshtui.tui.widgets.paint import safe, span_at
from meshtui.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from meshtui.tui.flows.pane import FlowsPane

_RIGHT = 3


class FlowCells(Pane):
    """Clicks, and the first item of the sums as a heading: it stays on top and the cursor passes it over."""

    kind = "events"
    picked: tuple[str, str] = "", ""
    """Uuid of the flow and key of the cell that were clicked last."""

    @property
    def headed(self) -> bool:
        """Whether the first item is a heading."""
        return self.kind == "sums" and bool(self.items)

    def _shown(self, y: int) -> int:
        return -self.scroll_offset.y if y == 0 and self.headed else y

    def row_key(self, y: int) -> tuple[Hashable, Hashable] | None:
        """As any list, but the heading is always in the first row."""
        return super().row_key(self._shown(y))

    def paint(self, y: int, base: Any) -> Any:
        """As any list, but the heading is always in the first row."""
        return super().paint(self._shown(y), base)

    def keep_in_sight(self) -> None:
        """Not behind the heading either."""
        if not self.headed:
            super().keep_in_sight()
        elif self.cursor < len(self.items):
            at = Region(0, max(0, self.top_of(self.cursor) - 1), 1, 2)
            self.scroll_to_region(at, animate=False, immediate=True, force=True)

    def on_click(self, event: events.Click) -> None:
        """A column's name orders; a cell clicked twice is a filter, clicked with alt, ctrl or right excludes."""
        at = event.get_content_offset(self)
        if at is None:
            return
        line = at.y + (0 if self.headed and at.y == 0 else self.scroll_offset.y)
        if not 0 <= line < self.total:
            return
        index, part = self.locate(line)
        lines = self._lines(index, self.scrollable_content_region.width)
        found = span_at(lines[part], at.x) if part < len(lines) else None
        cell = found.cell if found else ""
        if self.headed and index == 0:
            event.prevent_default()
            if cell:
                cast("FlowsPane", self).order_by(cell)
        elif self._pick(self.items[index], cell, exclude=event.ctrl or event.meta or event.button == _RIGHT):
            event.prevent_default()

    def _pick(self, item: Hashable, cell: str, *, exclude: bool) -> bool:
        """Filter by a cell, or say how to; whether the filter was changed."""
        pane = cast("FlowsPane", self)
        row = pane.looked.row_of(item) if pane.looked is not None else None
        term = term_of(row, cell) if row is not None else ""
        if row is None or not term:
            self.picked = "", ""
            return False
        clicked, before = (row.uuid, cell), self.picked
        self.picked = clicked
        if not exclude and clicked != before:
            pane.dashboard.say(f"{safe(term, 80)} · click again: only these · alt or right click: none of these", "dim")
            return False
        pane.add_term(f"!{term}" if exclude else term)
        return True


def term_of(row: FlowRow, cell: str) -> str:
    """The filter term for a cell of a row; empty when there is none."""
    return next((term for _, term in terms_of(row) if term.partition(":")[0] == cell), "")
