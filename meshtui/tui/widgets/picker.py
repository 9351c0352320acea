"""A list to choose from: type to narrow it down, tab marks, enter takes what is marked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from meshtui.tui.theme import drawn
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span


class Picker(Dialog[tuple[str, ...]]):
    """Gives the names chosen, in their order; None when it is left by esc. A subclass says what stands in a line."""

    AUTO_FOCUS: ClassVar[str] = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("down", "go(1)", show=False, priority=True),
        Binding("up", "go(-1)", show=False, priority=True),
        Binding("pagedown", "go(10)", show=False, priority=True),
        Binding("pageup", "go(-10)", show=False, priority=True),
        Binding("tab", "mark", "Mark", show=False, priority=True),
        Binding("ctrl+a", "mark_all", "Mark all that are listed", show=False, priority=True),
    ]

    def __init__(self, names: Sequence[str], *, kind: str, heading: str, verb: str, placeholder: str) -> None:
        super().__init__()
        self.names = names
        self.kind, self.verb = kind, verb
        self.marked: set[str] = set()
        self.list = ItemList()
        self.list.can_focus = False
        self.told = LineText([])
        self.told.can_focus = False
        self.input = Input(placeholder=drawn(placeholder), select_on_focus=False)
        self._box = Vertical(self.input, self.told, self.list, classes="dialog -tall")
        self._box.border_title = self.entitle(heading)
        self._box.border_subtitle = self.entitle(f"tab marks · enter {verb} · ^a marks all listed · esc leaves")

    def narrowed(self, text: str) -> list[str]:
        """The names listed for what was typed."""
        raise NotImplementedError

    def line(self, name: str, width: int) -> Line:
        """What stands behind the mark."""
        raise NotImplementedError

    def warning(self, count: int) -> str:
        """What there is to say of so many marked ones."""
        return ""

    def compose(self) -> ComposeResult:
        """What is typed, how many are marked, the names."""
        yield self._box

    def on_mount(self) -> None:
        """List them all."""
        self.call_after_refresh(self._fill)

    def on_input_changed(self) -> None:
        """Narrow the list down."""
        self._fill()

    def _fill(self) -> None:
        width = max(30, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {
            name: [self._line(name, width)] for name in self.narrowed(self.input.value)
        }
        self.list.fill(lines or {None: [[Span(f" no {self.kind} has that", "warn")]]})
        count = len(self.marked)
        words = f" {count} marked" if count else f" none marked: enter {self.verb} the one under the cursor"
        warning = self.warning(count)
        self.told.set_lines([[Span(words, "dim"), *([Span(f" · {warning}", "warn")] if warning else [])]])

    def _line(self, name: str, width: int) -> Line:
        return [Span(f" {status.OK} " if name in self.marked else "   ", "ok"), *self.line(name, width)]

    @property
    def selected(self) -> str | None:
        """The name under the cursor."""
        found = self.list.selected
        return found if isinstance(found, str) else None

    def action_go(self, step: int) -> None:
        """Move the cursor."""
        self.list.move_to(self.list.cursor + step)

    def action_mark(self) -> None:
        """Mark the name under the cursor, or unmark it, and go on."""
        if self.selected is not None:
            self.marked ^= {self.selected}
            self._fill()
            self.list.move_to(self.list.cursor + 1)

    def action_mark_all(self) -> None:
        """Mark all that are listed; when all of them are, unmark them."""
        listed = set(self.narrowed(self.input.value))
        self.marked = self.marked - listed if listed <= self.marked else self.marked | listed
        self._fill()

    def on_input_submitted(self) -> None:
        """Take what is marked, else what is under the cursor."""
        chosen = self.marked or ({self.selected} if self.selected is not None else set())
        if chosen:
            self.dismiss(tuple(name for name in self.names if name in chosen))
