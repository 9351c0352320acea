"""Where a person is on each tour, kept across restarts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

NAME = "tour.json"


class Progress(msgspec.Struct):
    """One tour in one lab."""

    at: str = ""
    """Name of the stop."""
    passed: list[str] = []
    """Stops whose check held once."""


@dataclass(frozen=True, slots=True)
class ProgressFile:
    """`directory/tour.json`, by lab and tour; without a directory, or room in it, nothing is kept."""

    directory: Path | None
    key: str
    """Which lab and which tour."""

    def read(self) -> Progress:
        """What was kept; the beginning where nothing was, or it cannot be read."""
        return self._all().get(self.key) or Progress()

    def write(self, progress: Progress) -> None:
        """Keep it."""
        if self.directory is None:
            return
        whole = {**self._all(), self.key: progress}
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = self.directory / f"{NAME}.new"
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(whole))
            draft.replace(self.directory / NAME)
        except OSError:
            return

    def _all(self) -> dict[str, Progress]:
        if self.directory is None:
            return {}
        try:
            return msgspec.json.decode((self.directory / NAME).read_bytes(), type=dict[str, Progress])
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return {}
