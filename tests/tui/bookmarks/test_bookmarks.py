"""Bookmarks: a place is kept by a key, gone to by another, across restarts, for its own mesh alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from meshtui.core import bookmarks as core
from meshtui.core.bookmarks import Bookmark
from meshtui.core.errors import MeshtuiError
from meshtui.core.settings import Settings
from meshtui.mesh.bookmarks import NAME, BookmarkFile
from meshtui.tui.bookmarks.dialog import BookmarksDialog
from tests.tui.conftest import Board, board_on
from tests.tui.test_many import KEYS, judged, mesh_of


def settings(directory: Path | None) -> Settings:
    return Settings(utc=True, state_directory=directory)


async def kept(board: Board, name: str) -> None:
    """Keep where the cursor is under a name."""
    await board.press("K")
    await board.until(lambda: board.app.focused is not None and board.app.focused.id == "filter")
    board.app.focused.value = name  # type: ignore[union-attr]
    await board.press("enter")


async def test_a_place_is_kept_left_and_gone_to_after_a_restart(tmp_path: Path) -> None:
    mesh = mesh_of(6)
    async with board_on(mesh, (160, 50), settings(tmp_path), judged(mesh, broken=False)) as board:
        services = board.app.board.services
        await board.press("slash", *"shop", "enter", "N", "N", "down", "right", "right")
        place = services.cell
        assert place == ("shop/cart", "naboo")
        await kept(board, "the cart")
        assert "bookmark the cart kept" in board.text()
        await board.press("escape", "3", "a")
        await kept(board, "all flows")
    async with board_on(mesh_of(6), (160, 50), settings(tmp_path), judged(mesh, broken=False)) as board:
        services = board.app.board.services
        assert services.view.filter.text == ""
        await board.press("1", "apostrophe")
        assert "the cart" in board.text()
        assert "services · shop/cart at naboo · /shop" in board.text()
        await board.press("2")
        assert board.app.board.current == "services"
        assert services.cell == place
        assert services.view.filter.text == "shop"
        assert services.view.reverse
        assert list(services.items[1:]) == ["shop/checkout", "shop/cart"]
        await board.press("colon", *"bm", "space", *"all", "enter")
        assert board.app.board.current == "flows"
        assert board.app.board.flows.question.preset == "all"  # type: ignore[union-attr]


async def test_one_is_deleted_and_brought_back(tmp_path: Path) -> None:
    async with board_on(size=(120, 40), settings=settings(tmp_path)) as board:
        await kept(board, "here")
        await board.press("apostrophe", "x")
        assert "no place is kept yet: K keeps where you are" in board.text()
        await board.press("u")
        assert "here" in board.text()
        await board.press("x", "escape")
        assert not isinstance(board.app.screen, BookmarksDialog)
    assert BookmarkFile(tmp_path, "koornacht tion").read() == []


async def test_a_place_that_is_gone_says_what_is_missing(tmp_path: Path) -> None:
    file = BookmarkFile(tmp_path, "koornacht tion")
    file.put(Bookmark("gone", service="shop/none", context="koornacht"))
    file.put(Bookmark("other", pane="clusters", context="hoth"))
    file.put(Bookmark("wrong", services_filter="nokey:x"))
    async with board_on(settings=settings(tmp_path)) as board:
        for number, told in enumerate(
            ("shop/none is in no cluster any more", "cluster hoth is not among", "no filter key"), 1
        ):
            await board.press("apostrophe", str(number))
            assert told in board.text()
        assert board.session.performed == []


async def test_without_a_state_directory_it_says_how_long_it_lasts(board: Board) -> None:
    await kept(board, "short")
    assert "until meshtui ends" in board.text()
    await board.press("apostrophe", "1")
    assert "at bookmark short" in board.text()


async def test_no_name_keeps_nothing(board: Board) -> None:
    await kept(board, "  ")
    await board.press("apostrophe")
    assert "no place is kept yet" in board.text()


def test_each_mesh_has_its_own_and_the_file_is_the_owners(tmp_path: Path) -> None:
    one, other = BookmarkFile(tmp_path / "state", "a b"), BookmarkFile(tmp_path / "state", "shop")
    one.put(Bookmark("x10"))
    one.put(Bookmark("x2", pane="flows"))
    other.put(Bookmark("y"))
    assert [mark.name for mark in one.read()] == ["x2", "x10"]
    assert [mark.name for mark in other.read()] == ["y"]
    one.put(Bookmark("x2", pane="load"))
    assert [mark.pane for mark in one.read()] == ["load", "services"]
    assert stat.S_IMODE((tmp_path / "state" / NAME).stat().st_mode) == 0o600
    assert core.key_of("shop", ["b"]) == "shop"
    assert core.key_of("", ["b", "a"]) == "a b"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": [{"pane": "x"}]}'])
def test_a_file_that_is_none_of_ours_is_told_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    file = BookmarkFile(tmp_path, "a")
    with pytest.raises(MeshtuiError, match="bookmarks cannot be read"):
        file.put(Bookmark("b"))
    assert (tmp_path / NAME).read_text() == text


def test_names_and_places_are_made_harmless() -> None:
    assert "\x1b" not in core.named("\x1b[31mred\n\n")
    assert len(core.named("x" * 500)) == core.NAME_MOST
    mark = Bookmark("a", service="x\x1b[2J/y", context="k")
    assert "\x1b" not in mark.words
    assert core.proposed(Bookmark("", service=KEYS[0])) == KEYS[0]
