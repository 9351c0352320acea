"""A list inside a dialog whose items are some lines each; the cursor moves from item to item."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line


class ItemList(LineView):
    """Shows a mapping of items to their lines."""

    rests = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "go('down')", show=False),
        Binding("up,k", "go('up')", show=False),
        Binding("pagedown", "go('page_down')", show=False),
        Binding("pageup", "go('page_up')", show=False),
        Binding("home,g", "go('top')", show=False),
        Binding("end,G", "go('bottom')", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.lines: Mapping[Hashable, Sequence[Line]] = {}

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """The lines given for an item."""
        return self.lines.get(key, ())

    def fill(self, lines: Mapping[Hashable, Sequence[Line]]) -> None:
        """Show these; the cursor stays on its item if that is still among them."""
        self.lines = lines
        self.show(list(lines), [len(told) for told in lines.values()])

    def action_go(self, where: str) -> None:
        """Move the cursor."""
        getattr(self, f"do_{where}")()
