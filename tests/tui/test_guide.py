"""Guidance: the demo's first steps, and the keys of every dialog."""

from meshtui.tui.widgets.dialog import KeysDialog
from tests.tui.conftest import Board, board_on
from tests.tui.test_many import judged, mesh_of


async def test_the_first_steps_are_ticked_off_and_go_away(board: Board) -> None:
    guide = board.app.board.guide
    assert "first steps" not in board.text(), "only the demo shows them"
    guide.begin()
    await board.pilot.pause()
    assert "first steps  l requests · G share · l again · p policies" in board.text()
    assert "sums ─ all verdicts" in board.text(), "traffic is read at first sight"
    await board.press("l")
    assert "✔ requests" in board.text()
    await board.press("l")
    assert guide.done == 1, "the next step is another"
    await board.press("G")
    board.session.confirm()
    await board.press("l", "p")
    assert not guide.display


async def test_esc_hides_the_first_steps(board: Board) -> None:
    board.app.board.guide.begin()
    await board.press("escape")
    assert "first steps" not in board.text()


async def test_a_dialog_tells_its_keys(board: Board) -> None:
    await board.press("H")
    await board.press("question_mark")
    assert isinstance(board.app.screen, KeysDialog)
    text = board.text()
    assert "Keys here" in text
    assert "Close" in text
    await board.press("escape")
    assert "History" in board.text()


async def test_flows_of_many_clusters_open_as_sums() -> None:
    mesh = mesh_of(3)
    async with board_on(mesh, (160, 50), judgement=judged(mesh, broken=False)) as board:
        assert "sums" in str(board.app.board.flows.border_title)
        assert not board.app.board.flows.following, "sums are in no order of time"
    async with board_on() as board:
        assert "sums" not in str(board.app.board.flows.border_title)
