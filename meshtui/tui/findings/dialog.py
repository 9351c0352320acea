"""What is wrong or surprising in a mesh, worst first; enter applies what mends it, y copies the command."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.core.findings import Finding, findings
from meshtui.tui import clipboard
from meshtui.tui.findings.rows import finding_lines, fixes
from meshtui.tui.widgets import status
from meshtui.tui.widgets.livelist import LiveListDialog
from meshtui.tui.widgets.paint import Line, Span, safe

MOST = 500
"""Findings shown; whoever has more mends some first."""


class FindingsDialog(LiveListDialog):
    """Kept up to date while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "fix", show=False),
        Binding("o", "service", show=False),
        Binding("y", "copy", show=False),
    ]

    def refill(self) -> None:
        """Show what the dashboard has found until now."""
        mesh = self.session.mesh
        found = self.board.findings.all() if self.board.findings is not None else findings(mesh, self.session.judgement)
        width = max(20, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {
            f: finding_lines(f, mesh, width, utc=self.board.utc) for f in found[:MOST]
        }
        if not lines:
            lines = {"none": [[Span(f" {status.OK} nothing that meshtui knows to look for", "ok")]]}
        if len(found) > MOST:
            lines["more"] = [[Span(f" and {len(found) - MOST} more", "dim")]]
        self.list.fill(lines)
        self._box.border_title = self.entitle(f"Findings ─ {len(found)}")
        self._box.border_subtitle = self.entitle(
            "enter applies the fix · y copies the command · o opens the service · esc closes"
        )

    def action_fix(self) -> None:
        """Plan the changes that would mend it; consent is asked as for any other."""
        finding = self.list.selected
        if not isinstance(finding, Finding):
            return
        if not finding.fixes:
            self.board.say(finding.advice or "no annotation would fix this", "warn", "!")
            return
        self.board.change(lambda session: session.plan_fix(finding))

    def action_copy(self) -> None:
        """Copy the command that proves or mends it."""
        finding = self.list.selected
        if isinstance(finding, Finding):
            found = finding.advice or "; ".join(fixes(finding, self.session.mesh)) or finding.sentence
            self.board.say(clipboard.copy(self.app, safe(found, 2000)), "ok", status.OK)

    def action_service(self) -> None:
        """Explain the service the finding is about."""
        finding = self.list.selected
        mesh = self.session.mesh
        if isinstance(finding, Finding) and any(finding.object in c.services for c in mesh.clusters.values()):
            from meshtui.tui.services.detail import ServiceDialog

            self.app.push_screen(ServiceDialog(self.board, self.session, finding.object))
