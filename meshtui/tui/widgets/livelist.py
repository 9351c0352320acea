"""Dialogs that are one list: filled when they open, or again whenever the mesh changes while they are open."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical

from meshtui.tui.board import Board
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList

Answer = TypeVar("Answer")
"""What a dialog is closed with."""


class ListDialog(Dialog[Answer]):
    """Whoever inherits says in `refill` what stands in `list`."""

    AUTO_FOCUS: ClassVar[str] = "ItemList"

    def __init__(self) -> None:
        super().__init__()
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it."""
        self.call_after_refresh(self.refill)

    @abstractmethod
    def refill(self) -> None:
        """Show what there is now."""


class LiveListDialog(ListDialog[None]):
    """Filled again whenever the mesh changes while it is open."""

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__()
        self.board = board
        self.session = session

    def on_mount(self) -> None:
        """Listen while it is open."""
        self.board.listeners.add(self.refill)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)
