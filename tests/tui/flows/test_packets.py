"""One item per refused packet in the Flows pane: what it says, opens into, copies, and how to see each event."""

from __future__ import annotations

import json

import pytest

from meshtui.tui.flows.detail import FlowDialog
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import recorded_flows, recorded_mesh

pytestmark = pytest.mark.timeout(60)


async def test_a_packet_is_one_item_and_a_key_shows_each_event(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.press("3")
    await board.until(lambda: len(pane.items) == 6)
    assert "✗ EGRESS denied at K · SYN" in board.text(pane)
    assert "DROPPED at" not in board.text(pane)
    await board.press("G", "k", "E")
    await board.until(lambda: len(pane.items) == 12)
    assert "✗ EGRESS DROPPED at K · Policy denied" in board.text(pane)
    assert "each event by itself" in str(pane.border_subtitle)
    await board.press("j")
    drop = pane.row
    assert drop.event_type == 1
    await board.press("E")
    await board.until(lambda: len(pane.items) == 6)
    assert pane.rows[1] is drop, "the cursor is on the packet of the event it was on"


async def test_a_drop_that_comes_after_its_verdict_joins_the_line_on_the_screen():
    async with board_on(recorded_mesh(10), size=(160, 40)) as board:
        pane = board.app.board.flows
        verdict, drop, *_ = recorded_flows("dropped")
        board.session.deliver([verdict])
        await board.press("3", "z")
        await board.until(lambda: "on control-plane" in board.text(pane))
        assert "2 events" not in board.text(pane)
        board.session.deliver([drop])
        await board.until(lambda: "2 events on control-plane" in board.text(pane))
        assert len(pane.items) == 1
        assert pane.view.arrived == 2


async def test_details_and_copies_hold_both_events():
    async with board_on(recorded_mesh(10), size=(160, 60)) as board:
        pane = board.app.board.flows
        verdict, drop, *_ = recorded_flows("dropped")
        board.session.deliver([verdict, drop])
        copied: list[str] = []
        board.app.copy_to_clipboard = copied.append
        await board.until(lambda: pane.items)
        await board.press("3", "y", "J", "enter")
        await board.until(lambda: isinstance(board.app.screen, FlowDialog))
        text = "\n".join("".join(span.text for span in line) for line in board.app.screen.lines)
        assert "two events of one packet" in text
        assert text.count("policy-verdict:none EGRESS") == 4, (
            "above, as a field, in its connection, and as hubble prints it"
        )
        assert text.count("hubble  ") == 2
        lines = copied[0].splitlines()
        assert len(lines) == 2
        assert "policy-verdict:none EGRESS DENIED" in lines[0]
        assert "Policy denied DROPPED" in lines[1]
        assert [json.loads(line)["flow"]["uuid"] + "-0" for line in copied[1].splitlines()] == [verdict.uuid, drop.uuid]
        assert pane.rows == [verdict, drop]


@pytest.mark.parametrize(("text", "shown"), [("type:policy-verdict", 6), ("type:drop", 6), ("verdict:dropped", 6)])
async def test_a_filter_for_one_kind_shows_that_kind(board: Board, text: str, shown: int):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped") + recorded_flows("others"))
    await board.press("3")
    pane.set_filter(text)
    await board.until(lambda: len(pane.items) == shown)
    assert len(pane.view.events()) == (12 if text == "verdict:dropped" else 6)


async def test_a_search_finds_the_event_within(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped"))
    await board.until(lambda: pane.items)
    await board.press("3", "G", "F")
    await board.press(*"policy denied dropped", "enter")
    await board.until(lambda: not pane.following)
    assert len(pane.rows) == 2
