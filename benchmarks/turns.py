"""Runs meshtui and writes down how long its event loop was held: `python benchmarks/turns.py FILE [ARGUMENTS …]`.

A turn is all that runs between two looks at the sockets. Every second FILE gets the longest turn since the start, and
the one before, by the clock and by this thread's own CPU time: on a machine that others use the clock says little.
"""

from __future__ import annotations

import json
import selectors
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

from meshtui.cli.main import run


class Watched(selectors.EpollSelector):
    """Notes the time between two looks."""

    out = Path()
    longest: ClassVar[dict[str, float]] = {"wall_ms": 0.0, "cpu_ms": 0.0, "lately_cpu_ms": 0.0}

    def __init__(self) -> None:
        super().__init__()
        self.began = time.monotonic(), time.thread_time()
        self.written = time.monotonic()
        self.lately = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[Any, Any]]:
        wall, cpu = (1e3 * (now - then) for now, then in zip(self.now(), self.began, strict=True))
        longest = Watched.longest
        longest["wall_ms"], longest["cpu_ms"] = max(longest["wall_ms"], wall), max(longest["cpu_ms"], cpu)
        self.lately = max(self.lately, cpu)
        if time.monotonic() - self.written > 1:
            longest["lately_cpu_ms"] = self.lately
            self.written, self.lately = time.monotonic(), 0.0
            Watched.out.write_text(json.dumps(longest))
        found = super().select(timeout)
        self.began = self.now()
        return found

    @staticmethod
    def now() -> tuple[float, float]:
        return time.monotonic(), time.thread_time()


if __name__ == "__main__":
    Watched.out = Path(sys.argv[1])
    selectors.DefaultSelector = Watched  # type: ignore[misc, assignment]
    sys.exit(run(sys.argv[2:]))
