"""The desk where plugins log in: one at a time where they ask a person, waited for, and what they say is told.

Two contexts with the same plugin share its login. A plugin that answered at once and without a word is quiet:
others of its command need not wait for their turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from msgspec import Struct, field

from meshtui.core.errors import CredentialFailed, LoginAwaited
from meshtui.core.text import clean
from meshtui.kube import execplugin
from meshtui.kube.execplugin import ALWAYS, IF_AVAILABLE, Answer, Plugin

LOGIN_SECONDS = 900.0
"""How long a plugin may wait for a person: device codes are good for a quarter of an hour."""
SLOW_SECONDS = 3.0
"""A plugin that takes longer is told of: it may have opened a browser."""
LOGIN_PAUSE = 300.0
"""Seconds for which a login that failed is not begun again by itself."""
_LAST = 1500


class Terminal(Protocol):
    """A terminal that a plugin can be given."""

    shared: bool
    """Whether it can be used while we go on (headless), or must be lent whole (the dashboard)."""

    def lend(self, title: str) -> AbstractAsyncContextManager[None]:
        """Give the whole terminal away for as long as the block lasts."""
        ...


Tell = Callable[[str, LoginAwaited], None]
"""Takes a context and what its plugin is doing; called again whenever that changes."""


class _Flight(Struct, eq=False):
    """One run of one plugin, and who waits for it."""

    plugin: Plugin
    silent: float
    owners: dict[int, str] = field(default_factory=dict)
    words: str = ""
    waits: bool = False
    told: bool = False
    slow: bool = False
    task: asyncio.Task[Answer] | None = None

    @property
    def awaited(self) -> LoginAwaited | None:
        """What is going on, once there is something to say."""
        return self.news(next(iter(self.owners.values()), "")) if self.told else None

    def news(self, context: str) -> LoginAwaited:
        """For one of the contexts that wait."""
        name = self.plugin.name
        if self.waits:
            cause, hint = "another login comes first", "finish that one: logins are done one at a time"
        elif self.words:
            cause, hint = self.words, "do what it says: it is waited for, and not started again meanwhile"
        else:
            cause = f"{name} is running and has said nothing yet"
            hint = f"look whether a browser has opened, or run it yourself to see what it wants: {self.plugin.line}"
        title = f"{clean(context)}: {name} is logging in"
        return LoginAwaited(title, context=context, cause=cause, hint=hint)


class Logins:
    """Everything here belongs on one event loop."""

    def __init__(self, *, tell: Tell | None = None, terminal: Terminal | None = None) -> None:
        self.tell = tell
        self.terminal = terminal
        self._flights: dict[tuple[Any, ...], _Flight] = {}
        self._answers: dict[tuple[Any, ...], Answer] = {}
        self._turn = asyncio.Lock()
        self._quiet: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether a person is waited for, or a plugin takes its time."""
        return any(flight.told for flight in self._flights.values())

    def awaited(self, plugin: Plugin) -> LoginAwaited | None:
        """What a plugin that runs is doing; None when it does not run, or has only just begun."""
        flight = self._flights.get(plugin.key)
        return flight.awaited if flight is not None else None

    async def ask(self, owner: object, plugin: Plugin, rejected: Answer | None, silent: float) -> Answer:
        """Its credentials, from the run that is under way if there is one. Raises CredentialFailed.

        `rejected` is the answer that is not good any more; one that another context got since is taken as it is.
        `silent` is how long it may say nothing where nobody sits at a terminal, in seconds.
        """
        known = self._answers.get(plugin.key)
        if known is not None and known is not rejected:
            plugin.secrets.keep(known.token, known.key)
            return known
        flight = self._flights.get(plugin.key)
        if flight is None:
            flight = self._flights[plugin.key] = _Flight(plugin, silent)
            flight.task = asyncio.create_task(self._fly(flight), name=f"login {plugin.name}")
            flight.task.add_done_callback(_retrieved)
        flight.owners[id(owner)] = plugin.context
        if flight.told:
            self._say(flight)
        assert flight.task is not None
        answer = await asyncio.shield(flight.task)
        plugin.secrets.keep(answer.token, answer.key)
        return answer

    def leave(self, owner: object) -> None:
        """Somebody waits no longer; a run that nobody waits for is ended."""
        for flight in list(self._flights.values()):
            flight.owners.pop(id(owner), None)
            if not flight.owners and flight.task is not None:
                flight.task.cancel()

    async def _fly(self, flight: _Flight) -> Answer:
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW_SECONDS, self._slow, flight)
        try:
            async with self._in_turn(flight):
                slow.cancel()
                slow = loop.call_later(SLOW_SECONDS, self._slow, flight)
                answer = await self._run(flight)
            self._answers[flight.plugin.key] = answer
            return answer
        except CredentialFailed as error:
            if flight.slow:
                raise LoginFailed(error.title, context=error.context, cause=error.cause, hint=error.hint) from None
            raise
        finally:
            slow.cancel()
            self._flights.pop(flight.plugin.key, None)

    @contextlib.asynccontextmanager
    async def _in_turn(self, flight: _Flight) -> AsyncIterator[None]:
        command = flight.plugin.argv[0]
        if command not in self._quiet:
            flight.waits = self._turn.locked()
            async with self._turn:
                flight.waits = False
                if command not in self._quiet:
                    yield
                    self._remember(flight)
                    return
        yield
        self._remember(flight)

    def _remember(self, flight: _Flight) -> None:
        """Before the next has its turn: whether this command asks nobody anything."""
        change = self._quiet.discard if flight.words or flight.told else self._quiet.add
        change(flight.plugin.argv[0])

    async def _run(self, flight: _Flight) -> Answer:
        plugin, terminal = flight.plugin, self.terminal
        if plugin.mode == ALWAYS and terminal is None:
            raise plugin.failed(
                "it needs a terminal to ask you, and there is none here",
                f"log in where there is one, then repeat: kubectl --context {clean(plugin.context)} get --raw /version",
            )
        if plugin.mode == ALWAYS and terminal is not None and not terminal.shared:
            return await self._lent(flight, terminal)
        shared = terminal is not None and terminal.shared and plugin.mode in (ALWAYS, IF_AVAILABLE)
        try:
            return await self._start(flight, terminal=shared)
        except CredentialFailed as error:
            if terminal is None or shared or plugin.mode != IF_AVAILABLE or not execplugin.wants_terminal(error):
                raise
        return await self._lent(flight, terminal)

    async def _start(self, flight: _Flight, *, terminal: bool) -> Answer:
        heard = bytearray()

        def hear(chunk: bytes) -> None:
            heard.extend(chunk)
            del heard[:-_LAST]
            flight.words = flight.plugin.secrets.plugin_words(heard.decode("utf-8", "replace").strip())
            self._note(flight)

        silent = flight.silent if self.terminal is None else LOGIN_SECONDS
        return await execplugin.run(
            flight.plugin, terminal=terminal, lent=False, heard=hear, silent=silent, longest=LOGIN_SECONDS
        )

    async def _lent(self, flight: _Flight, terminal: Terminal) -> Answer:
        """The plugin has the terminal to itself."""
        async with terminal.lend(f"{flight.plugin.name} logs in to {clean(flight.plugin.context)}"):
            return await execplugin.run(
                flight.plugin, terminal=True, lent=True, heard=_unheard, silent=LOGIN_SECONDS, longest=LOGIN_SECONDS
            )

    def _slow(self, flight: _Flight) -> None:
        flight.slow = True
        self._note(flight)

    def _note(self, flight: _Flight) -> None:
        flight.told = True
        self._say(flight)

    def _say(self, flight: _Flight) -> None:
        if self.tell is not None:
            for context in flight.owners.values():
                self.tell(context, flight.news(context))


def _retrieved(task: asyncio.Task[Answer]) -> None:
    """A failure that nobody waits for any more is no mistake of ours."""
    if not task.cancelled():
        task.exception()


def _unheard(_: bytes) -> None:
    """What goes straight to the terminal is not heard here."""


class LoginFailed(CredentialFailed):
    """A login that took long enough to ask a person failed: begun again at once, it would ask for ever."""
