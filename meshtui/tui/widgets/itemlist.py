"""A list inside a dialog whose items are some lines each; the cursor moves from item to item."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.tui import commands as c
from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line

_MOVES = [c.BY_ID[f"move.{name}"] for name in ("down", "up", "page-down", "page-up", "top", "bottom")]
"""The registry's, so that a person who maps them anew has them in every list."""


class ItemList(LineView):
    """Shows a mapping of items to their lines."""

    rests = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(move.keys), f"go({move.method!r})", move.title, show=False, id=move.id) for move in _MOVES
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
