"""The command palette's entries, made from the registry; what is not available says why."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from typing import Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from meshtui.tui import commands as c
from meshtui.tui.board import Host


class RegistryProvider(Provider):
    """Every command of the registry that is meant for the palette."""

    def _entries(self) -> list[tuple[str, str, partial[Coroutine[Any, Any, None]]]]:
        app = cast("Host", self.app)
        entries = []
        for command in c.COMMANDS:
            if not command.palette:
                continue
            refused = app.board.why_not(command)
            help_text = f"not now: {refused}" if refused else command.help
            scope = "" if c.EVERYWHERE in command.scopes else f"{command.scopes[0]}: "
            entries.append((f"{scope}{command.title}", help_text, partial(app.action_run, command.id)))
        return entries

    async def discover(self) -> Hits:
        """All of them, before anything is typed."""
        for title, help_text, run in self._entries():
            yield DiscoveryHit(title, run, help=help_text)

    async def search(self, query: str) -> Hits:
        """Those that match what is typed."""
        matcher = self.matcher(query)
        for title, help_text, run in self._entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, help=help_text)
