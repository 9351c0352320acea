"""What the dialogs share: a scrolling text of painted lines, and a way out by esc or q."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.scroll_view import ScrollView
from textual.strip import Strip

from meshtui.tui.theme import drawn, palette
from meshtui.tui.widgets.paint import Line, width_of

Result = TypeVar("Result")


class LineText(ScrollView, can_focus=True):
    """Lines that can be scrolled, nothing more."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", show=False),
        Binding("up,k", "scroll_up", show=False),
        Binding("pagedown,space", "page_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("home,g", "scroll_home", show=False),
        Binding("end,G", "scroll_end", show=False),
    ]

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self.lines: Sequence[Line] = ()
        self.set_lines(lines)

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        self.lines = lines
        self.virtual_size = Size(max((width_of(line) for line in lines), default=1), max(1, len(lines)))
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are lines."""
        return max(1, len(self.lines))

    def render_line(self, y: int) -> Strip:
        """The line at screen row `y`."""
        at = y + self.scroll_offset.y
        line = self.lines[at] if at < len(self.lines) else ()
        full = palette(self.app.current_theme).strip(
            line, max(self.size.width, self.virtual_size.width), self.rich_style
        )
        return full.crop_extend(self.scroll_offset.x, self.scroll_offset.x + self.size.width, self.rich_style)


class Dialog(ModalScreen[Result]):
    """A modal screen with a framed box; esc and q leave it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Close", show=False)]
    TITLE = ""

    def entitle(self, title: str) -> Content:
        """A border title that is never read as markup."""
        return Content(drawn(title))

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
