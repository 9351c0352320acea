"""Time as something handed in: the protocol of a clock, so that tests decide what time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Wall time and a monotonic time, both in seconds."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...
