"""Why flows were dropped, by the policies of their own time, each worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.model.state import Mesh

if TYPE_CHECKING:
    from meshtui.core.policy import Explanation, PolicyHistory

_KEPT = 5000
"""Explanations kept at most."""


class Explanations:
    """Remembers the policies of every moment it is told of; drops are explained by those of their time."""

    def __init__(self) -> None:
        self._policies: PolicyHistory | None = None
        self._explained: dict[int, Explanation] = {}

    def note(self, mesh: Mesh | None, now: float) -> bool:
        """Remember the policies in force now (wall time, seconds); whether they have changed."""
        if mesh is None:
            return False
        if self._policies is None:
            from meshtui.core.policy import PolicyHistory

            self._policies = PolicyHistory()
        if not self._policies.note(mesh, int(now * 1e9)):
            return False
        self._explained.clear()
        return True

    def explain(self, mesh: Mesh | None, row: FlowRow) -> Explanation | None:
        """Why a flow was dropped; None for a flow that was not, or when no policies are known yet."""
        if mesh is None or self._policies is None or row.verdict != Verdict.DROPPED:
            return None
        key = hash((row.uuid, row.time_ns))
        if key not in self._explained:
            if len(self._explained) > _KEPT:
                self._explained.clear()
            self._explained[key] = self._policies.explain(mesh, row)
        return self._explained[key]
