"""What stands beside the panes on a large screen: everything known of what is under the cursor, kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.timer import Timer

from meshtui.core.text import clean
from meshtui.tui.theme import drawn
from meshtui.tui.widgets.dialog import LineText
from meshtui.tui.widgets.paint import Line, Span, wrapped_spans

PAUSE = 0.12
"""Seconds after the cursor moved until its details are made: a key that is held down does not wait for them."""
EVERY = 1.0
"""Seconds between two looks at the same thing: ages pass, and what changed shows."""


class Details(NamedTuple):
    """What there is to say of one thing."""

    title: str
    lines: Sequence[Line]


@runtime_checkable
class TellsMore(Protocol):
    """A pane, or its commands, that knows more of what is under the cursor than a line."""

    def beside(self, width: int) -> Details | None:
        """Everything known of it without asking anybody, in `width` cells; None when the cursor is on nothing."""
        ...


class Beside(Vertical):
    """Shown where the screen is wide enough (see the style sheet); made again shortly after the cursor moved."""

    def __init__(self, tell: Callable[[int], Details | None]) -> None:
        super().__init__(id="beside")
        self.tell = tell
        self.text = LineText([])
        self.text.can_focus = False
        self._title = ""
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The text; the frame is our own."""
        yield self.text

    def on_mount(self) -> None:
        """Look again as time passes."""
        self.set_interval(EVERY, self.look)

    def on_show(self) -> None:
        """There is room now."""
        self.soon()

    def soon(self) -> None:
        """Look again, when the cursor rests."""
        if not self.display or not self.is_attached:
            return
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(PAUSE, self.look)

    def look(self) -> None:
        """Say what is known now."""
        width = self.text.scrollable_content_region.width
        if width <= 0 or not self.display:
            return
        told = self.tell(width)
        title = clean(told.title, 120) if told is not None else "Details"
        lines = list(told.lines) if told is not None else [[Span(" nothing is under the cursor", "dim")]]
        if title != self._title:
            self._title = title
            self.border_title = Content(drawn(title))
            self.text.scroll_to(y=0, animate=False)
        height = self.text.scrollable_content_region.height
        shown = [part for line in lines for part in wrapped_spans(line, width, indent=6)]
        more = f"{len(shown) - height} lines more: enter, or the mouse's wheel" if len(shown) > height > 0 else ""
        self.border_subtitle = Content(drawn(more))
        if shown != self.text.lines:
            self.text.set_lines(shown)
