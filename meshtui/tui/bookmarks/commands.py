"""What the keys of bookmarks do: keep this place, list the kept ones, go to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from textual.app import App

from meshtui.core.bookmarks import Bookmark, key_of, named, proposed
from meshtui.core.errors import MeshtuiError
from meshtui.core.settings import Settings
from meshtui.mesh.bookmarks import BookmarkFile
from meshtui.tui import commands as c
from meshtui.tui.bookmarks import place

KEEP = "bookmarks.keep"


class BookmarkHost(place.PlaceHost, Protocol):
    """The dashboard, as far as bookmarks are concerned."""

    settings: Settings
    keymap: dict[str, str]

    @property
    def app(self) -> App[Any]:
        """The application."""
        ...

    def say(self, text: str, role: str = "ok", glyph: str = ...) -> None:
        """Put a sentence into the message line."""
        ...

    def tell(self, error: MeshtuiError) -> None:
        """State a failure."""
        ...

    def ask_filter(self, value: str, placeholder: str, done: Callable[[str], None]) -> None:
        """Ask for a line of text."""
        ...


class BookmarkCommands:
    """The commands of bookmarks."""

    def __init__(self, ground: BookmarkHost) -> None:
        self.ground = ground
        self._file: BookmarkFile | None = None

    @property
    def file(self) -> BookmarkFile | None:
        """Where this mesh's are kept; None, and said so, before there is a mesh."""
        mesh, settings = self.ground.mesh, self.ground.settings
        if mesh is None:
            self.ground.say("there is no cluster yet", "warn", "!")
            return None
        if self._file is None:
            self._file = BookmarkFile(settings.state_directory, key_of(settings.mesh, mesh.clusters))
        return self._file

    def do_keep(self) -> None:
        """Keep where the cursor is, under a name that is asked for."""
        file = self.file
        if file is None:
            return
        here = place.here(self.ground)

        def done(text: str) -> None:
            if name := named(text):
                self._keep(file, msgspec.structs.replace(here, name=name))

        self.ground.ask_filter(proposed(here), "name of this place; one that exists is replaced", done)

    def _keep(self, file: BookmarkFile, mark: Bookmark) -> None:
        try:
            file.put(mark)
        except MeshtuiError as error:
            self.ground.tell(error)
            return
        until = "" if file.path else ", until meshtui ends: there is no state directory"
        self.ground.say(f"bookmark {mark.name} kept{until}")

    def do_bookmarks(self) -> None:
        """List the places that are kept."""
        from meshtui.tui.bookmarks.dialog import BookmarksDialog

        file = self.file
        if file is not None:
            keys = c.keys_of(c.BY_ID[KEEP], self.ground.keymap)
            dialog = BookmarksDialog(file, c.key_text(keys[0]) if keys else "keep", self.ground.tell)
            self.ground.app.push_screen(dialog, self._reach)

    def open(self, name: str) -> None:
        """Go to the bookmark that is called so or begins so; list all where none or several do."""
        file = self.file
        if file is None or not name:
            self.do_bookmarks()
            return
        try:
            marks = file.read()
        except MeshtuiError as error:
            self.ground.tell(error)
            return
        found = [mark for mark in marks if mark.name == name] or [m for m in marks if m.name.startswith(name)]
        if len(found) == 1:
            self._reach(found[0])
        else:
            self.do_bookmarks()

    def _reach(self, mark: Bookmark | None) -> None:
        if mark is not None:
            words, well = place.reach(self.ground, mark)
            self.ground.say(words, "dim" if well else "warn", "·" if well else "!")
