"""A dialog that only shows lines: help, details, explanations."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from meshtui.core.text import clean
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line


class TextDialog(Dialog[None]):
    """Lines to read; esc closes."""

    AUTO_FOCUS = "LineText"

    def __init__(self, title: str, lines: Sequence[Line]) -> None:
        super().__init__()
        self.heading = clean(title, 120)
        self.lines = lines

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        with Vertical(classes="dialog") as box:
            box.border_title = self.entitle(self.heading)
            box.border_subtitle = self.entitle("esc closes")
            yield LineText(self.lines)
