"""Rows inside a border, painted once per item: what Textual does for every row again costs 0.3 ms each."""

from __future__ import annotations

from collections.abc import Hashable

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip


class Framed(ScrollView):
    """Draws top and bottom as Textual does, and puts the sides of the frame around rows that it remembers.

    A subclass paints rows in `paint` and says in `row_key` which of them are the same; it calls `forget_rows` or
    `forget_row` when a row's looks changed.
    """

    def __init__(self, name: str = "", classes: str = "") -> None:
        super().__init__(id=name or None, classes=classes)
        self._rows: dict[Hashable, dict[Hashable, Strip]] = {}
        self._sides: tuple[object, ...] = ()

    def row_key(self, y: int) -> tuple[Hashable, Hashable] | None:
        """Which item screen row `y` shows, and which of its looks; None for a row that is not worth remembering."""
        return None

    def paint(self, y: int, base: Style) -> list[Segment]:
        """Screen row `y` on `base`, as wide as what scrolls."""
        raise NotImplementedError

    def forget_rows(self) -> None:
        """Paint all rows again."""
        self._rows.clear()

    def forget_row(self, item: Hashable) -> None:
        """Paint this item's rows again."""
        self._rows.pop(item, None)

    def render_line(self, y: int) -> Strip:
        """For Textual's own way of drawing, of which the sides are taken."""
        return Strip(self.paint(y, self.rich_style), self.scrollable_content_region.width)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of `crop`, borders included."""
        size, gutter = self.outer_size, self.styles.gutter
        first, last = gutter.top, size.height - gutter.bottom
        if last <= first or size.width <= gutter.width or "@click" in self.hover_style.meta:
            return super().render_lines(crop)
        sample = super().render_lines(Region(0, first, size.width, 1))[0]
        left = list(sample.crop(0, gutter.left))
        right = list(sample.crop(size.width - gutter.right, size.width))
        base = self.rich_style
        width = self.scrollable_content_region.width
        sides = (left, right, base, size.width, width, self.app.current_theme.name)
        if sides != self._sides:
            self._sides = sides
            self.forget_rows()
        filters, background = self.get_line_filters(), self.background_colors[1]
        strips = []
        for y in crop.line_range:
            if not first <= y < last:
                strips += super().render_lines(Region(crop.x, y, crop.width, 1))
                continue
            strip = self._row(y - first, left, right, base)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip if crop.width == size.width else strip.crop(crop.x, crop.right))
        return strips

    def _row(self, y: int, left: list[Segment], right: list[Segment], base: Style) -> Strip:
        key = self.row_key(y)
        known = self._rows.setdefault(key[0], {}) if key else {}
        strip = known.get(key[1]) if key else None
        if strip is None:
            hidden = self.content_size.width - self.scrollable_content_region.width
            under_bar = [Segment(" " * hidden, base)] if hidden > 0 else []
            strip = Strip([*left, *self.paint(y, base), *under_bar, *right], self.outer_size.width)
            if key:
                known[key[1]] = strip
        return strip
