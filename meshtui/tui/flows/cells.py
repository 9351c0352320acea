"""The mouse on a flow's cells: which filter term a click means, and when it takes effect."""

from __future__ import annotations

from typing import NamedTuple

from meshtui.core.flows.filter import terms_of
from meshtui.core.flows.flow import FlowRow
from meshtui.tui.widgets.paint import safe


class Pick(NamedTuple):
    """What a click on a cell asks for: a term to filter by now, or words on what a second click would do."""

    term: str = ""
    words: str = ""


class CellPicker:
    """Remembers the cell clicked last: the second click on it filters, so that one click never hides anything."""

    def __init__(self) -> None:
        self.picked = "", ""
        """Uuid of the flow and key of the cell."""

    def pick(self, row: FlowRow | None, cell: str, *, exclude: bool) -> Pick:
        """A click on a cell of a row; `exclude`: none of these rather than only these."""
        term = term_of(row, cell) if row is not None else ""
        if row is None or not term:
            self.picked = "", ""
            return Pick()
        clicked, before = (row.uuid, cell), self.picked
        self.picked = clicked
        if not exclude and clicked != before:
            words = f"{safe(term, 80)} · click again: only these · alt or right click: none of these"
            return Pick(words=words)
        return Pick(f"!{term}" if exclude else term)


def term_of(row: FlowRow, cell: str) -> str:
    """The filter term for a cell of a row; empty when there is none."""
    return next((term for _, term in terms_of(row) if term.partition(":")[0] == cell), "")
