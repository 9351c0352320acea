"""Going somewhere: to a pane by its key, or where a typed line leads; nothing here changes a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from textual.app import App

from meshtui.tui.board import Board
from meshtui.tui.bookmarks import place
from meshtui.tui.bookmarks.commands import BookmarkCommands
from meshtui.tui.palette.going import ALL, Going, Place
from meshtui.tui.policies.commands import PoliciesCommands
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.paint import Line


class NavigationHost(place.PlaceHost, Protocol):
    """What there is to go to: the dashboard's panes and dialogs."""

    session: SessionPort | None
    keymap: dict[str, str]

    @property
    def round(self) -> tuple[str, ...]:
        """What `tab` goes through."""
        ...

    @property
    def app(self) -> App[Any]:
        """The application."""
        ...

    def say(self, text: str, role: str = "ok", glyph: str = ...) -> None:
        """Put a sentence into the message line."""
        ...

    def show_details(self, title: str, lines: Sequence[Line]) -> None:
        """Show lines in a scrolling dialog."""
        ...


class Navigation:
    """The commands that go somewhere. `ground` and `board` are the same dashboard, by what is asked of it."""

    def __init__(self, ground: NavigationHost, board: Board, bookmarks: BookmarkCommands) -> None:
        self.ground = ground
        self.board = board
        self.bookmarks = bookmarks

    def go_to(self, to: Going) -> None:
        """Go where a typed line leads; nothing there changes a cluster."""
        ground = self.ground
        match to.place:
            case Place.NAMESPACE:
                ground.go("services")
                ground.see_namespaces(() if to.argument in ("", *ALL) else (to.argument,))
            case Place.CONTEXT:
                ground.go("clusters")
                if to.argument:
                    ground.clusters.select_cluster(to.argument)
            case Place.SERVICES:
                ground.go("services")
                if to.argument:
                    ground.services.set_filter(to.argument.lstrip("/"))
            case Place.FLOWS:
                ground.go("flows")
                if to.argument:
                    ground.flows.set_filter(to.argument.lstrip("/"))
            case Place.CLUSTERS | Place.LOAD:
                ground.go(to.place.name.lower())
            case Place.BOOKMARKS:
                self.bookmarks.open(to.argument)
            case Place.QUIT:
                ground.app.exit(0)
            case Place.POLICIES | Place.FINDINGS | Place.PULSE | Place.HELP:
                getattr(self, f"do_{to.place.name.lower()}")()

    def do_pane_clusters(self) -> None:
        """To pane 1."""
        self.ground.go("clusters")

    def do_pane_services(self) -> None:
        """To pane 2."""
        self.ground.go("services")

    def do_pane_flows(self) -> None:
        """To pane 3."""
        self.ground.go("flows")

    def do_pane_load(self) -> None:
        """To pane 4."""
        self.ground.go("load")

    def do_next_pane(self) -> None:
        """To the next pane."""
        self._step(1)

    def do_previous_pane(self) -> None:
        """To the pane before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        panes, here = self.ground.round, self.ground.current
        self.ground.go(panes[(panes.index(here) + by) % len(panes)])

    def do_policies(self) -> None:
        """Open the policies' screen."""
        PoliciesCommands(self.board).open()

    def do_findings(self) -> None:
        """Open the list of findings."""
        from meshtui.tui.findings.dialog import FindingsDialog

        if session := self._session():
            self.ground.app.push_screen(FindingsDialog(self.board, session))

    def do_pulse(self) -> None:
        """Open the pulse of every cluster."""
        from meshtui.tui.pulse.screen import PulseScreen

        if session := self._session():
            self.ground.app.push_screen(PulseScreen(self.board, session, self._to_cluster, self._to_drops))

    def _session(self) -> SessionPort | None:
        if self.ground.session is None:
            self.ground.say("there is no cluster yet", "warn", "!")
        return self.ground.session

    def _to_cluster(self, context: str) -> None:
        self.ground.go("clusters")
        self.ground.clusters.select_cluster(context)

    def _to_drops(self, context: str) -> None:
        """What the nodes of a cluster dropped."""
        mesh, flows = self.ground.mesh, self.ground.flows
        if mesh is not None and context in mesh.clusters and flows.question is not None:
            self.ground.go("flows")
            flows.ask(flows.question.asked(f"node-name:{mesh.clusters[context].name}/*").with_preset("dropped"))

    def do_help(self) -> None:
        """The keys that work here."""
        from meshtui.tui.help import help_lines

        current = self.ground.current
        self.ground.show_details(f"Keys in {current}", help_lines(current, self.ground.keymap))
