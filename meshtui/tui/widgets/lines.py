"""Two widgets drawn line by line: a `Bar` of one line or a few, and a `LineView` that scrolls over many items."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from meshtui.tui.theme import palette
from meshtui.tui.widgets.framed import Framed
from meshtui.tui.widgets.paint import Line, clip, span_at
from meshtui.tui.widgets.wrapped import Wrapped

if TYPE_CHECKING:
    from rich.segment import Segment
    from rich.style import Style


_KEPT = 300
"""Items whose lines are remembered: a few screenfuls."""


class Bar(Widget):
    """A fixed strip of screen whose lines are made by `content`."""

    def content(self, width: int) -> list[Line]:
        """Lines to show in `width` cells."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """One line, painted in the theme's colours."""
        lines = self.content(self.size.width)
        line = clip(lines[y], self.size.width) if y < len(lines) else ()
        return palette(self.app.current_theme).strip(line, self.size.width, self.rich_style)


class LineView(Framed, can_focus=True):
    """Scrolls over items of one or more lines each; keeps its cursor on its item while items come and go.

    A subclass says what the lines of an item are (`item_lines`); the view asks only for those in sight.
    """

    pane_id: ClassVar[str] = ""

    class Moved(Message):
        """The cursor is on another item now."""

        def __init__(self, view: LineView) -> None:
            super().__init__()
            self.view = view
            self.clicked = view.clicking
            """Whether the mouse put it there: what a click means is being said already."""

    def __init__(self, name: str = "", classes: str = "") -> None:
        super().__init__(name, classes)
        self.items: Sequence[Hashable] = ()
        self.tops: list[int] | None = None
        """First line of each item and, last, the number of lines; None when all are `height_each` high."""
        self.height_each = 1
        self.cursor = 0
        self.clicking = False
        self._cache: dict[tuple[Hashable, int], Sequence[Line]] = {}
        self._whole: Wrapped | None = None

    # What a subclass provides

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """The lines of one item in `width` cells."""
        raise NotImplementedError

    def placeholder(self, width: int) -> Sequence[Line]:
        """What is said while there are no items."""
        return ()

    # Content

    @property
    def selected(self) -> Hashable | None:
        """The item under the cursor, or None when there is none."""
        return self.items[self.cursor] if self.cursor < len(self.items) else None

    def top_of(self, index: int) -> int:
        """First line of the item at `index`."""
        opened, more = self._opened() if index > self.cursor else (index, 0)
        return self._folded(index) + (more if index > opened else 0)

    def _folded(self, index: int) -> int:
        """First line of an item while none takes more than its lines."""
        return index * self.height_each if self.tops is None else self.tops[index]

    # The item under the cursor is told whole, over as many lines as that takes

    wraps: ClassVar[bool] = False
    """Whether lines that are too long are broken under the cursor."""

    def hanging(self, key: Hashable, part: int, width: int) -> int | None:
        """Cells before what goes on from line `part` of an item; None for one that is not broken."""
        return 3

    def _opened(self) -> tuple[int, int]:
        """The item that is told whole, and how many lines more than its own that takes."""
        at = self.cursor
        width = self.scrollable_content_region.width
        if not self.wraps or width <= 0 or at >= len(self.items) or not self._under(at):
            return at, 0
        lines = self._lines(at, width)
        if self._whole is None or self._whole.of is not lines or self._whole.width != width:
            self._whole = Wrapped.made(lines, width, lambda part: self.hanging(self.items[at], part, width))
        return at, max(0, len(self._whole.lines) - (self._folded(at + 1) - self._folded(at)))

    def shown_lines(self, index: int, width: int) -> Sequence[Line]:
        """The lines of an item as they stand on the screen."""
        opened, more = self._opened()
        return self._whole.lines if more and opened == index and self._whole else self._lines(index, width)

    def part_of(self, index: int, part: int) -> int:
        """Which of an item's own lines stands in its line `part` on the screen."""
        opened, more = self._opened()
        if not more or opened != index or self._whole is None:
            return part
        return self._whole.parts[min(part, len(self._whole.parts) - 1)]

    def on_focus(self) -> None:
        """There is a cursor now, and its item is told whole."""
        self._resize()

    def on_blur(self) -> None:
        """There may be no cursor any more."""
        self._resize()

    @property
    def total(self) -> int:
        """Number of lines of all items."""
        return self.top_of(len(self.items))

    def show(self, items: Sequence[Hashable], heights: Sequence[int] | None = None) -> None:
        """Replace the items; the cursor stays on its item if it is still there, and that item stays in place."""
        old = self.selected
        before = self.top_of(self.cursor) if old is not None else 0
        self.items = items
        self.tops = None if heights is None else [0, *accumulate(heights)]
        if old is not None and (self.cursor >= len(items) or items[self.cursor] != old):
            self.cursor = _position(items, old, self.cursor)
        if self.headed and self.cursor == 0 and len(items) > 1:
            self.cursor = 1
        self.forget()
        self._resize()
        if old is not None and self.selected == old:
            self.shift(self.top_of(self.cursor) - before)
        self.refresh()

    def shift(self, lines: int) -> None:
        """Scroll by as many lines as were put in above, so that what is read stays where it is."""
        if lines and self.scroll_offset.y:
            self.scroll_to(y=max(0, self.scroll_offset.y + lines), animate=False, force=True)

    def touch(self, keys: Sequence[Hashable] | None = None) -> None:
        """Draw these items again, or all that are in sight."""
        if keys is None:
            self.forget()
        else:
            wanted = set(keys)
            for cached in [c for c in self._cache if c[0] in wanted]:
                del self._cache[cached]
            for key in wanted:
                self.forget_row(key)
        if self.wraps:
            self._resize()
        self.refresh()

    def _resize(self) -> None:
        before, height = self.virtual_size, self.scrollable_content_region.height
        size = Size(self.scrollable_content_region.width or self.size.width, self.total)
        if before.width == size.width and before.height > height > 0 and size.height > height:
            # It has its scroll bar and keeps it: no need to lay out the whole screen again.
            self.set_reactive(LineView.virtual_size, size)
            self.call_later(self._slide)  # once it is known where the view goes
        else:
            self.virtual_size = size

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """As any scroll view, but for a bar that is drawn again only where it looks different."""
        self._slide()
        if round(old_value) != round(new_value):
            self.refresh(self.size.region)

    def _slide(self) -> None:
        if not self.show_vertical_scrollbar:
            return
        bar, height = self.vertical_scrollbar, self.virtual_size.height
        shown = _thumb(self.size.height, bar.window_virtual_size, bar.position)
        if shown != _thumb(self.size.height, height, self.scroll_y):
            bar.window_virtual_size, bar.position = height, self.scroll_y

    def on_resize(self) -> None:
        """Lines depend on the width: forget those made for another."""
        self.forget()
        self._resize()
        self.keep_in_sight()

    # A first item that is a heading stays on top, and the cursor passes it over

    @property
    def headed(self) -> bool:
        """Whether the first item is a heading of one line."""
        return False

    def line_at(self, y: int) -> int:
        """The virtual line shown in screen row `y` of the content."""
        return 0 if self.headed and y == 0 else y + self.scroll_offset.y

    # Painting

    def locate(self, y: int) -> tuple[int, int]:
        """Item index and line within it at virtual line `y`."""
        opened, more = self._opened()
        if more and (below := y - self.top_of(opened)) >= 0:
            if y < self.top_of(opened + 1):
                return opened, below
            y -= more
        if self.tops is None:
            return divmod(y, self.height_each)
        index = bisect_right(self.tops, y) - 1
        return index, y - self.tops[index]

    def row_key(self, y: int) -> tuple[Hashable, Hashable] | None:
        """A line of an item, with or without the cursor."""
        line_number = self.line_at(y)
        if line_number >= self.total:
            return None
        index, part = self.locate(line_number)
        return self.items[index], (part, self._under(index))

    def paint(self, y: int, base: Style) -> list[Segment]:
        """The line at screen row `y`."""
        width = self.scrollable_content_region.width
        line_number = self.line_at(y)
        colours = palette(self.app.current_theme)
        if line_number >= self.total:
            said = () if self.items else self.placeholder(width)
            return colours.segments(said[y] if y < len(said) else (), width, base)
        index, part = self.locate(line_number)
        lines = self.shown_lines(index, width)
        over = {"cursor": colours.cursor, "resting": colours.resting}.get(self._under(index))
        return colours.segments(clip(lines[part], width) if part < len(lines) else (), width, base, over)

    marks_cursor = True
    rests = False
    """Whether the cursor stays visible without focus."""

    def _under(self, index: int) -> str:
        """How the cursor shows on an item."""
        if index != self.cursor or not self.marks_cursor:
            return ""
        return "cursor" if self.has_focus else "resting" if self.rests else ""

    def _lines(self, index: int, width: int) -> Sequence[Line]:
        key = self.items[index]
        cached = self._cache.get((key, width))
        if cached is None:
            if len(self._cache) > _KEPT:
                self.forget()
            cached = self._cache[key, width] = self.item_lines(key, width)
        return cached

    def forget(self) -> None:
        """Make every item's lines again when they are next in sight."""
        self._cache.clear()
        self.forget_rows()

    # Moving

    def move_to(self, index: int) -> None:
        """Put the cursor on an item and bring it into sight."""
        if not self.items:
            return
        index = max(min(1, len(self.items) - 1) if self.headed else 0, min(index, len(self.items) - 1))
        if index != self.cursor:
            self.cursor = index
            if self.wraps:
                self._resize()
            self.refresh()
            self.post_message(self.Moved(self))
        self.keep_in_sight()

    def keep_in_sight(self) -> None:
        """Scroll just as far as the cursor's item needs."""
        if not self.items or self.cursor >= len(self.items):
            return
        top = self.top_of(self.cursor)
        height = self.top_of(self.cursor + 1) - top
        above = 1 if self.headed else 0  # not behind the heading either
        at = Region(0, max(0, top - above), 1, height + above)
        self.scroll_to_region(at, animate=False, immediate=True, force=True)

    @property
    def page(self) -> int:
        """Items in one screenful, about."""
        each = max(1, self.total // max(1, len(self.items)))
        return max(1, self.scrollable_content_region.height // each)

    def do_down(self) -> None:
        """One item down."""
        self.move_to(self.cursor + 1)

    def do_up(self) -> None:
        """One item up."""
        self.move_to(self.cursor - 1)

    def do_page_down(self) -> None:
        """One screenful down."""
        self.move_to(self.cursor + self.page)

    def do_page_up(self) -> None:
        """One screenful up."""
        self.move_to(self.cursor - self.page)

    def do_half_down(self) -> None:
        """Half a screenful down."""
        self.move_to(self.cursor + max(1, self.page // 2))

    def do_half_up(self) -> None:
        """Half a screenful up."""
        self.move_to(self.cursor - max(1, self.page // 2))

    def do_top(self) -> None:
        """To the first item."""
        self.move_to(0)
        self.scroll_home(animate=False, immediate=True)

    def do_bottom(self) -> None:
        """To the last item."""
        self.move_to(len(self.items) - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the item that was clicked."""
        if (at := self.hit(event)) is not None:
            self.clicking = True
            self.move_to(at[0])
            self.clicking = False

    def hit(self, event: events.Click) -> tuple[int, int, str] | None:
        """Which item was clicked, which of its lines, and which cell of that; None beside all of them."""
        offset = event.get_content_offset(self)
        line = self.line_at(offset.y) if offset is not None else -1
        if offset is None or not 0 <= line < self.total:
            return None
        index, part = self.locate(line)
        lines = self.shown_lines(index, self.scrollable_content_region.width)
        found = span_at(lines[part], offset.x) if part < len(lines) else None
        return index, part, found.cell if found else ""


def _thumb(height: int, total: float, position: float) -> tuple[int, int]:
    """Where a scroll bar's thumb is and how long, in eighths of a cell: what can be seen of it."""
    return round(8 * height * position / max(1, total)), round(8 * height * height / max(1, total))


def _position(items: Sequence[Hashable], key: Hashable, near: int) -> int:
    """Index of `key` in `items`, or the nearest to `near` that exists."""
    try:
        return items.index(key)
    except ValueError:
        return max(0, min(near, len(items) - 1))
