"""The system's clock, for everything that is not a test."""

from __future__ import annotations

import time


class SystemClock:
    """`core.clock.Clock` by the operating system."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
