"""Keeps the findings current in portions, so that looking for them never delays a paint."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.core.findings import Findings
from meshtui.tui.portions import Portions, Pump

AT_ONCE = 20
"""Services looked at in one turn: 8 ms where each is in sixteen clusters."""
_MANY = 30


class Upkeep:
    """Looks at some services now and at the rest in later turns; `done` is told when many were looked at."""

    def __init__(self, pump: Pump, done: Callable[[], None]) -> None:
        self._portions = Portions(pump, self._portion)
        self._done = done
        self._findings: Findings | None = None
        self._looked = 0

    def work(self, findings: Findings) -> None:
        """Look at a portion."""
        self._findings = findings
        self._portions.go_on()

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
