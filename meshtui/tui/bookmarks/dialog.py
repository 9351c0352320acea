"""The list of bookmarks: enter or a digit goes there, x deletes, u takes that back."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.core.bookmarks import Bookmark
from meshtui.core.errors import MeshtuiError
from meshtui.mesh.bookmarks import BookmarkFile
from meshtui.tui.widgets import status
from meshtui.tui.widgets.livelist import ListDialog
from meshtui.tui.widgets.paint import Line, Span, clip, fit, safe

_NAME = 30
"""Cells of a name."""
_DIGITS = 9


class BookmarksDialog(ListDialog[Bookmark | None]):
    """Answers with the bookmark to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Go there", show=False),
        Binding("x,delete,backspace", "remove", "Delete", show=False),
        Binding("u", "undo", "Bring back what was deleted", show=False),
        *(Binding(str(n), f"pick({n})", "Go to the one of that number", show=False) for n in range(1, _DIGITS + 1)),
    ]

    def __init__(self, file: BookmarkFile, keep_key: str, tell: Callable[[MeshtuiError], None]) -> None:
        super().__init__()
        self.file = file
        self.keep_key = keep_key
        self.tell = tell
        self.marks: list[Bookmark] = []
        self.removed: list[Bookmark] = []
        self.problem: MeshtuiError | None = None

    def refill(self) -> None:
        """Show what is kept."""
        try:
            self.marks, self.problem = self.file.read(), None
        except MeshtuiError as error:
            self.marks, self.problem = [], error
        width = max(20, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {}
        for number, mark in enumerate(self.marks, 1):
            key = str(number) if number <= _DIGITS else ""
            line = [
                Span(f" {key:<3}", "key"),
                Span(fit(safe(mark.name), _NAME), "strong"),
                Span(f" {mark.words}", "dim"),
            ]
            lines[mark] = [clip(line, width)]
        if self.problem is not None:
            lines = {"problem": status.error_lines(self.problem, width, indent=1)}
        elif not lines:
            told = [
                Span(" no place is kept yet: ", "dim"),
                Span(self.keep_key, "key"),
                Span(" keeps where you are", "dim"),
            ]
            lines = {"none": [told]}
        self.list.fill(lines)
        undo = " · u brings it back" if self.removed else ""
        self._box.border_title = self.entitle(f"Bookmarks ─ {len(self.marks)}")
        self._box.border_subtitle = self.entitle(f"enter or its number goes there · x deletes{undo} · esc")

    @property
    def selected(self) -> Bookmark | None:
        """The one under the cursor."""
        found = self.list.selected
        return found if isinstance(found, Bookmark) else None

    def action_go(self) -> None:
        """Go to the one under the cursor."""
        if self.selected is not None:
            self.dismiss(self.selected)

    def action_pick(self, number: int) -> None:
        """Go to the one of that number."""
        if number <= len(self.marks):
            self.dismiss(self.marks[number - 1])

    def action_remove(self) -> None:
        """Delete the one under the cursor."""
        mark = self.selected
        if mark is not None and self._do(lambda: self.file.remove(mark.name)):
            self.removed.append(mark)
            self.refill()

    def action_undo(self) -> None:
        """Bring back the one deleted last."""
        if self.removed and self._do(lambda: self.file.put(self.removed[-1])):
            self.removed.pop()
            self.refill()

    def _do(self, change: Callable[[], None]) -> bool:
        try:
            change()
        except MeshtuiError as error:
            self.tell(error)
            return False
        return True
