"""Writes every flow of a session into a file, as `hubble observe -o jsonpb` does; in a thread, since JSON is slow."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from meshtui.core.errors import UsageError
from meshtui.core.flows.flow import FlowRow

LIMIT = 200_000
"""Flows that may wait to be written; what comes beyond is counted, not kept."""


class Recorder:
    """Appends to nothing that exists: the file must be new. `take` never blocks."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when the file cannot be made."""
        self.path = path.expanduser()
        self.written = 0
        self.left_out = 0
        """Flows that came faster than they could be written, or after the disk refused."""
        self.problem = ""
        self._file = _made(self.path)
        self._waiting: queue.SimpleQueue[Sequence[FlowRow] | None] = queue.SimpleQueue()
        self._queued = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write, name="flow recorder", daemon=True)
        self._thread.start()

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Write these soon."""
        with self._lock:
            if self.problem or self._queued + len(rows) > LIMIT:
                self.left_out += len(rows)
                return
            self._queued += len(rows)
        self._waiting.put(rows)

    def close(self, timeout: float = 30.0) -> None:
        """Write what waits and close the file."""
        self._waiting.put(None)
        self._thread.join(timeout)

    @property
    def told(self) -> str:
        """`recording 1,234`, and what went wrong."""
        lost = f", {self.left_out:,} left out" if self.left_out else ""
        return f"recording {self.written:,}{lost}{f' ({self.problem})' if self.problem else ''}"

    def _write(self) -> None:
        from meshtui.hubble.jsonlines import as_line

        with self._file as file:
            while (rows := self._waiting.get()) is not None:
                lines = [line for row in rows if row.raw and (line := self._line(as_line, row))]
                try:
                    file.writelines(lines)
                    file.flush()
                except OSError as error:
                    with self._lock:
                        self.problem = error.strerror or str(error)
                        self.left_out += len(rows)
                else:
                    self.written += len(lines)
                with self._lock:
                    self._queued -= len(rows)

    def _line(self, as_line: Callable[[FlowRow], str], row: FlowRow) -> str:
        """A flow that cannot be written costs itself, not the recording."""
        try:
            return as_line(row) + "\n"
        except Exception:  # noqa: BLE001 - hostile bytes meet a library's JSON: whatever it raises is counted
            with self._lock:
                self.left_out += 1
            return ""


def _made(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot record into {path}", cause=error.strerror or str(error), hint="name a file that does not exist yet"
        ) from error
