"""One flow in full, with what can be copied of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.flows.flow import FlowRow
from meshtui.core.policy.mend.asked import is_policy_drop
from meshtui.tui.clipboard import copy
from meshtui.tui.flows.text import as_command, as_compact, as_json
from meshtui.tui.widgets.dialog import Dialog, LineText
from meshtui.tui.widgets.paint import Line


class FlowDialog(Dialog[str | None]):
    """`y` copies the hubble CLI's line, `Y` the command that shows the flow, `J` the JSON; `i` filters by a cell.

    Answers `filter` when a cell is to be chosen, `mend` when what would let it pass is asked for.
    """

    AUTO_FOCUS = "LineText"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy('line')", show=False),
        Binding("Y", "copy('command')", show=False),
        Binding("J", "copy('json')", show=False),
        Binding("i", "terms", show=False),
        Binding("M", "mend", "Mend", show=False),
    ]

    def __init__(self, rows: Sequence[FlowRow], lines: Sequence[Line]) -> None:
        super().__init__()
        self.row = rows[0]
        self.rows = rows
        self.lines = lines
        self.refused = any(map(is_policy_drop, rows))

    def compose(self) -> ComposeResult:
        """The text in a frame."""
        with Vertical(classes="dialog -tall") as box:
            box.border_title = self.entitle("Flow")
            mend = "M mend · " if self.refused else ""
            keys = f"y copy line · Y command · J JSON · i filter by a cell · {mend}esc closes"
            box.border_subtitle = self.entitle(keys)
            yield LineText(self.lines)

    def action_copy(self, what: str) -> None:
        """Copy the flow in one form, and say so."""
        form = {"line": as_compact, "json": as_json}.get(what)
        text = "\n".join(map(form, self.rows)) if form else as_command(self.row)
        self.notify(copy(self.app, text), markup=False, timeout=3)

    def action_terms(self) -> None:
        """On to filtering by a cell."""
        self.dismiss("filter")

    def action_mend(self) -> None:
        """On to what would let it pass."""
        if self.refused:
            self.dismiss("mend")
