"""The command line: `:` goes to places and finds commands; what changes a cluster must be chosen or typed in full."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from meshtui.tui.palette.entries import Entry, found
from meshtui.tui.palette.going import WORDS, Going, Place, completions, going
from meshtui.tui.theme import drawn
from meshtui.tui.widgets.dialog import LineText
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, fit, safe

_TITLE, _KEY = 36, 8
"""Cells for a command's name and for its key."""

Answer = Going | Entry


class CommandLine(ModalScreen[Answer | None]):
    """Enter goes or runs, the arrows choose, tab completes, esc leaves."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("down", "choose(1)", show=False, priority=True),
        Binding("up", "choose(-1)", show=False, priority=True),
        Binding("pagedown", "choose(10)", show=False, priority=True),
        Binding("pageup", "choose(-10)", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(
        self,
        entries: Sequence[Entry],
        namespaces: Sequence[str],
        contexts: Sequence[str],
    ) -> None:
        super().__init__()
        self.entries = list(entries)
        self.namespaces = namespaces
        self.contexts = contexts
        self.chosen = False
        """Whether the arrows were used: then enter means the line under the cursor."""
        self.shown: list[Entry] = []
        self.list = ItemList()
        self.list.can_focus = False
        self.told = LineText([])
        self.told.can_focus = False
        self.input = Input(placeholder=drawn("svc · ns NAME · flows · pol · load · find, or a command"), id="command",
                           select_on_focus=False)  # fmt: skip

    def compose(self) -> ComposeResult:
        """What is typed, what it means, what there is."""
        with Vertical(classes="dialog", id="commandline"):
            yield self.input
            yield self.told
            yield self.list

    def on_mount(self) -> None:
        """List everything."""
        self.call_after_refresh(self._list)

    def add(self, entries: Sequence[Entry]) -> None:
        """More that can be chosen, found out meanwhile."""
        self.entries = [*entries, *self.entries]
        if self.is_attached:
            self._list()

    def on_key(self, event: events.Key) -> None:
        """What is typed before the input has the focus is not lost: only then does a letter come here."""
        if event.character and event.is_printable:
            self.input.insert_text_at_cursor(event.character)
            event.stop()

    def on_input_changed(self) -> None:
        """Find again."""
        self.chosen = False
        self._list()

    def _going(self) -> Going | None:
        return going(self.input.value, self.namespaces, self.contexts)

    def _list(self) -> None:
        self.shown = found(self.entries, self.input.value)
        self.list.cursor = 0 if not self.chosen else self.list.cursor
        width = self.list.scrollable_content_region.width or 60
        lines: dict[Hashable, Sequence[Line]] = {entry: [self._line(entry, width)] for entry in self.shown}
        self.list.fill(lines)
        self.told.set_lines([self._meaning()])

    def _line(self, entry: Entry, width: int) -> Line:
        role = "warn" if entry.changes else ""
        mark = "! " if entry.changes else "  "
        head = [Span(f" {fit(entry.key, _KEY)}", "key"), Span(mark, "warn"), Span(fit(entry.title, _TITLE), role)]
        return [*head, Span(fit(f" {entry.help}", max(0, width - _KEY - _TITLE - 4)), "dim")]

    def _meaning(self) -> Line:
        where = self._going()
        if where is not None and where.problem:
            return [Span(f" ✗ {safe(where.problem, 200)}", "bad")]
        if where is not None:
            to = f"{where.place.value} {safe(where.argument, 60)}".strip()
            return [Span(" ⏎ ", "key"), Span(f"goes to {to}" if where.place is not Place.QUIT else to, "ok")]
        entry = self._meant()
        if entry is not None:
            asks = " (asks first where its key would)" if entry.changes else ""
            return [Span(" ⏎ ", "key"), Span(f"runs {entry.title}{asks}", "warn" if entry.changes else "ok")]
        if not self.input.value.strip():
            words = "  ".join(words[0] for words in WORDS.values())
            return [Span(" go to  ", "dim"), Span(words, "key"), Span("   ↓ chooses a command", "dim")]
        if self.shown:
            return [Span(" ↓ chooses one of these: a change runs only when it is chosen or typed in full", "dim")]
        return [Span(" nothing has that name", "warn")]

    def _meant(self) -> Entry | None:
        """What enter would run: the line chosen, the one typed in full, else the best that changes nothing."""
        if self.chosen:
            at = self.list.selected
            return at if isinstance(at, Entry) else None
        text = " ".join(self.input.value.split())
        if not text:
            return None
        full = [entry for entry in self.shown if entry.named(text)]
        if full:
            return full[0]
        first = self.shown[0] if self.shown else None
        return first if first is not None and not first.changes else None

    def on_input_submitted(self) -> None:
        """Go or run; a line that means nothing stays."""
        where = None if self.chosen else self._going()
        if where is not None:
            if not where.problem:
                self.dismiss(where)
            return
        entry = self._meant()
        if entry is not None:
            self.dismiss(entry)

    def action_choose(self, step: int) -> None:
        """Move the choice; the first arrow chooses the first line."""
        if not self.shown:
            return
        target = 0 if not self.chosen and step > 0 else self.list.cursor + step
        self.chosen = True
        self.list.move_to(max(0, min(len(self.shown) - 1, target)))
        self.told.set_lines([self._meaning()])

    def action_complete(self) -> None:
        """Complete a place's word or a name; else the title of the first entry."""
        offers = completions(self.input.value, self.namespaces, self.contexts)
        at = self.list.selected
        text = offers[0] if offers else at.title if isinstance(at, Entry) else ""
        if text:
            self.input.value = text if " " in text or not offers else f"{text} "
            self.input.cursor_position = len(self.input.value)

    def action_leave(self) -> None:
        """Close without doing anything."""
        self.dismiss(None)
