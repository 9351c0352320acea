"""Lends the terminal to a plugin that must ask a person: the screen is suspended meanwhile, and painted again after."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual.app import SuspendNotSupported

from meshtui.core.errors import MeshtuiError
from meshtui.core.settings import Settings
from meshtui.core.text import clean

if TYPE_CHECKING:
    from textual.app import App


class Screen:
    """The dashboard's terminal, as `kube.logins.Terminal` wants it."""

    shared = False

    def __init__(self, app: App[int]) -> None:
        self._app = app

    @asynccontextmanager
    async def lend(self, title: str) -> AsyncIterator[None]:
        """Nothing is painted while the block lasts. Raises MeshtuiError where the screen cannot be left."""
        failure: BaseException | None = None
        try:
            # Textual neither stops painting while our loop goes on, nor comes back after an error.
            with self._app.batch_update(), self._app.suspend():
                try:
                    sys.stderr.write(f"\n{clean(title)}; the dashboard comes back when it is done.\n")
                    sys.stderr.flush()
                    yield
                except BaseException as error:  # noqa: BLE001 - raised again once the screen is back
                    failure = error
            if failure is not None:
                raise failure
        except SuspendNotSupported:
            raise MeshtuiError(
                f"{clean(title)}, but this terminal cannot be lent to it",
                hint="log in from a shell first, then start meshtui again",
            ) from None


@runtime_checkable
class OfClusters(Protocol):
    """A session on clusters, not on a file: it has logins, and namespaces of its contexts."""

    settings: Settings

    def log_in(self, context: str) -> None:
        """Try to reach a cluster again now, even where a login failed a moment ago."""
        ...

    def take_terminal(self, terminal: Screen) -> None:
        """Plugins may borrow it."""
        ...
