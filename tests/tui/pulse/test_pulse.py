"""The pulse on the screen: a line per cluster that says what was measured, and where nothing was, why."""

from __future__ import annotations

import dataclasses

import pytest

from meshtui.core.health.pulse import Pulse
from meshtui.core.model import state as s
from meshtui.tui.pulse import rows
from meshtui.tui.pulse.screen import PulseScreen
from meshtui.tui.widgets.paint import width_of
from tests.tui.conftest import Board, board_on
from tests.tui.fakes import NOW, recorded_flows
from tests.tui.test_many import SIZES, judged, mesh_of


def drops(seconds_ago: float, times: int = 6):
    """Recorded drops, the newest of them that long ago."""
    found = recorded_flows("dropped", times)
    shift = int((NOW - seconds_ago) * 1e9) - max(row.time_ns for row in found)
    return [dataclasses.replace(row, time_ns=row.time_ns + shift) for row in found]


async def test_it_opens_by_its_key_and_by_its_word(board: Board) -> None:
    await board.press("V")
    assert isinstance(board.app.screen, PulseScreen)
    await board.press("escape", "colon", *"pulse", "enter")
    assert isinstance(board.app.screen, PulseScreen)
    await board.press("question_mark")
    assert "Flows dropped there" in board.text()


async def test_before_flows_came_nothing_is_called_zero(board: Board) -> None:
    await board.press("V")
    text = board.text()
    assert text.count("nothing is measured") == 2
    assert "0/s" not in text


async def test_drops_are_a_bar_and_a_rate_and_lead_to_the_flows(board: Board) -> None:
    board.session.deliver(drops(12))
    await board.press("V")
    text = board.text()
    here = {row.node.partition("/")[0] for row in drops(12)}
    for cluster in board.session.mesh.clusters.values():
        line = next(line for line in text.splitlines() if f" {cluster.name} " in line)
        assert ("/s" in line and "█" in line) == (cluster.name in here)
    place = list(board.session.mesh.clusters).index(sorted(here)[0])
    await board.press(*["down"] * place, "d")
    assert board.app.board.current == "flows"
    assert board.app.board.flows.question is not None
    assert board.app.board.flows.question.text == f"node-name:{sorted(here)[0]}/*"
    assert len(board.app.board.flows.items) > 0


async def test_time_that_passes_empties_it_and_enter_goes_to_the_cluster(board: Board) -> None:
    board.session.deliver(drops(4000))
    await board.press("V")
    assert board.text().count("nothing is measured") == 2, "an hour old says nothing of now"
    await board.press("down", "enter")
    assert board.app.board.current == "clusters"
    assert board.app.board.clusters.context == "tion"


async def test_a_source_that_failed_says_why(board: Board) -> None:
    from meshtui.core.errors import MeshtuiError

    error = MeshtuiError("the Relay is away", cause="connection refused")
    board.session.emit(s.RelayChanged("tion", NOW, s.Phase.FAILED, s.FlowSource.NONE, "", error=error))
    await board.press("V")
    assert "nothing is measured: the Relay is away: connection refused" in board.text()


@pytest.mark.parametrize("size", [SIZES[0], SIZES[3]], ids=lambda size: "×".join(map(str, size)))
@pytest.mark.parametrize("number", [2, 16])
async def test_every_cluster_has_a_line_on_every_screen(number: int, size: tuple[int, int]) -> None:
    mesh = mesh_of(number)
    async with board_on(mesh, size, judgement=judged(mesh, broken=False)) as board:
        await board.press("V")
        shown = board.text()
        width = board.app.screen.list.scrollable_content_region.width  # type: ignore[attr-defined]
        for cluster in mesh.clusters.values():
            assert cluster.name[:8] in shown or number * 2 + 3 > size[1]
        for lines in board.app.screen.list.lines.values():  # type: ignore[attr-defined]
            assert all(width_of(line) <= width for line in lines)


def test_bars_say_not_measured_zero_and_much_differently() -> None:
    assert rows.sparkline((None, 0, 1, 50, 100), 10, 100) == "·▁▂▅█"
    assert rows.sparkline((None, 0, 1, 50, 100), 2, 100) == "▅█"
    assert rows.sparkline((0, 0), 5, 0) == "▁▁"


def test_clusters_share_one_scale() -> None:
    some, other = Pulse((1, 2), (1, 1), (0, 0), (0.5, None)), Pulse((4, None), (9, 1), (0, 0), (None, 2.0))
    assert rows.scales([some, other]) == (4, 9, 2.0)
