"""Where streams leave their rows and one consumer fetches them: bounded, so that nobody falls behind in silence."""

from __future__ import annotations

import threading
from collections.abc import Callable

from meshtui.core.flows.flow import FlowRow

DEFAULT_LIMIT = 50_000


class Inbox:
    """Many threads put, one consumer drains. `wake` is called, in the putting thread, when it stops being empty."""

    def __init__(self, wake: Callable[[], None], limit: int = DEFAULT_LIMIT) -> None:
        self._wake = wake
        self._limit = limit
        self._lock = threading.Lock()
        self._rows: list[FlowRow] = []
        self.whole = False
        """Whether who drains looks at all of every row: give it to `FlowStream(whole=…)`."""
        self._shed = 0

    def room(self) -> bool:
        """Whether a stream should go on decoding: give it to `FlowStream(room=…)`."""
        return len(self._rows) < self._limit

    def put(self, rows: list[FlowRow]) -> None:
        """Take a batch; what does not fit is counted and thrown away, newest kept."""
        with self._lock:
            was_empty = not self._rows
            self._rows += rows
            excess = len(self._rows) - self._limit
            if excess > 0:
                del self._rows[:excess]
                self._shed += excess
        if was_empty and rows:
            self._wake()

    def drain(self) -> tuple[list[FlowRow], int]:
        """Everything that waits, and how many rows were thrown away since the last call."""
        with self._lock:
            rows, self._rows = self._rows, []
            shed, self._shed = self._shed, 0
        return rows, shed
