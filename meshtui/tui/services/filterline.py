"""The services' filter line: narrows the list while one types, says what is wrong, brings back former filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input

from meshtui.core.errors import UsageError
from meshtui.core.savedfilters import offers, taken
from meshtui.core.services.filter import HELP
from meshtui.tui.theme import drawn
from meshtui.tui.widgets.dialog import LineText
from meshtui.tui.widgets.paint import Line, Span, fit, safe
from meshtui.tui.widgets.saved import offer_lines, saved_hint

PAUSE = 0.15
"""Seconds after the last key before the list is narrowed down: thousands of rows are sorted anew."""


class FilterHistory:
    """Filters asked before, newest last, each once."""

    def __init__(self, most: int = 50) -> None:
        self.texts: list[str] = []
        self._most = most

    def add(self, text: str) -> None:
        """Remember a filter that was taken."""
        if text:
            self.texts = [*(old for old in self.texts if old != text), text][-self._most :]

    def older(self, at: int, step: int) -> tuple[int, str]:
        """The place `step` further back (negative: further on) and its text; past the newest stands nothing."""
        at = max(0, min(len(self.texts), at + step))
        return at, self.texts[len(self.texts) - at] if at else ""


class ServicesFilter(ModalScreen[str | None]):
    """Enter takes the filter, up and down bring back former ones, esc leaves the one there was."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("up", "history(1)", show=False, priority=True),
        Binding("down", "history(-1)", show=False, priority=True),
        Binding("tab", "complete", show=False, priority=True),
    ]

    def __init__(
        self,
        value: str,
        check: Callable[[str], None],
        live: Callable[[str], None],
        history: FilterHistory,
        saved: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.before = value
        self.check = check
        self.live = live
        self.history = history
        self.saved = saved
        self.chosen = 0
        """Which of the saved filters offered tab takes."""
        self._at = 0
        self._timer: Timer | None = None
        self.told = LineText([])
        self.told.can_focus = False
        self.input = Input(value, placeholder=drawn("name, ns: cluster: missing: ann: is: type: port:, ! for not"),
                           id="filter", select_on_focus=False)  # fmt: skip

    def compose(self) -> ComposeResult:
        """What can be typed, and what is wrong with it, above the input."""
        yield self.told
        yield self.input

    def on_mount(self) -> None:
        """Show what can be typed."""
        self._tell()

    def on_input_changed(self) -> None:
        """Judge at once, narrow down when the typing pauses."""
        self.chosen = 0
        self._tell()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self._narrow)

    def _problem(self) -> UsageError | None:
        try:
            self.check(self.input.value)
        except UsageError as error:
            return error
        return None

    def _narrow(self) -> None:
        """What cannot be understood narrows nothing, nor does the half of it that could be a moment ago."""
        self.live(self.input.value if self._problem() is None else self.before)

    def _tell(self) -> None:
        lines: list[Line] = []
        if not self.input.value.strip():
            lines = [[Span(f" {fit(term, 32)} ", "key"), Span(meaning, "dim")] for term, meaning in HELP]
            lines += [saved_hint(self.saved)] if self.saved else []
        offered = self.offers
        lines += offer_lines(offered, self.chosen)
        problem = self._problem()
        if problem is not None and offered:
            pass  # a name half typed is no mistake yet
        elif problem is not None:
            hint = f" → {problem.hint}" if problem.hint else ""
            lines.append([Span(f" ✗ {safe(problem.title, 160)}", "bad"), Span(safe(hint, 200), "dim")])
        elif self.history.texts:
            lines.append([Span(" ↑ brings back former filters", "dim")])
        self.told.set_lines(lines)

    @property
    def offers(self) -> list[tuple[str, str]]:
        """Saved filters that go on with what is typed."""
        return offers(self.input.value, self.saved, self.check)

    def action_complete(self) -> None:
        """Take the saved filter chosen."""
        if offered := self.offers:
            self.input.value = taken(self.input.value, offered[self.chosen % len(offered)][0])
            self.input.cursor_position = len(self.input.value)

    def action_history(self, step: int) -> None:
        """A former filter, or a newer one again; where saved ones are offered, another of those."""
        if offered := self.offers:
            self.chosen = (self.chosen - step) % len(offered)
            self._tell()
            return
        self._at, text = self.history.older(self._at, step)
        self.input.value = text
        self.input.cursor_position = len(text)

    def on_input_submitted(self) -> None:
        """Take it when it is understood; otherwise text and problem stay."""
        if self._problem() is None:
            self.history.add(self.input.value.strip())
            self.dismiss(self.input.value)
        else:
            self._narrow()

    def action_leave(self) -> None:
        """The filter there was is in force again."""
        self.live(self.before)
        self.dismiss(None)
