"""The traps a mesh is in, worst first; enter applies the change that would fix the one under the cursor."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.findings import Finding, findings
from meshtui.tui.dialogs.base import Dialog
from meshtui.tui.ports import SessionPort
from meshtui.tui.rows import status
from meshtui.tui.rows.findings import finding_lines
from meshtui.tui.rows.paint import Line, Span
from meshtui.tui.widgets import LineView

if TYPE_CHECKING:
    from meshtui.tui.dashboard import Dashboard


class FindingList(LineView):
    """Findings of several lines each."""

    rests = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", show=False),
        Binding("up,k", "step(-1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Hashable, Sequence[Line]] = {}

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """One finding."""
        return self.lines.get(key, ())

    def action_step(self, by: int) -> None:
        """Move the cursor."""
        self.move_to(self.cursor + by)


class FindingsDialog(Dialog[None]):
    """Kept up to date while it is open."""

    AUTO_FOCUS = "FindingList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "fix", show=False)]

    def __init__(self, board: Dashboard, session: SessionPort) -> None:
        super().__init__()
        self.board = board
        self.session = session
        self.list = FindingList()
        self._box = Vertical(self.list, classes="dialog")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and keep it up to date with the watch."""
        self.call_after_refresh(self.refill)
        self.board.listeners.add(self.refill)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)

    def refill(self) -> None:
        """Look for traps again."""
        mesh = self.session.mesh
        found = findings(mesh)
        width = max(20, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {finding: finding_lines(finding, mesh, width) for finding in found}
        if not lines:
            lines = {"none": [[Span(f" {status.OK} no trap that meshtui knows", "ok")]]}
        self.list.lines = lines
        self.list.show(list(lines), [len(told) for told in lines.values()])
        self._box.border_title = self.entitle(f"Findings ─ {len(found)}")
        self._box.border_subtitle = self.entitle("enter applies the fix · esc closes")

    def action_fix(self) -> None:
        """Plan the change that would mend it; consent is asked as for any other."""
        finding = self.list.selected
        if not isinstance(finding, Finding) or not finding.fixes:
            self.board.say("no annotation would fix this", "warn", "!")
            return
        first = finding.fixes[0]
        alike = [fix for fix in finding.fixes if (fix.what, fix.value) == (first.what, first.value)]
        refs = [(fix.context, fix.service_key) for fix in alike]
        self.board.change(lambda session: session.plan_annotation(refs, first.what, first.value))
