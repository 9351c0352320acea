"""What the dialogs share: a scrolling text of painted lines, and a way out by esc or q."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen, Screen
from textual.scroll_view import ScrollView
from textual.strip import Strip

from meshtui.tui.theme import drawn, palette
from meshtui.tui.widgets.paint import Line, Span, width_of

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


def _own(dialog: Screen[Any], active: ActiveBinding) -> bool:
    """Whether a key is a dialog's own, and not what every dialog or list has."""
    common = active.binding.action in ("leave", "keys", "screen.keys", "screen.leave")
    return active.node is dialog and not common and not active.binding.action.startswith("app.focus")


class Dialog(ModalScreen[Result]):
    """A modal screen with a framed box; esc and q leave it without an answer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Close", show=False),
        Binding("question_mark,f1", "keys", "The keys that work here", show=False),
    ]
    TITLE = ""

    def entitle(self, title: str) -> Content:
        """A border title that is never read as markup."""
        return Content(drawn(title))

    def action_keys(self) -> None:
        """The keys that work here, in a dialog of their own."""
        if not isinstance(self, KeysDialog):
            self.app.push_screen(KeysDialog(self._keys()))

    def _keys(self) -> list[Line]:
        told: dict[str, list[str]] = {}
        # Its own first: moving and leaving are the same everywhere.
        for key, active in sorted(self.active_bindings.items(), key=lambda each: not _own(self, each[1])):
            if active.node is self.app:
                continue
            words = active.binding.description or active.binding.action.partition("(")[0].replace("_", " ")
            told.setdefault(words, []).append(key)
        return [[Span(f" {' '.join(keys):<18} ", "key"), Span(words)] for words, keys in told.items()]

    def action_leave(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class KeysDialog(Dialog[None]):
    """The keys of the dialog beneath it."""

    AUTO_FOCUS = "LineText"

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        """The keys in a frame."""
        with Vertical(classes="dialog") as box:
            box.border_title = self.entitle("Keys here")
            box.border_subtitle = self.entitle("esc closes")
            yield LineText(self.lines)
