"""Chooses contexts of the kubeconfig: type to narrow the list down, tab marks, enter opens what is marked."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fnmatch import fnmatchcase
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from meshtui.mesh.targets import MOST, Choice
from meshtui.tui.theme import drawn
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, fit, safe


def narrowed(choices: Sequence[Choice], text: str) -> list[Choice]:
    """Those whose context, cluster, server or mesh has the words, or matches the pattern, of what was typed."""
    words = text.split()
    return [choice for choice in choices if all(_has(choice, word) for word in words)]


def _has(choice: Choice, word: str) -> bool:
    where = (choice.context, choice.cluster, choice.server, *choice.meshes)
    if any(char in word for char in "*?["):
        return any(fnmatchcase(text, word) for text in where)
    return any(word.casefold() in text.casefold() for text in where)


class ContextPicker(Dialog[tuple[str, ...]]):
    """Gives the contexts chosen, in the kubeconfig's order; nothing when it is left by esc."""

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

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.choices = choices
        self.marked: set[str] = set()
        self.list = ItemList()
        self.list.can_focus = False
        self.told = LineText([])
        self.told.can_focus = False
        self.input = Input(placeholder=drawn("type to narrow down: prod, eu-*, a mesh's name"), select_on_focus=False)
        self._box = Vertical(self.input, self.told, self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """What is typed, how many are marked, the contexts."""
        yield self._box

    def on_mount(self) -> None:
        """List them all."""
        self._box.border_title = self.entitle(f"{len(self.choices)} contexts: which ones?")
        self._box.border_subtitle = self.entitle("tab marks · enter opens · ^a marks all listed · esc leaves")
        self.call_after_refresh(self._fill)

    def on_input_changed(self) -> None:
        """Narrow the list down."""
        self._fill()

    def _fill(self) -> None:
        shown = narrowed(self.choices, self.input.value)
        width = max(30, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {choice: [self._line(choice, width)] for choice in shown}
        self.list.fill(lines or {"none": [[Span(" no context has that", "warn")]]})
        count = len(self.marked)
        words = f" {count} marked" if count else " none marked: enter opens the one under the cursor"
        much = [Span(f" · more than {MOST} are hard to read", "warn")] if count > MOST else []
        self.told.set_lines([[Span(words, "dim"), *much]])

    def _line(self, choice: Choice, width: int) -> Line:
        mark = Span(f" {status.OK} " if choice.context in self.marked else "   ", "ok")
        name = Span(f"{fit(safe(choice.context, 120), max(20, width // 3))} ", "strong" if choice.current else "")
        meshes = f"  mesh {', '.join(choice.meshes)}" if choice.meshes else ""
        current = "  current" if choice.current else ""
        return [mark, name, Span(safe(choice.server, 120), "dim"), Span(safe(meshes, 60), "info"), Span(current, "key")]

    def action_go(self, step: int) -> None:
        """Move the cursor."""
        self.list.move_to(self.list.cursor + step)

    def action_mark(self) -> None:
        """Mark the context under the cursor, or unmark it, and go on."""
        at = self.list.selected
        if isinstance(at, Choice):
            self.marked ^= {at.context}
            self._fill()
            self.list.move_to(self.list.cursor + 1)

    def action_mark_all(self) -> None:
        """Mark all that are listed; when all of them are, unmark them."""
        listed = {choice.context for choice in narrowed(self.choices, self.input.value)}
        self.marked = self.marked - listed if listed <= self.marked else self.marked | listed
        self._fill()

    def on_input_submitted(self) -> None:
        """Open what is marked, else what is under the cursor."""
        at = self.list.selected
        chosen = self.marked or ({at.context} if isinstance(at, Choice) else set())
        if chosen:
            self.dismiss(tuple(choice.context for choice in self.choices if choice.context in chosen))
