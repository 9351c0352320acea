"""Colours: two themes of our own, the terminal's palette, and the style each role of a span gets in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.theme import Theme

from meshtui.tui.widgets.glyphs import to_ascii
from meshtui.tui.widgets.paint import CLUSTER_ROLES, Line

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
    panel="#eceef3",
    success="#2a6f1d",
    warning="#8a5300",
    error="#b3142e",
    dark=False,
    variables={"border": "#b6bccb", "border-blurred": "#b6bccb", "muted": "#626b80", "foreground-muted": "#535a6c"},
)
SAFE_DARK = Theme(
    name="meshtui-safe-dark",
    primary="#6cb4ff",
    secondary="#7fd0ff",
    accent="#d9b3ff",
    foreground="#d6dcec",
    background="#12141c",
    surface="#12141c",
    panel="#1f2335",
    success="#6cb4ff",
    warning="#f0d060",
    error="#ff9a5c",
    dark=True,
    variables={"border": "#3b4261", "border-blurred": "#3b4261", "muted": "#8f98bb"},
)
SAFE_LIGHT = Theme(
    name="meshtui-safe-light",
    primary="#00539c",
    secondary="#005f86",
    accent="#6b3fa0",
    foreground="#1d2433",
    background="#fbfbf8",
    surface="#fbfbf8",
    panel="#eceef3",
    success="#00539c",
    warning="#6f5600",
    error="#9c3a00",
    dark=False,
    variables={"border": "#b6bccb", "border-blurred": "#b6bccb", "muted": "#5c6578", "foreground-muted": "#535a6c"},
)
OWN = (DARK, LIGHT, SAFE_DARK, SAFE_LIGHT)
"""Our themes. In the safe pair well is blue and failing orange: they differ for every kind of colour vision."""
FEW = ("standard", "windows")
"""Rich's names for sixteen colours, as `TERM` and `COLORTERM` tell."""
NAMES = {
    "dark": "meshtui-dark",
    "light": "meshtui-light",
    "safe-dark": "meshtui-safe-dark",
    "safe-light": "meshtui-safe-light",
    "ansi": "ansi-dark",
    "": "meshtui-dark",
}
"""What a person writes in the settings → Textual's name of the theme."""

_CLUSTERS = {
    "dark": ("#e8b45f", "#4fc1e9", "#c792ea", "#9ccc65", "#ff8f6b", "#f48fb1", "#80cbc4", "#d4c27a"),
    "light": ("#714809", "#00628a", "#652f97", "#3f6b12", "#842f10", "#a3246b", "#0b6b60", "#6b5d00"),
    "safe-dark": ("#f0d060", "#6cb4ff", "#d9b3ff", "#c0c8d8", "#ff9a5c", "#f2a7c8", "#9ad7ff", "#d8c7a0"),
    "safe-light": ("#6f5600", "#00539c", "#572f87", "#3d4552", "#7d2f00", "#97215f", "#005f86", "#5f5334"),
    "ansi": ("yellow", "cyan", "bright_magenta", "green", "bright_red", "white", "bright_cyan", "bright_yellow"),
}
_ROLES = {
    "dark": {
        "ok": "#8fd06a",
        "warn": "#e8b45f",
        "bad": "bold #ff7a8d",
        "dim": "#9194a0",
        "strong": "bold #f2f5ff",
        "key": "bold #7aa2f7",
        "info": "#2ac3de",
        "pending": "italic #e8b45f",
        "brand": "bold #bb9af7",
        "struck": "strike #9194a0",
    },
    "light": {
        "ok": "#2a6f1d",
        "warn": "#714809",
        "bad": "bold #b3142e",
        "dim": "#535a6c",
        "strong": "bold #000000",
        "key": "bold #2456b8",
        "info": "#006b82",
        "pending": "italic #714809",
        "brand": "bold #652f97",
        "struck": "strike #535a6c",
    },
    "safe-dark": {
        "ok": "#6cb4ff",
        "warn": "#f0d060",
        "bad": "bold #ff9a5c",
        "dim": "#8f98bb",
        "strong": "bold #f2f5ff",
        "key": "bold #7fd0ff",
        "info": "#d9b3ff",
        "pending": "italic #f0d060",
        "brand": "bold #d9b3ff",
        "struck": "strike #8f98bb",
    },
    "safe-light": {
        "ok": "#00539c",
        "warn": "#6f5600",
        "bad": "bold #7d2f00",
        "dim": "#535b6c",
        "strong": "bold #000000",
        "key": "bold #005f86",
        "info": "#572f87",
        "pending": "italic #6f5600",
        "brand": "bold #572f87",
        "struck": "strike #535b6c",
    },
    "ansi": {
        "ok": "green",
        "warn": "yellow",
        "bad": "bold bright_red",
        "dim": "bright_black",
        "strong": "bold",
        "key": "bold cyan",
        "info": "cyan",
        "pending": "italic yellow",
        "brand": "bold bright_magenta",
        "struck": "strike bright_black",
    },
}
_MIXED = 1000
"""Mixed styles that are remembered."""
_CURSORS = {
    "dark": "on #252b48",
    "light": "on #e4e9f6",
    "safe-dark": "on #252b48",
    "safe-light": "on #e4e9f6",
    "ansi": "reverse default on default",
}


