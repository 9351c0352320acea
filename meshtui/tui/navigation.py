"""Going somewhere: to a pane by its key, or where a typed line leads; nothing here changes a cluster."""

from __future__ import annotations

from typing import Any, Protocol

from textual.app import App

from meshtui.tui.palette.going import ALL, Going, Place


class FilteredPane(Protocol):
    """A pane whose lines can be filtered."""

    def set_filter(self, text: str) -> None:
        """Show what matches."""
        ...


class ClustersPort(Protocol):
    """What is asked of the Clusters pane."""

    def select_cluster(self, name: str) -> None:
        """Put the cursor on a cluster."""
        ...


class Ground(Protocol):
    """What there is to go to: the dashboard's panes and dialogs."""

    current: str

    @property
    def round(self) -> tuple[str, ...]:
        """What `tab` goes through."""
        ...

    @property
    def app(self) -> App[Any]:
        """The application."""
        ...

    @property
    def clusters(self) -> ClustersPort:
        """Pane 1."""
        ...

    @property
    def services(self) -> FilteredPane:
        """Pane 2."""
        ...

    @property
    def flows(self) -> FilteredPane:
        """Pane 3."""
        ...

    def go(self, scope: str) -> None:
        """Bring a pane to the front and focus it."""
        ...

    def see_namespaces(self, names: tuple[str, ...]) -> None:
        """Show these namespaces; () for all."""
        ...

    def do_policies(self) -> None:
        """Open the policies."""
        ...

    def do_findings(self) -> None:
        """Open the findings."""
        ...

    def do_help(self) -> None:
        """The keys that work here."""
        ...


class Navigation:
    """The commands that go somewhere."""

    def __init__(self, board: Ground) -> None:
        self.board = board

    def go_to(self, to: Going) -> None:
        """Go where a typed line leads; nothing there changes a cluster."""
        board = self.board
        match to.place:
            case Place.NAMESPACE:
                board.go("services")
                board.see_namespaces(() if to.argument in ("", *ALL) else (to.argument,))
            case Place.CONTEXT:
                board.go("clusters")
                if to.argument:
                    board.clusters.select_cluster(to.argument)
            case Place.SERVICES:
                board.go("services")
                if to.argument:
                    board.services.set_filter(to.argument.lstrip("/"))
            case Place.FLOWS:
                board.go("flows")
                if to.argument:
                    board.flows.set_filter(to.argument.lstrip("/"))
            case Place.CLUSTERS | Place.LOAD:
                board.go(to.place.name.lower())
            case Place.POLICIES:
                board.do_policies()
            case Place.FINDINGS:
                board.do_findings()
            case Place.HELP:
                board.do_help()
            case Place.QUIT:
                board.app.exit(0)

    def do_pane_clusters(self) -> None:
        """To pane 1."""
        self.board.go("clusters")

    def do_pane_services(self) -> None:
        """To pane 2."""
        self.board.go("services")

    def do_pane_flows(self) -> None:
        """To pane 3."""
        self.board.go("flows")

    def do_pane_load(self) -> None:
        """To pane 4."""
        self.board.go("load")

    def do_next_pane(self) -> None:
        """To the next pane."""
        self._step(1)

    def do_previous_pane(self) -> None:
        """To the pane before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        panes, here = self.board.round, self.board.current
        self.board.go(panes[(panes.index(here) + by) % len(panes)])
