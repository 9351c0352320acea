"""A change that was made but could not be written to the audit log is told, not kept quiet."""

from meshtui.core.errors import Refused
from tests.tui.conftest import Board


async def test_a_result_missing_from_the_audit_log_is_told(board: Board) -> None:
    board.session.audit_problem = Refused("the audit log cannot be written", cause="no space left", hint="free some")
    await board.press("2", "g")
    await board.until(lambda: board.session.performed, "the change was made")
    await board.until(lambda: any("audit log" in note.title for note in board.app._notifications), "it is told")
