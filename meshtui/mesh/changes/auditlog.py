"""The audit log on disk: one JSON object per line, only ever appended, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from meshtui.core.changes.audit import line, standing
from meshtui.core.changes.plan import AuditEntry, Outcome, Plan
from meshtui.core.errors import Refused

NAME = "audit.jsonl"


class AuditLog:
    """Appends entries to `directory/audit.jsonl`; without a directory nothing is kept. Calls block: use a thread."""

    def __init__(self, directory: Path | None) -> None:
        self.path = directory / NAME if directory else None

    def recall(self) -> list[tuple[Plan, tuple[Outcome, ...]]]:
        """Changes of whatever session that still stand, oldest first; none where there is no log. Raises Refused."""
        if self.path is None:
            return []
        try:
            with self.path.open(encoding="utf-8", errors="replace") as file:
                return standing(file)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Refused("the audit log cannot be read", cause=f"{self.path}: {error.strerror or error}") from error

    def append(self, entries: list[AuditEntry]) -> None:
        """Write the lines in one go; raises Refused when they cannot be written."""
        if self.path is None:
            return
        data = "".join(f"{line(entry)}\n" for entry in entries).encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # O_APPEND: two sessions that write at once do not cut each other's lines.
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, data)
            finally:
                os.close(handle)
        except OSError as error:
            raise Refused(
                "the audit log cannot be written, so nothing is changed",
                cause=f"{self.path}: {error.strerror or error}",
                hint="free some space or fix its permissions, or set state_directory elsewhere",
            ) from error