_PALETTES: dict[tuple[str, bool], Palette] = {}
_CHOSEN: dict[int, str] = {}
"""Index of a cluster → the colour that a person chose for it."""


def choose_clusters(chosen: Mapping[int, str]) -> None:
    """From now on paint these clusters, by index, in these colours, whatever the theme."""
    if chosen != _CHOSEN:
        _CHOSEN.clear()
        _CHOSEN.update(chosen)
        _PALETTES.clear()


def add_kind(name: str, base: str, table: Mapping[str, Any]) -> None:
    """Add a person's theme: a `base` of ours, in which `table` gives roles and clusters other colours."""
    bold = {role: text.rpartition(" ")[0] for role, text in _ROLES[base].items()}
    _ROLES[name] = {role: f"{bold[role]} {table.get(role, text.rpartition(' ')[2])}".strip()
                    for role, text in _ROLES[base].items()}  # fmt: skip
    clusters = tuple(table.get("clusters", ()))
    _CLUSTERS[name] = (*clusters, *_CLUSTERS[base][len(clusters) :])
    _CURSORS[name] = f"on {table['cursor']}" if "cursor" in table else _CURSORS[base]
    _PALETTES.clear()


class Palette:
    """The styles of one theme by role; `cluster0` to `cluster15` are the clusters' colours."""

    def __init__(self, kind: str, *, plain: bool = False) -> None:
        self.kind = kind
        self.plain = plain
        """Whether every glyph is painted as an ASCII character."""
        self._mixed: dict[tuple[str, Style, Style | None, str], Style] = {}

    @cached_property
    def styles(self) -> dict[str, Style]:
        """Every role's style."""
        styles = {role: Style.parse(text) for role, text in _ROLES[self.kind].items()}
        colours = _CLUSTERS[self.kind]
        for index in range(CLUSTER_ROLES):
            colour = _CHOSEN.get(index, colours[index % len(colours)])
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
            text = to_ascii(span.text) if self.plain else span.text
            cells = cell_len(text)
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


_plain = False


def paint_ascii(on: bool) -> None:
    """From now on paint ASCII characters alone, or all glyphs again."""
    global _plain
    _plain = on


def drawn(text: str) -> str:
    """Text that is not painted as spans, such as a border's title, as this terminal can show it."""
    return to_ascii(text) if _plain else text


def palette(theme: Theme) -> Palette:
    """The palette that goes with a theme, be it ours, the terminal's or one of Textual's own."""
    kind = "ansi" if theme.ansi else "dark" if theme.dark else "light"
    if theme.name in _ROLES:
        kind = theme.name
    elif theme.name.startswith("meshtui-safe-"):
        kind = theme.name.removeprefix("meshtui-")
    return _PALETTES.setdefault((kind, _plain), Palette(kind, plain=_plain))
