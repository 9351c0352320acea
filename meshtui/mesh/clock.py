"""The clock of the machine we run on."""

from __future__ import annotations

import time


class SystemClock:
    """Wall and monotonic time of this machine (`core.clock.Clock`)."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
