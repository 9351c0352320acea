"""What the policies' keys do, also from where that screen is not open: then it opens first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshtui.tui.board import Board

if TYPE_CHECKING:
    from meshtui.tui.policies.screen import PoliciesScreen


class PoliciesCommands:
    """Each finds its method on the screen."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def __getattr__(self, name: str) -> Callable[[], object]:
        from meshtui.tui.policies.screen import PoliciesScreen

        if not name.startswith("do_policy_") or not hasattr(PoliciesScreen, name):
            raise AttributeError(name)
        return lambda: self._run(name)

    def _run(self, name: str) -> None:
        from meshtui.tui.policies.screen import PoliciesScreen

        shown = self._board.app.screen
        if isinstance(shown, PoliciesScreen):
            getattr(shown, name)()
            return
        opened = self.open()
        if opened is not None:
            opened.call_after_refresh(getattr(opened, name))

    def open(self, words: str = "") -> PoliciesScreen | None:
        """Open the screen, narrowed down to `words`; None where there is no cluster to show."""
        from meshtui.tui.policies.screen import PoliciesScreen

        if self._board.session is None:
            self._board.say("there is no cluster yet", "warn", "!")
            return None
        opened = PoliciesScreen(self._board, self._board.session)
        opened.filter = words
        self._board.app.push_screen(opened)
        return opened
