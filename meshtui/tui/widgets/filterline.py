"""One line at the bottom to type a filter into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input

from meshtui.tui.widgets.dialog import LineText
from meshtui.tui.widgets.paint import Span, fit


class FilterDialog(ModalScreen[str | None]):
    """Enter takes the filter, esc leaves the old one."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, value: str, placeholder: str, examples: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__()
        self.value = value
        self.placeholder = placeholder
        self.examples = examples

    def compose(self) -> ComposeResult:
        """What can be typed, above the input."""
        if self.examples:
            lines = [[Span(f" {fit(term, 32)} ", "key"), Span(meaning, "dim")] for term, meaning in self.examples]
            yield LineText(lines)
        yield Input(self.value, placeholder=self.placeholder, id="filter", select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Leave the old one."""
        self.dismiss(None)
