"""Rows that are painted once look, cell by cell, as if Textual had drawn them anew."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from meshtui.core.settings import Settings
from meshtui.tui.widgets.pane import Pane
from tests.tui.conftest import Board, board_on


def cells(strips: list[Strip]) -> list[list[tuple[str, str, object]]]:
    """Every cell's character, look and meaning; where segments begin and end does not matter."""
    return [
        [(char, look(char, style), style and style.meta) for text, style, _ in strip for char in text]
        for strip in strips
    ]


def look(char: str, style: Style | None) -> str:
    """What is seen of a cell: of a blank one not the colour of its character."""
    seen = style or Style()
    plain = char == " " and not (seen.reverse or seen.underline or seen.strike)
    return str(Style(bgcolor=seen.bgcolor) if plain else seen)


def assert_alike(pane: Pane) -> None:
    """Remembered rows and rows drawn anew, of the whole pane and of a part of it."""
    width, height = pane.outer_size
    for region in (Region(0, 0, width, height), Region(3, 1, width - 7, height - 2)):
        ours = cells(pane.render_lines(region))
        pane._styles_cache.clear()
        theirs = cells(ScrollView.render_lines(pane, region))
        for y, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            assert len(mine) == len(other), (pane.id, y, "".join(c for c, *_ in mine), "".join(c for c, *_ in other))
            different = [(x, *both) for x, both in enumerate(zip(mine, other, strict=True)) if both[0] != both[1]]
            assert not different, (pane.id, y, different[:3])


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_every_pane_as_it_changes(theme: str, size: tuple[int, int]) -> None:
    async with board_on(size=size, settings=Settings(theme=theme)) as board:
        for keys in (("2",), ("j",), ("j", "j"), ("G",), ("k",), ("1",), ("4",), ("3",), ("a",), ("s",), ("e",)):
            await board.press(*keys)
            check(board)


def check(board: Board) -> None:
    """All panes that are on the screen."""
    main = board.app.board
    panes = (main.clusters, main.services, main.flows, main.load_pane)
    shown = [pane for pane in panes if pane.region.area]
    assert shown
    for pane in shown:
        assert_alike(pane)
