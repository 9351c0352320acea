"""What the palette offers: every command of the registry with its key, and what can be found for a typed text."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from meshtui.tui import commands as c
from meshtui.tui.board import Host


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette."""

    title: str
    help: str
    run: Callable[[], Awaitable[None]]
    key: str = ""
    """The key that does the same, as people write it."""
    id: str = ""
    changes: bool = False
    """Whether it can change a cluster: it runs only when chosen from the list or typed in full."""
    typed_only: bool = False
    """Not listed before something is typed."""

    def named(self, text: str) -> bool:
        """Whether `text` is its title or id in full, in any case of letters."""
        return text.casefold() in (self.title.casefold(), self.id)


def registry_entries(host: Host) -> Iterator[Entry]:
    """Every command of the registry that is meant for the palette; what is not available now says why."""
    for command in c.COMMANDS:
        if not command.palette:
            continue
        refused = host.board.why_not(command)
        scope = "" if c.EVERYWHERE in command.scopes else f"{command.scopes[0]}: "
        keys = c.keys_of(command, host.board.keymap)
        yield Entry(
            f"{scope}{command.title}",
            f"not now: {refused}" if refused else command.help,
            _runner(host, command.id),
            c.key_text(keys[0]) if keys else "",
            command.id,
            command.changes,
        )


def _runner(host: Host, command_id: str) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await host.action_run(command_id)

    return run


def found(entries: Iterable[Entry], text: str) -> list[Entry]:
    """The entries for a typed text, best first: titles that begin with it, then words that do, then parts of words."""
    text = " ".join(text.casefold().split())
    if not text:
        return [entry for entry in entries if not entry.typed_only]
    scored = [(score, number, entry) for number, entry in enumerate(entries) if (score := _score(entry, text))]
    return [entry for _, _, entry in sorted(scored, key=lambda one: (-one[0], one[1]))]


def _score(entry: Entry, text: str) -> int:
    title = entry.title.casefold()
    if entry.named(text):
        return 100
    if title.startswith(text) or title.partition(": ")[2].startswith(text):
        return 80
    if entry.id.startswith(text):
        return 70
    words = re.findall(r"[\w-]+", f"{title} {entry.id}")
    wanted = re.findall(r"[\w-]+", text)
    if wanted and all(any(word.startswith(part) for word in words) for part in wanted):
        return 60
    return 40 if text in title or text in entry.help.casefold() else 0
