"""The stream of flows under the cursor: dropped ones at first, held still, kept in place, forgotten at the old end."""

from __future__ import annotations

from tests.tui.conftest import Board, board_on
from tests.tui.fakes import recorded_flows, recorded_mesh


async def test_dropped_flows_by_default_and_all_verdicts_one_key_away(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await board.until(lambda: len(pane.items) == 6)
    text = board.text(pane)
    assert "K x-wing-…8wv5f → T rebel-base-…jqgrf:80" in text
    assert "✗ EGRESS denied at K · SYN" in text
    assert "FORWARDED" not in text
    await board.press("3", "v")
    await board.until(lambda: len(pane.items) == 26)
    assert "all verdicts" in str(pane.border_title)
    assert "✔" in board.text(pane)


async def test_a_drop_is_explained_from_the_policies():
    async with board_on(recorded_mesh(10)) as board:
        board.session.deliver(recorded_flows("dropped"))
        await board.until(lambda: board.app.board.flows.items)
        assert "default-deny, no rule allows" in board.text(board.app.board.flows)


async def test_pause_holds_still_and_counts_what_waits(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.until(lambda: len(pane.items) == 6)
    await board.press("3", "p")
    before = board.text(pane)
    board.session.deliver(recorded_flows("dropped", 3)[12:])
    await board.until(lambda: "paused, 24 waiting" in str(pane.border_title))
    assert board.text(pane) == before
    await board.press("p")
    assert len(pane.items) == 18
    assert "paused" not in str(pane.border_title)


async def test_the_flow_under_the_cursor_stays_in_place_while_others_come(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped", 3))
    await board.until(lambda: len(pane.items) == 18)
    await board.press("3", "up", "up", "up")
    row, place = pane.selected, pane.top_of(pane.cursor) - pane.scroll_offset.y
    line = pane.render_line(place).text
    late = recorded_flows("others")
    board.session.deliver(recorded_flows("dropped", 5)[36:] + late)
    await board.until(lambda: len(pane.items) == 30)
    assert pane.selected is row
    assert pane.top_of(pane.cursor) - pane.scroll_offset.y == place
    assert pane.render_line(place).text == line
    await board.press("G")
    assert pane.cursor == 29
    board.session.deliver(recorded_flows("dropped", 6)[60:])
    await board.until(lambda: len(pane.items) == 36)
    assert pane.cursor == 35, "follows the newest again"


async def test_the_ring_forgets_the_oldest_and_the_view_follows(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped", 80))
    await board.until(lambda: len(pane.items) == 480)
    await board.press("3", "up")
    row = pane.selected
    board.session.deliver(recorded_flows("dropped", 90)[960:])
    await board.until(lambda: len(pane.items) == 500)
    assert pane.selected is row
