"""A clock for tests that moves when the test says so."""

from __future__ import annotations


class HandClock:
    """Time stands at `time`, in seconds, until somebody sets it."""

    def __init__(self, time: float = 1_800_000_000.0) -> None:
        self.time = time

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time
