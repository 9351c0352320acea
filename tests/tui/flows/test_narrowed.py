"""What a filter of the servers' does to the rest of the dashboard is said: nothing is measured, sums tell of more."""

from __future__ import annotations

import dataclasses

import pytest

from meshtui.tui.services.detail import ServiceDialog
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, recorded_flows, recorded_mesh

pytestmark = pytest.mark.timeout(60)


async def evidence(board: Board) -> str:
    """What the service's page says of the flows."""
    await board.press("2", "enter")
    await board.until(lambda: isinstance(board.app.screen, ServiceDialog) and "predicted" in board.text())
    text = board.text()
    await board.press("escape")
    return text


async def test_no_share_is_measured_while_the_servers_send_less():
    async with board_on(recorded_mesh(10), size=(160, 50)) as board:
        pane = board.app.board.flows
        rows = recorded_flows("dropped")
        now = [dataclasses.replace(row, time_ns=int(NOW * 1e9) + n) for n, row in enumerate(rows)]
        board.session.deliver(now)
        assert "connections since" in await evidence(board)
        await board.press("3")
        pane.set_filter("from-pod:default/x-wing")
        await board.until(lambda: "traffic shares of pane 2 pause" in board.text())
        text = await evidence(board)
        assert "not measured: the servers send only from-pod:default/x-wing" in text
        assert "connections since" not in text
        assert "flows disagree" not in text
        pane.set_filter("text:whatever")
        assert pane.asking.narrowed == "", "this runs here: all flows come"
        assert pane.asking.whole_since == NOW
        pane.set_filter("")
        later = [dataclasses.replace(row, uuid=f"{row.uuid}+", time_ns=row.time_ns + 10**9) for row in now]
        board.session.deliver(later)
        assert "connections since" in await evidence(board)


async def test_only_flows_from_after_a_filter_was_lifted_are_measured():
    async with board_on(recorded_mesh(10), size=(160, 50)) as board:
        pane = board.app.board.flows
        rows = recorded_flows("dropped")
        board.session.deliver([dataclasses.replace(row, time_ns=int((NOW - 5) * 1e9)) for row in rows])
        pane.set_filter("from-pod:default/x-wing")
        pane.set_filter("")
        assert "no connection seen since the filter of pane 3 was lifted" in await evidence(board)


async def test_a_sum_says_when_fewer_events_are_here_than_it_counted(board: Board):
    pane = board.app.board.flows
    board.session.deliver(recorded_flows("dropped", 80))
    await board.press("3", "s")
    await board.until(lambda: len(pane.items) > 1)
    before = {key: pane.listing.find(key).count for key in pane.items[1:]}
    assert sum(before.values()) == 960
    board.session.deliver(recorded_flows("dropped", 90)[960:])  # the store holds a thousand
    await board.until(lambda: sum(pane.listing.find(key).count for key in pane.items[1:]) == 1080)
    counted = pane.listing.find(pane.selected).count
    await board.press("enter")
    await board.until(lambda: pane.kind == "events")
    assert len(pane.view.events()) < counted
    assert f"{len(pane.view.events()):,} of {counted:,} still here" in str(pane.border_subtitle)
