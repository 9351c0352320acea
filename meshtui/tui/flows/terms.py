"""Builds a filter from the row under the cursor: choose a cell, show or exclude what is like it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.flows.filter import terms_of
from meshtui.core.flows.flow import FlowRow
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, fit, safe


class FlowTermsDialog(Dialog[str | None]):
    """Enter or a click adds the term, n or x its opposite. Answers with the term's text."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "take", show=False),
        Binding("n,x,exclamation_mark", "exclude", show=False),
    ]

    def __init__(self, row: FlowRow, cell: str = "") -> None:
        super().__init__()
        self.terms = terms_of(row)
        self.first = next((at for at, (_, term) in enumerate(self.terms) if term.partition(":")[0] == cell), 0)
        """The cell the cursor begins on."""
        self.list = ItemList()

    def compose(self) -> ComposeResult:
        """The cells in a frame."""
        box = Vertical(self.list, classes="dialog")
        box.border_title = self.entitle("Filter by this flow")
        box.border_subtitle = self.entitle("enter only these · n none of these · esc closes")
        yield box

    def on_mount(self) -> None:
        """Fill it."""
        lines: dict[Hashable, Sequence[Line]] = {
            at: [[Span(f" {fit(name, 24)} ", "dim"), Span(safe(term, 120))]]
            for at, (name, term) in enumerate(self.terms)
        }
        self.call_after_refresh(self._fill, lines)

    def _fill(self, lines: Mapping[Hashable, Sequence[Line]]) -> None:
        self.list.fill(lines)
        self.list.move_to(self.first)

    def _chosen(self) -> str:
        at = self.list.selected
        return self.terms[at][1] if isinstance(at, int) else ""

    def action_take(self) -> None:
        """Only these."""
        self.dismiss(self._chosen() or None)

    def action_exclude(self) -> None:
        """None of these."""
        term = self._chosen()
        self.dismiss(f"!{term}" if term else None)
