"""Colours: two themes of our own, the terminal's palette, and the style each role of a span gets in them."""

from __future__ import annotations

from functools import cached_property

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from meshtui.tui.widgets.paint import Line

DARK = Theme(
    name="meshtui-dark",
    primary="#7aa2f7",
    secondary="#2ac3de",
    accent="#bb9af7",
    foreground="#c8d0e8",
    background="#12141c",
    surface="#12141c",
    panel="#1f2335",
    success="#8fd06a",
    warning="#e8b45f",
    error="#ff7a8d",
    dark=True,
    variables={"border": "#3b4261", "border-blurred": "#3b4261", "muted": "#7f88ad"},
)
LIGHT = Theme(
    name="meshtui-light",
    primary="#2456b8",
    secondary="#006b82",
    accent="#7a3fb0",
    foreground="#1d2433",
    background="#fbfbf8",
    surface="#fbfbf8",
    panel="#e7e9ee",
    success="#2a6f1d",
    warning="#8a5300",
    error="#b3142e",
    dark=False,
    variables={"border": "#b6bccb", "border-blurred": "#b6bccb", "muted": "#626b80"},
)
NAMES = {"dark": "meshtui-dark", "light": "meshtui-light", "ansi": "ansi-dark", "": "meshtui-dark"}
"""What a person writes in the settings → Textual's name of the theme."""

_CLUSTERS = {
    "dark": ("#e8b45f", "#4fc1e9", "#c792ea", "#9ccc65", "#ff8f6b", "#f48fb1", "#80cbc4", "#d4c27a"),
    "light": ("#8a5300", "#00628a", "#7a3fb0", "#3f6b12", "#a8401a", "#a3246b", "#0b6b60", "#6b5d00"),
    "ansi": ("yellow", "cyan", "magenta", "green", "bright_red", "bright_magenta", "bright_cyan", "bright_yellow"),
}
_ROLES = {
    "dark": {
        "ok": "#8fd06a",
        "warn": "#e8b45f",
        "bad": "bold #ff7a8d",
        "dim": "#7f88ad",
        "strong": "bold #f2f5ff",
        "key": "bold #7aa2f7",
        "info": "#2ac3de",
        "pending": "italic #e8b45f",
        "brand": "bold #bb9af7",
        "struck": "strike #7f88ad",
    },
    "light": {
        "ok": "#2a6f1d",
        "warn": "#8a5300",
        "bad": "bold #b3142e",
        "dim": "#626b80",
        "strong": "bold #000000",
        "key": "bold #2456b8",
        "info": "#006b82",
        "pending": "italic #8a5300",
        "brand": "bold #7a3fb0",
        "struck": "strike #626b80",
    },
    "ansi": {
        "ok": "green",
        "warn": "yellow",
        "bad": "bold red",
        "dim": "dim",
        "strong": "bold",
        "key": "bold blue",
        "info": "cyan",
        "pending": "italic yellow",
        "brand": "bold magenta",
        "struck": "strike dim",
    },
}
_MIXED = 1000
"""Mixed styles that are remembered."""
_CURSORS = {"dark": "on #2a3050", "light": "on #dfe5f5", "ansi": "reverse default on default"}


class Palette:
    """The styles of one theme by role; `cluster0` to `cluster7` are the clusters' colours."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._mixed: dict[tuple[str, Style, Style | None, str], Style] = {}

    @cached_property
    def styles(self) -> dict[str, Style]:
        """Every role's style."""
        styles = {role: Style.parse(text) for role, text in _ROLES[self.kind].items()}
        for index, colour in enumerate(_CLUSTERS[self.kind]):
            styles[f"cluster{index}"] = Style.parse(f"bold {colour}")
        return styles

    @cached_property
    def cursor(self) -> Style:
        """Laid under the line the cursor is on in the focused pane."""
        return Style.parse(_CURSORS[self.kind])

    @cached_property
    def resting(self) -> Style:
        """Marks the cursor's line while its pane has no focus."""
        return Style.parse("underline" if self.kind == "ansi" else _CURSORS[self.kind])

    def strip(self, line: Line, width: int, base: Style, over: Style | None = None) -> Strip:
        """Paint `line` into exactly `width` cells on `base`, with `over` laid over everything."""
        return Strip(self.segments(line, width, base, over), width)

    def segments(self, line: Line, width: int, base: Style, over: Style | None = None) -> list[Segment]:
        """The same, before it is a strip."""
        segments: list[Segment] = []
        left = width
        for span in line:
            text, cells = span.text, cell_len(span.text)
            if cells > left:
                text, cells = set_cell_size(text, left), left
            if cells:
                segments.append(Segment(text, self._style(span.role, base, over, span.click)))
                left -= cells
        if left > 0:
            segments.append(Segment(" " * left, self._style("", base, over, "")))
        return segments

    def _style(self, role: str, base: Style, over: Style | None, click: str) -> Style:
        key = role, base, over, click
        style = self._mixed.get(key)
        if style is None:
            style = base + self.styles[role] if role else base
            if over is not None:
                style += over
            if click:
                style += Style(meta={"@click": f"app.run({click!r})"})
            if len(self._mixed) > _MIXED:
                self._mixed.clear()
            self._mixed[key] = style
        return style


_PALETTES: dict[str, Palette] = {}


def palette(theme: Theme) -> Palette:
    """The palette that goes with a theme, be it ours, the terminal's or one of Textual's own."""
    kind = "ansi" if theme.ansi else "dark" if theme.dark else "light"
    return _PALETTES.setdefault(kind, Palette(kind))
