"""Runs kept on disk across restarts: a JSON object per line, newest last, bounded, readable by the owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from meshtui.core.errors import MeshtuiError

NAME = "runs.jsonl"
MOST_RUNS = 200
MOST_REQUESTS = 1_000
"""Requests kept of one run: the last ones; its summary is of all."""
_SLACK = 50
"""Runs beyond `MOST_RUNS` after which the file is made shorter."""
_KEPT_BODY = 200


class RunLog:
    """`directory/runs.jsonl`; without a directory nothing is kept. Calls block: use a thread."""

    def __init__(self, directory: Path | None) -> None:
        self.path = directory / NAME if directory else None

    def append(self, record: Mapping[str, Any]) -> None:
        """Keep a run. Raises MeshtuiError when it cannot be written."""
        if self.path is None:
            return
        data = (json.dumps(_slim(record), ensure_ascii=True, separators=(",", ":")) + "\n").encode()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "ab") as file:
                    file.write(data)
                self._shorten()
        except OSError as error:
            raise MeshtuiError(
                "the run could not be kept",
                cause=f"{self.path}: {error.strerror or error}",
                hint="free some space or fix its permissions, or set state_directory elsewhere",
            ) from error

    def read(self) -> list[dict[str, Any]]:
        """The runs kept, oldest first; lines that cannot be read are left out."""
        if self.path is None:
            return []
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise MeshtuiError(
                "the kept runs cannot be read",
                cause=f"{self.path}: {error.strerror or error}",
                hint="fix its permissions, or set state_directory elsewhere",
            ) from error
        return [found for line in lines[-MOST_RUNS:] if (found := _run(line)) is not None]

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, whichever process it is in."""
        assert self.path is not None
        handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _shorten(self) -> None:
        """Keep the newest; a crash in between leaves the old file whole."""
        assert self.path is not None
        lines = self.path.read_bytes().splitlines(keepends=True)
        if len(lines) <= MOST_RUNS + _SLACK:
            return
        fresh = self.path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.writelines(lines[-MOST_RUNS:])
        fresh.replace(self.path)


def _run(line: bytes) -> dict[str, Any] | None:
    """A kept run, or None for a line that is not one."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    usable = isinstance(found, dict) and isinstance(found.get("summary"), dict) and isinstance(found.get("from"), dict)
    return found if usable else None


def _slim(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of bounded size: the last requests, the beginning of their bodies."""
    requests = record.get("requests") or []
    kept = [{**request, "body": str(request.get("body", ""))[:_KEPT_BODY]} for request in requests[-MOST_REQUESTS:]]
    return {**record, "requests": kept}
