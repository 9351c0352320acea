"""A dialog that is one list, filled again whenever the mesh changes while it is open."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical

from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList


class LiveListDialog(Dialog[None]):
    """Whoever inherits says in `refill` what stands in `list`."""

    AUTO_FOCUS: ClassVar[str] = "ItemList"

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and again whenever the mesh changes."""
        self.call_after_refresh(self.refill)
        self.board.listeners.add(self.refill)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)

    @abstractmethod
    def refill(self) -> None:
        """Show what there is now."""
