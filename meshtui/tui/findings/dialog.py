"""What is wrong or surprising in a mesh, worst first; enter applies what mends it, y copies the command."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.core.findings import Finding, findings
from meshtui.core.findings.folded import Fold, folded
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh
from meshtui.tui import clipboard
from meshtui.tui.board import Board
from meshtui.tui.findings.rows import finding_lines, fixes
from meshtui.tui.ports import SessionPort
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

    def __init__(self, board: Board, session: SessionPort) -> None:
        super().__init__(board, session)
        self.folds: dict[Hashable, Fold] = {}
        """What is told together, by the list's keys."""
        self.opened: set[Hashable] = set()
        """Folds whose members are listed, too."""

    def refill(self) -> None:
        """Show what the dashboard has found until now."""
        mesh = self.session.mesh
        found = self.board.findings.all() if self.board.findings is not None else findings(mesh, self.session.judgement)
        width = max(20, self.list.scrollable_content_region.width)
        lines: dict[Hashable, Sequence[Line]] = {}
        self.folds = {}
        for each in folded(found[:MOST], mesh):
            lines |= self._fold(each, width) if isinstance(each, Fold) else {each: self._lines(each, width)}
        if not lines:
            lines = {"none": [[Span(f" {status.OK} nothing that meshtui knows to look for", "ok")]]}
        if len(found) > MOST:
            lines["more"] = [[Span(f" and {len(found) - MOST} more", "dim")]]
        self.list.fill(lines)
        told = f", told in {len(lines)}" if self.folds and not self.opened else ""
        self._box.border_title = self.entitle(f"Findings ─ {len(found)}{told}")
        self._box.border_subtitle = self.entitle(
            "enter applies the fix · y copies the command · o opens the service or policy · esc closes"
        )

    def _lines(self, finding: Finding, width: int) -> list[Line]:
        now = self.board.clock.now()
        return finding_lines(finding, self.session.mesh, width, utc=self.board.utc, now=now)

    def _fold(self, fold: Fold, width: int) -> dict[Hashable, Sequence[Line]]:
        """What is the same on many nodes, told once; after enter each by itself beneath."""
        key = fold.told.kind, fold.told.contexts, fold.told.because
        self.folds[key] = fold
        words = "enter folds them again" if key in self.opened else f"enter lists all {len(fold.members)}"
        lines: dict[Hashable, Sequence[Line]] = {key: [*self._lines(fold.told, width), [Span(f"     {words}", "dim")]]}
        if key in self.opened:
            lines |= {member: self._lines(member, width) for member in fold.members}
        return lines

    def action_fix(self) -> None:
        """Plan the changes that would mend it, consent asked as for any other; unfold what was told together."""
        finding = self.list.selected
        if finding in self.folds:
            self.opened ^= {finding}
            self.refill()
            return
        if not isinstance(finding, Finding):
            return
        if not finding.fixes:
            self.board.say(finding.advice or "no annotation would fix this", "warn", "!")
            return
        self.board.change(lambda session: session.plan_fix(finding))

    def action_copy(self) -> None:
        """Copy the command that proves or mends it; of what was told together, the first one's."""
        finding = self.list.selected
        if finding in self.folds:
            finding = self.folds[finding].told
        if isinstance(finding, Finding):
            found = finding.advice or "; ".join(fixes(finding, self.session.mesh)) or finding.sentence
            self.board.say(clipboard.copy(self.app, safe(found, 2000)), "ok", status.OK)

    def action_service(self) -> None:
        """Explain the service the finding is about, or show the policy among all."""
        finding = self.list.selected
        mesh = self.session.mesh
        if isinstance(finding, Finding) and any(finding.object in c.services for c in mesh.clusters.values()):
            from meshtui.tui.services.detail import ServiceDialog

            self.app.push_screen(ServiceDialog(self.board, self.session, finding.object))
        elif isinstance(finding, Finding) and any(finding.object in c.of(kind) for c, kind in _policies(mesh)):
            from meshtui.tui.policies.commands import PoliciesCommands

            PoliciesCommands(self.board).open(finding.object)


def _policies(mesh: Mesh) -> Iterator[tuple[Cluster, Resource]]:
    """Every kind of policy of every cluster."""
    return ((cluster, kind) for cluster in mesh.clusters.values() for kind in r.POLICIES)
