"""Shows one object: described, or as YAML; read again with r."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.model.resources import Resource
from meshtui.mesh.describe import Description
from meshtui.tui.board import Board
from meshtui.tui.clipboard import copy
from meshtui.tui.describe.rows import commands, describe_lines, document_lines
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets import status
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line, Span, safe


class DescribeDialog(Dialog[None]):
    """`d` and `Y` change between the two; `y` copies the kubectl line, `9` the k9s line."""

    AUTO_FOCUS = "LineText"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("Y", "look('yaml')", show=False),
        Binding("d", "look('describe')", show=False),
        Binding("r", "read", show=False),
        Binding("y", "copy(0)", show=False),
        Binding("9", "copy(1)", show=False),
    ]

    def __init__(
        self, board: Board, session: SessionPort, context: str, resource: Resource, namespace: str, name: str,
        look: str = "describe",
    ) -> None:  # fmt: skip
        super().__init__()
        self.board = board
        self.session = session
        self.object = context, resource, namespace, name
        self.found: Description | None = None
        self.look = look
        self.told = LineText([[Span(f" {status.WAITING} reading", "dim")]])
        self._box = Vertical(self.told, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Ask the API server."""
        self._entitle()
        self.action_read()

    def action_read(self) -> None:
        """Read it again."""
        self.run_worker(self._read(), exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        self.found = await self.session.reader.describe(*self.object)
        self._show()

    def action_look(self, look: str) -> None:
        """The other way to see it."""
        self.look = look
        self._entitle()
        self._show()

    def _entitle(self) -> None:
        context, resource, namespace, name = self.object
        key = f"{namespace}/{name}" if namespace else name
        what = "YAML of" if self.look == "yaml" else "Describe"
        self._box.border_title = self.entitle(f"{what} {resource.kind} {safe(key, 80)} in {safe(context, 40)}")
        other = "d describes" if self.look == "yaml" else "Y shows YAML"
        self._box.border_subtitle = self.entitle(f"{other} · r reads again · y copies kubectl · 9 k9s · esc closes")

    def _show(self) -> None:
        if self.found is None:
            return
        lines: list[Line]
        if self.look == "yaml" and self.found.error is None:
            lines = document_lines(self.found.document)
        else:
            lines = describe_lines(self.found, *self.object, max(40, self.told.size.width - 2))
        self.told.set_lines(lines)

    def action_copy(self, which: int) -> None:
        """Copy the command that shows the same elsewhere."""
        self.board.say(copy(self.app, commands(*self.object)[which]), "dim", "·")
