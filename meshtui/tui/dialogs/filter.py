"""One line at the bottom to type a filter into."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Input


class FilterDialog(ModalScreen[str | None]):
    """Enter takes the filter, esc leaves the old one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, value: str, placeholder: str) -> None:
        super().__init__()
        self.value = value
        self.placeholder = placeholder

    def compose(self) -> ComposeResult:
        """The input."""
        yield Input(self.value, placeholder=self.placeholder, id="filter", select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take it."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Leave the old one."""
        self.dismiss(None)
