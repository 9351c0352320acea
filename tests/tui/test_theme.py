"""Colours that can be read: at least 4.5:1 (WCAG 2) for every role, on every ground, in true and in 256 colours."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color as TextualColor

from meshtui.core.errors import ConfigError
from meshtui.core.model.state import Cluster
from meshtui.core.settings import Settings
from meshtui.tui import theme
from meshtui.tui.app import MeshtuiApp, chosen_colours
from meshtui.tui.theme import DARK, LIGHT, OWN, Palette, choose_clusters, palette
from meshtui.tui.usertheme import made
from meshtui.tui.widgets.glyphs import to_ascii
from tests.tui.conftest import Board, board_on

LEAST = 4.5
XTERM = TerminalTheme(
    (0, 0, 0), (229, 229, 229),
    [(0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)],
    [(127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255),
     (255, 255, 255)],
)  # fmt: skip
"""xterm's own sixteen colours on black."""


def luminance(colour: tuple[int, int, int]) -> float:
    def linear(part: int) -> float:
        value = part / 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def rgb(colour: Color, system: ColorSystem) -> tuple[int, int, int]:
    return tuple(colour.downgrade(system).get_truecolor(XTERM))  # type: ignore[return-value]


def too_faint(kind: Palette, grounds: list[str], system: ColorSystem) -> list[str]:
    found = []
    for role, style in kind.styles.items():
        for ground in grounds:
            if style.color is None:
                continue  # the terminal's own
            ratio = contrast(rgb(style.color, system), rgb(Color.parse(ground), system))
            if ratio < LEAST:
                found.append(f"{role} on {ground}: {ratio:.2f}")
    return found


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.name)
@pytest.mark.parametrize("system", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT], ids=lambda system: system.name)
def test_every_role_can_be_read_on_every_ground(own, system) -> None:
    kind = palette(own)
    cursor = kind.cursor.bgcolor
    assert cursor is not None
    grounds = [own.background, own.panel, cursor.name]
    assert too_faint(kind, grounds, system) == []
    foreground = Color.parse(own.foreground)
    assert all(contrast(rgb(foreground, system), rgb(Color.parse(x), system)) >= LEAST for x in grounds)


def test_the_terminals_own_sixteen_colours_can_be_read_on_black() -> None:
    kind = Palette("ansi")
    assert too_faint(kind, ["#000000"], ColorSystem.STANDARD) == []


def test_well_and_failing_of_the_safe_pair_differ_for_every_kind_of_colour_vision() -> None:
    """Blue against orange: far apart in blue and in luminance, where red and green are not."""
    for own in (theme.SAFE_DARK, theme.SAFE_LIGHT):
        well, failing = (palette(own).styles[role].color for role in ("ok", "bad"))
        assert well is not None
        assert failing is not None
        one, other = well.get_truecolor(), failing.get_truecolor()
        assert abs(one.blue - other.blue) > 90
        assert one.blue > one.red
        assert other.red > other.blue


def test_every_glyph_has_an_ascii_character_of_one_cell() -> None:
    text = "✔ ✗ ◌ – → ⇄ · ● ◉ ○ ◐ ▸ ▪ ▌ … ▁▃▇█ Foran Tutha ▲▼ µ"
    plain = to_ascii(text)
    assert plain.isascii()
    assert len(plain) == len(text)
    assert "?" not in plain


@pytest.fixture
def _glyphs_again():
    yield
    theme.paint_ascii(False)


@pytest.mark.usefixtures("_glyphs_again")
async def test_an_ascii_screen_has_nothing_else() -> None:
    async with board_on(settings=Settings(utc=True, ascii=True)) as board:
        await board.press("l")
        text = board.text()
        assert text.isascii(), sorted({letter for letter in text if not letter.isascii()})
        assert "+ Ready" in text
        assert "mesh ." in text
        await board.press("colon")
        assert board.text().isascii(), sorted({letter for letter in board.text() if not letter.isascii()})


async def test_every_theme_can_be_chosen(board: Board) -> None:
    seen = []
    for _ in range(len(OWN) + 1):
        seen.append(board.app.theme)
        await board.press("f8")
    assert len(set(seen)) == len(OWN) + 1


def test_a_theme_of_one_s_own_is_ours_with_other_colours() -> None:
    own = made("mine", {"base": "light", "bad": "#aa0000", "background": "#ffffff", "clusters": ["#123456"]})
    assert (own.error, own.background, own.surface, own.dark) == ("#aa0000", "#ffffff", "#ffffff", False)
    styles = palette(own).styles
    assert (styles["bad"], styles["cluster0"]) == (Style.parse("bold #aa0000"), Style.parse("bold #123456"))
    light = palette(LIGHT).styles
    assert (styles["ok"], styles["cluster1"]) == (light["ok"], light["cluster1"])


def test_clusters_wear_the_colours_that_were_chosen_in_every_theme() -> None:
    clusters = {name: Cluster(name, name[0], index) for index, name in enumerate(("prod-eu", "prod-us", "lab"))}
    chosen = chosen_colours(clusters, {"prod-*": "cyan", "prod-us": "#00ff00"})
    assert chosen == {0: "cyan", 1: "#00ff00"}
    before = palette(DARK).styles["cluster2"]
    choose_clusters(chosen)
    try:
        for own in OWN:
            assert palette(own).styles["cluster1"] == Style.parse("bold #00ff00")
        assert palette(DARK).styles["cluster2"] == before
    finally:
        choose_clusters({})


async def test_the_dashboard_wears_the_theme_of_the_settings() -> None:
    async def nothing(*_: object) -> None:
        raise ConfigError("no clusters here")

    settings = Settings(theme="mine", themes={"mine": {"ok": "#00aa00"}})
    app = MeshtuiApp(nothing, settings)
    async with app.run_test():
        assert app.theme == "mine"
        assert palette(app.current_theme).styles["ok"] == Style.parse("#00aa00")


@pytest.mark.parametrize("own", OWN, ids=lambda own: own.name)
async def test_the_words_of_frames_can_be_read(own) -> None:
    async with board_on(settings=Settings(utc=True, theme=own.name)) as board:
        ground = TextualColor.parse(own.background)
        for widget in (*board.app.board.panes.values(), board.app.board.beside):
            for part in (widget.styles.border_title_color, widget.styles.border_subtitle_color):
                shown = ground + part  # what is not opaque is mixed with the ground
                assert contrast(shown.rgb, ground.rgb) >= LEAST, f"{widget}: {shown.hex}"
