"""What was changed in this session, newest first, and where the audit log is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from meshtui.core.text import clean
from meshtui.tui.changes.historyrows import history_lines
from meshtui.tui.widgets.livelist import LiveListDialog
from meshtui.tui.widgets.paint import Line, Span


class HistoryDialog(LiveListDialog):
    """`u` takes the last change back, again and again."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("u", "undo", show=False)]

    def refill(self) -> None:
        """Show what was done until now."""
        history, mesh = self.session.history, self.session.mesh
        width = max(30, self.list.scrollable_content_region.width)
        standing = [id(plan) for plan, _ in history.done]
        lines: dict[Hashable, Sequence[Line]] = {}
        for number, (plan, outcomes) in reversed(list(enumerate(history.tried))):
            last = bool(standing) and id(plan) == standing[-1]
            undo = "u undoes this" if last else "stands" if id(plan) in standing else ""
            lines[number] = history_lines(plan, outcomes, mesh, width, undo=undo, utc=self.board.utc)
        path = self.session.audit_path
        where = clean(str(path), 200) if path else "not kept: there is no state directory"
        lines["log"] = [(), [Span(f" audit log  {where}", "dim")]]
        if not history.tried:
            lines = {"none": [[Span(" nothing was changed in this session", "dim")]], **lines}
        self.list.fill(lines)
        self._box.border_title = self.entitle(f"History ─ {len(history.tried)}")
        self._box.border_subtitle = self.entitle(f"u undo ({len(history.done)} left) · esc closes")

    def action_undo(self) -> None:
        """Take the last change back that still stands."""
        self.board.change(lambda session: session.plan_undo(), nothing="there is nothing to undo")
