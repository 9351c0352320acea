"""Keeps the findings current in portions, so that looking for them never delays a paint."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.core.findings import Findings
from meshtui.tui.portions import Portions, Pump

AT_ONCE = 20
"""Services looked at in one turn: 8 ms where each is in sixteen clusters."""
_MANY = 30
_WAITS = 200
"""Services left to look at, above which they may wait."""


class Upkeep:
    """Looks at some services now and at the rest in later turns; `done` is told when many were looked at.

    While `early()` holds and there are many, they wait, as `Portions` says.
    """

    def __init__(self, pump: Pump, done: Callable[[], None], *, early: Callable[[], bool] = lambda: False) -> None:
        self._portions = Portions(pump, self._portion, early=lambda: self._many and early())
        self._done = done
        self._findings: Findings | None = None
        self._looked = 0

    def work(self, findings: Findings) -> None:
        """Look at a portion."""
        self._findings = findings
        self.go_on()

    def go_on(self) -> None:
        """Look at a portion, where any is left: what was waited for may have come."""
        self._portions.go_on()

    @property
    def _many(self) -> bool:
        return self._findings is not None and self._findings.backlog > _WAITS

    def _portion(self) -> bool:
        findings = self._findings
        if findings is None:
            return False
        before = findings.backlog
        findings.work(AT_ONCE)
        self._looked += before - findings.backlog
        if findings.backlog:
            return True
        looked, self._looked = self._looked, 0
        if looked > _MANY:
            self._done()
        return False
