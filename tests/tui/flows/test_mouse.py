"""The mouse in the Flows pane: cells become filter terms, the columns' names stay on top and order the sums."""

from __future__ import annotations

import dataclasses

import pytest

from meshtui.tui.flows.terms import FlowTermsDialog
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import recorded_flows, recorded_mesh

pytestmark = pytest.mark.timeout(60)


def place(board: Board, text: str) -> tuple[int, int]:
    """Where a text stands first in the Flows pane, its border counted."""
    pane = board.app.board.flows
    for y, line in enumerate(board.text(pane).splitlines()):
        if text in line:
            return line.index(text) + 1, y + 1
    raise AssertionError(f"{text!r} is not on the screen:\n{board.text(pane)}")


async def click(board: Board, text: str, **how: object) -> None:
    await board.pilot.click(board.app.board.flows, offset=place(board, text), **how)
    await board.pilot.pause()


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("x-wing", "from-pod:default/x-wing-"),
        ("rebel-base", "to-pod:default/rebel-base-"),
        (":80", "port:80"),
        ("✗ EGRESS", "verdict:DROPPED"),
        ("SYN", "protocol:tcp"),
        ("on control-plane", "node-name:koornacht/koornacht-control-plane"),
        ("K x-wing", "from-cluster:koornacht"),
        ("T rebel", "to-cluster:tion"),
    ],
)
async def test_a_cell_clicked_twice_is_a_filter(text: str, term: str):
    async with board_on(recorded_mesh(10), size=(200, 50)) as board:
        pane = board.app.board.flows
        board.session.deliver(recorded_flows("dropped"))
        await board.press("3", "z")
        await board.until(lambda: len(pane.items) == 6 and "x-wing" in board.text(pane))
        await click(board, text)
        assert pane.question.text == ""
        assert term in board.text()
        assert "click again" in board.text()
        await click(board, text)
        assert pane.question.text.startswith(term)
        await board.press("escape")
        assert pane.question.text == ""


async def test_a_cell_clicked_with_ctrl_is_excluded(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await board.press("3")
    await board.until(lambda: len(pane.items) == 6 and ":80" in board.text(pane))
    await click(board, ":80", control=True)
    await board.until(lambda: pane.question.text == "not port:80")
    assert not pane.items


async def test_the_cell_clicked_is_where_the_list_of_cells_begins(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.press("3")
    await board.until(lambda: len(pane.items) == 6 and ":80" in board.text(pane))
    await click(board, ":80")
    await board.press("i")
    dialog = board.app.screen
    assert isinstance(dialog, FlowTermsDialog)
    await board.until(lambda: dialog.list.items)
    await board.until(lambda: dialog.terms[dialog.list.selected][1] == "port:80")
    await board.press("n")
    await board.until(lambda: pane.question.text == "not port:80")


async def test_a_click_beside_the_cells_only_moves_the_cursor(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.press("3")
    await board.until(lambda: len(pane.items) == 6 and ":80" in board.text(pane))
    for _ in range(2):
        await board.pilot.click(pane, offset=(3, 1))
    assert pane.cursor == 0
    assert pane.question.text == ""


async def test_a_click_on_a_columns_name_orders_and_again_turns_round(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await board.press("3", "a", "s")
    await board.until(lambda: "no answer" in board.text(pane) or "SYN?" in board.text(pane))
    await click(board, "destination")
    await board.until(lambda: "destination↑" in board.text(pane))
    first = list(pane.items[1:])
    assert [key[1] for key in first] == sorted(key[1] for key in first)
    await click(board, "destination")
    await board.until(lambda: "destination↓" in board.text(pane))
    assert list(pane.items[1:]) == first[::-1]


async def test_the_columns_names_stay_on_top_and_are_no_row():
    async with board_on(recorded_mesh(10), size=(120, 20)) as board:
        pane = board.app.board.flows
        row = recorded_flows("dropped")[0]
        ports = range(100, 140)
        board.session.deliver([dataclasses.replace(row, uuid=f"p{port}", destination_port=port) for port in ports])
        await board.press("3", "z", "s")
        await board.until(lambda: len(pane.items) == 41 and "count" in board.text(pane))
        await board.press("G")
        await board.until(lambda: pane.scroll_offset.y > 0)
        assert "count" in board.text(pane).splitlines()[0]
        rows = len(pane.items)
        for step in range(rows):
            on_screen = pane.top_of(pane.cursor) - pane.scroll_offset.y
            assert 1 <= on_screen < pane.scrollable_content_region.height, step
            await board.press("k")
        assert pane.cursor == 1
        await board.press("g")
        assert pane.cursor == 1
        assert pane.listing.find(pane.selected) is not None
