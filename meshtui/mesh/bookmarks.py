"""Bookmarks on disk: `bookmarks.json` in the state directory, by mesh, readable by the owner alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from meshtui.core import bookmarks as core
from meshtui.core.bookmarks import Bookmark
from meshtui.core.errors import MeshtuiError

NAME = "bookmarks.json"


class BookmarkFile:
    """One mesh's part of the file; without a directory they last as long as this object. Calls block, shortly."""

    def __init__(self, directory: Path | None, mesh: str) -> None:
        self.path = directory / NAME if directory else None
        self.mesh = mesh
        self._here: list[Bookmark] = []

    def read(self) -> list[Bookmark]:
        """What is kept. Raises MeshtuiError for a file that cannot be read or is none of ours."""
        return self._here if self.path is None else self._all().get(self.mesh, [])

    def put(self, mark: Bookmark) -> None:
        """Keep a place, instead of the one of its name. Raises MeshtuiError."""
        self._write(core.put(self.read(), mark))

    def remove(self, name: str) -> None:
        """Forget the one of that name. Raises MeshtuiError."""
        self._write(core.without(self.read(), name))

    def _write(self, marks: Iterable[Bookmark]) -> None:
        self._here = list(marks)
        if self.path is None:
            return
        whole = {**self._all(), self.mesh: self._here}
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(core.encode(whole))
            fresh.replace(self.path)
        except OSError as error:
            raise MeshtuiError(
                "the bookmark could not be kept",
                cause=f"{self.path}: {error.strerror or error}",
                hint="free some space or fix its permissions, or set state_directory elsewhere",
            ) from error

    def _all(self) -> dict[str, list[Bookmark]]:
        assert self.path is not None
        try:
            return core.decode(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise MeshtuiError(
                "the bookmarks cannot be read",
                cause=f"{self.path}: {error.strerror or error}",
                hint="fix its permissions, or set state_directory elsewhere",
            ) from error
        except ValueError as error:
            raise MeshtuiError(
                "the bookmarks cannot be read",
                cause=f"{self.path} is not what meshtui wrote: {error}",
                hint="mend it, or move it away: a new one is begun then",
            ) from error
