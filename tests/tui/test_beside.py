"""What stands beside the panes on a large screen: everything known of what is under the cursor, and it follows."""

from __future__ import annotations

import pytest

from meshtui.core.model import state as s
from meshtui.core.settings import Settings
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import answer, recorded_flows, recorded_mesh
from tests.tui.test_many import KEYS, judged, mesh_of

LARGE = (300, 100)


def beside(board: Board) -> str:
    """The details' text."""
    text = board.app.board.beside.text
    return "\n".join("".join(span.text for span in line) for line in text.lines)


@pytest.mark.parametrize(("size", "shown"), [((160, 50), False), ((239, 60), False), ((240, 60), True), (LARGE, True)])
async def test_it_is_there_only_where_there_is_room(size: tuple[int, int], shown: bool) -> None:
    async with board_on(size=size) as board:
        assert board.app.board.beside.display is shown
        if shown:
            await board.until(lambda: "clients →" in beside(board))
            assert all(len(line) <= size[0] for line in board.text().splitlines())


async def test_it_follows_the_cursor_and_the_pane_in_front() -> None:
    mesh = mesh_of(6)
    async with board_on(mesh, LARGE, judgement=judged(mesh, broken=True)) as board:
        panel = board.app.board.beside
        await board.until(lambda: KEYS[0] in str(panel.border_title))
        assert "so do the clients of T N H E B" in beside(board), "six clusters that get the same are told once"
        assert beside(board).count("clients →") == 1
        await board.press("down")
        await board.until(lambda: KEYS[1] in str(panel.border_title))
        await board.press("1", "home")
        await board.until(lambda: "Cluster koornacht" in str(panel.border_title))
        assert "Links" in beside(board)
        await board.press("3")
        await board.until(lambda: "nothing is under the cursor" in beside(board))
        board.session.deliver(recorded_flows("dropped"))
        await board.until(lambda: "Sum" in str(panel.border_title))
        assert "its newest event" in beside(board)
        await board.press("e")
        await board.until(lambda: "Flow" in str(panel.border_title))
        assert "hubble" in beside(board)
        assert board.session.performed == []


async def test_what_changes_shows_without_a_key() -> None:
    mesh = recorded_mesh()
    async with board_on(mesh, LARGE) as board:
        await board.until(lambda: "default/rebel-base" in str(board.app.board.beside.border_title))
        before = beside(board)
        assert "global true (on)" in before
        await board.press("g")
        await board.until(lambda: board.session.performed)
        board.session.confirm()
        await board.until(lambda: beside(board) != before and "global – (off)" in beside(board))


async def test_the_requests_of_a_run_stand_there() -> None:
    async with board_on(size=LARGE) as board:
        await board.press("l", "4")
        board.session.answers.put_nowait(answer(1, "tion"))
        await board.until(lambda: "HTTP 200" in beside(board))
        board.session.answers.put_nowait(None)


async def test_zoom_and_the_tour_take_its_place() -> None:
    async with board_on(size=LARGE, settings=Settings(utc=True)) as board:
        panel = board.app.board.beside
        await board.press("z")
        assert not panel.display
        await board.press("z")
        assert panel.display
        await board.press("t")
        assert not panel.display


async def test_it_says_how_much_is_below() -> None:
    mesh = mesh_of(16)
    async with board_on(mesh, (240, 34), judgement=judged(mesh, broken=False)) as board:
        await board.until(lambda: "lines more" in str(board.app.board.beside.border_subtitle))
        board.app.board.apply(s.Delta(status=set(mesh.clusters)))
        await board.pilot.pause()
        assert all(len(line) <= 240 for line in board.text().splitlines())
