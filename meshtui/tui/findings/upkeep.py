"""Keeps the findings current in portions, so that looking for them never delays a paint."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.core.findings import Findings

AT_ONCE = 60
"""Services looked at between two paints."""


class Upkeep:
    """Looks at some services now and at the rest after the next paint; `done` is told when many were looked at."""

    def __init__(self, later: Callable[[Callable[[], None]], object], done: Callable[[], None]) -> None:
        self._later = later
        self._done = done
        self._going_on = False

    def work(self, findings: Findings) -> None:
        """Look at a portion."""
        if self._going_on:
            return
        before = findings.backlog
        findings.work(AT_ONCE)
        if findings.backlog:
            self._going_on = True

            def on() -> None:
                self._going_on = False
                self.work(findings)

            self._later(on)
        elif before > AT_ONCE // 2:
            self._done()
