"""The Textual application: theme, commands in, the session started after the first paint."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from textual import work
from textual.app import App
from textual.message import Message
from textual.screen import Screen as TextualScreen
from textual.worker import Worker, WorkerState

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, TooManyContexts, mistake
from meshtui.core.model.state import Cluster, Delta
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh import collector, crash
from meshtui.tui import assets, theme, usertheme
from meshtui.tui import commands as c
from meshtui.tui.clipboard import over_ssh
from meshtui.tui.dashboard import Dashboard
from meshtui.tui.leaving import AGAIN_SECONDS, Signals, Twice
from meshtui.tui.news import News
from meshtui.tui.terminal import OfClusters, Screen

if TYPE_CHECKING:
    from meshtui.tui.palette.going import Going
    from meshtui.tui.ports import Opening, SessionPort


_log = logging.getLogger(__name__)
_SETTLED = 5.0
"""Seconds after which what a dashboard needs has been loaded."""


class MeshChanged(Message):
    """The mesh changed; several changes wait as one."""


class MeshtuiApp(App[int]):
    """The dashboard."""

    TITLE = "meshtui"
    CSS_PATH = "meshtui.tcss"
    ENABLE_COMMAND_PALETTE = False  # ours knows places, keys, and what changes a cluster
    NOTIFICATION_TIMEOUT = 5

    def __init__(self, opening: Opening, settings: Settings, clock: Clock | None = None) -> None:
        with _colour_environment(settings):
            super().__init__(css_path=assets.styles() / "meshtui.tcss", ansi_color=None if settings.color else True)
        self.settings = settings
        self.opening = opening
        self.clock = clock or SystemClock()
        self.reopening: Callable[[tuple[str, ...]], Opening] | None = None
        """How to begin with contexts that a person chose."""
        self.control = ""
        """Where the embedded mesh takes faults; empty unless this is the demo."""
        self.tour = False
        """Whether to begin with the tour open."""
        self.broken: Exception | None = None
        """What ended the dashboard, if a mistake of ours did."""
        self.news = News(lambda: self.post_message(MeshChanged()), self.clock)
        if over_ssh(os.environ) and "TEXTUAL_ANIMATIONS" not in os.environ:
            self.animation_level = "none"  # frames in between are bytes on the way
        theme.paint_ascii(settings.ascii)
        for own in theme.OWN:
            self.register_theme(own)
        for own_name, table in settings.themes.items():
            self.register_theme(usertheme.made(own_name, table))
        self.few_colours = self.console.color_system in theme.FEW
        """Whether the terminal has its own sixteen colours alone: ours come out unreadable there."""
        name = settings.theme if settings.color and not self.few_colours else "ansi"
        wanted = theme.NAMES.get(name, name)
        self._no_theme = "" if wanted in self.available_themes else name
        self.theme = wanted if wanted in self.available_themes else theme.NAMES[""]
        self.board = Dashboard(settings, self.clock)
        self._signals = Signals(self.exit)
        self._interrupt = Twice()

    def get_default_screen(self) -> TextualScreen[None]:
        """The dashboard is the root."""
        return self.board

    def on_mount(self) -> None:
        """Take the user's keys, then paint, and only then reach for clusters."""
        self._signals.listen()
        self.set_class(self.settings.ascii, "-ascii")
        keymap = {name: keys for name, keys in self.settings.keymap.items() if name in c.BY_ID}
        self.set_keymap(keymap)
        unknown = c.unknown_ids(self.settings.keymap)
        if unknown:
            self.board.say(f"the keymap names no command called {', '.join(unknown)}", "warn", "!")
        for sentence in c.conflicts(keymap):
            self.board.say(f"keymap: {sentence}", "warn", "!")
        if self._no_theme:
            there = ", ".join((*filter(None, theme.NAMES), *self.settings.themes))
            self.board.say(f"there is no theme {self._no_theme}; there are {there}", "warn", "!")
        # Modules and styles stay as long as the program does: the collector need not look at them again and again.
        self.set_timer(_SETTLED, collector.keep)
        self.call_after_refresh(self.begin)

    @work(exit_on_error=False, group="session")
    async def begin(self) -> None:
        """Make the session, follow it until the app ends, and take it down again."""
        async with AsyncExitStack() as stack:
            try:
                session = await self._open(stack)
                if isinstance(session, OfClusters):
                    session.take_terminal(Screen(self))
                    self.board.settings = session.settings
                await session.start()
            except MeshtuiError as error:
                self.board.fail(error)
                return
            stack.push_async_callback(session.stop)
            stack.callback(session.subscribe(self.news.take))
            stack.callback(session.subscribe_flows(self.board.flows.arrived))
            theme.choose_clusters(chosen_colours(session.mesh.clusters, self.settings.cluster_colors))
            self.board.adopt(session)
            collector.settle()
            if self.control:
                self.board.guide.begin()
            if self.tour:
                self.board.open_tour()
            await self._until_exit()

    async def _open(self, stack: AsyncExitStack) -> SessionPort:
        """The session; where there are too many contexts, of those that a person chooses."""
        try:
            return await self.opening(self.board.report, stack)
        except TooManyContexts:
            if self.reopening is None:
                raise
            from meshtui.mesh.targets import choices
            from meshtui.tui.contexts.picker import ContextPicker

            chosen = await self.push_screen_wait(ContextPicker(choices(self.settings, os.environ)))
            if not chosen:
                raise
            return await self.reopening(chosen)(self.board.report, stack)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The session's worker broke: a mistake of ours, told where the clusters would be."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            told = mistake(error)
            where = crash.keep(crash.report(error, (), os.environ), self.settings.state_directory, self.clock.now())
            if where is not None:
                told = MeshtuiError(told.title, cause=told.cause, hint=f"please report it with {where}")
            self.board.fail(told)

    def _handle_exception(self, error: Exception) -> None:
        """What broke the dashboard is told where the command line tells it, once the terminal is back."""
        self.broken = self.broken or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Close without Textual's last words: its traceback shows the values of local variables."""
        self._close_messages_no_wait()

    async def _until_exit(self) -> None:
        import asyncio

        await asyncio.get_running_loop().create_future()

    def on_mesh_changed(self) -> None:
        """Give all that changed to the dashboard at once."""
        self.news.show(self._show)

    def _show(self, delta: Delta) -> None:
        # The last change may be read when the screen is being taken down, its panes first.
        if self.board.is_attached and all(pane.is_attached for pane in self.board.panes.values()):
            self.board.apply(delta)

    async def action_run(self, command_id: str) -> None:
        """Run a command of the registry; one that is not available says why."""
        command = c.BY_ID[command_id]
        _log.debug("command %s", command_id)
        refused = self.board.why_not(command)
        if refused:
            self.board.say(f"{command.title}: {refused}", "warn", "!")
            return
        self.board.guide.used(command.id)
        method = f"do_{command.method}"
        own = getattr(self, method, None)
        result = own() if callable(own) else self.board.handler(command)()
        if inspect.isawaitable(result):
            await result

    def on_unmount(self) -> None:
        """Signals end the process again."""
        self._signals.ignore()

    def action_help_quit(self) -> None:
        """ctrl+c where nothing is selected: say how to leave, and leave at the second press."""
        if self._interrupt.pressed(self.clock.monotonic()):
            self.exit(130)
            return
        self.board.say("ctrl+c again leaves meshtui, as q does", "warn", "!")
        self.notify("ctrl+c again leaves meshtui, as q does", timeout=AGAIN_SECONDS)

    def do_suspend(self) -> None:
        """Hand the terminal back to the shell until `fg`."""
        self.action_suspend_process()

    async def do_quit(self) -> None:
        """Leave."""
        self.exit(0)

    def do_palette(self) -> None:
        """Open the command line."""
        from meshtui.tui.palette.dialog import CommandLine
        from meshtui.tui.palette.entries import Entry, registry_entries

        async def more(line: CommandLine) -> None:
            from meshtui.tui.palette.trouble import trouble_entries

            line.add(await trouble_entries(self))

        def take(answer: Going | Entry | None) -> None:
            if isinstance(answer, Entry):
                self.run_worker(answer.run(), group="command", exit_on_error=False)
            elif answer is not None:
                self.board.navigation.go_to(answer)

        line = CommandLine(list(registry_entries(self)), *self.board.names())
        self.push_screen(line, take)
        if self.control:
            self.run_worker(more(line), group="palette", exit_on_error=False)

    def do_theme(self) -> None:
        """Step through our themes, the terminal's own colours, and the person's themes."""
        if not self.settings.color:
            self.board.say("colours are off (NO_COLOR)", "warn", "!")
            return
        if self.few_colours:
            self.board.say(
                "this terminal has sixteen colours, which are its own: no other theme can be read", "warn", "!"
            )
            return
        names = [*(own.name for own in theme.OWN), theme.NAMES["ansi"], *self.settings.themes]
        here = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(here + 1) % len(names)]
        self.board.rebuild()
        self.board.say(f"theme {self.theme}", "dim", "·")


def chosen_colours(clusters: Mapping[str, Cluster], colours: Mapping[str, str]) -> dict[int, str]:
    """Index of a cluster → the colour that the settings give its context, by name or else by a pattern."""
    found = {}
    for context, cluster in clusters.items():
        like = next((value for pattern, value in colours.items() if fnmatchcase(context, pattern)), "")
        if colour := colours.get(context, like):
            found[cluster.index] = colour
    return found


@contextmanager
def _colour_environment(settings: Settings) -> Iterator[None]:
    """Textual reads NO_COLOR by its presence; the convention, and our setting, by a value that is not empty."""
    old = os.environ.get("NO_COLOR")
    if settings.color:
        os.environ.pop("NO_COLOR", None)
    else:
        os.environ["NO_COLOR"] = "1"
    try:
        yield
    finally:
        if old is None:
            os.environ.pop("NO_COLOR", None)
        else:
            os.environ["NO_COLOR"] = old
