"""What panes, bars and dialogs know of the dashboard they are part of, and of each other: the seam they meet at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App

from meshtui.core.changes.plan import Plan
from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Mesh
from meshtui.core.settings import Settings
from meshtui.tui import commands as c
from meshtui.tui.flows.asking import Asking
from meshtui.tui.ports import SessionPort
from meshtui.tui.widgets.paint import Line

if TYPE_CHECKING:
    from meshtui.core.findings import Findings
    from meshtui.core.flows.flow import FlowRow
    from meshtui.core.load.run import Run
    from meshtui.core.load.spec import LoadSpec
    from meshtui.core.policy import Explanation


class FlowsPort(Protocol):
    """What others ask of the Flows pane."""

    asking: Asking

    def explain(self, row: FlowRow) -> Explanation | None:
        """Why a flow was dropped."""
        ...

    def add_up(self) -> None:
        """Show the sums of all verdicts."""
        ...


class ServicesPort(Protocol):
    """What others ask of the Services pane."""

    @property
    def cell(self) -> tuple[str, str] | None:
        """(service key, context) under the cursor."""
        ...

    def changed_at(self, key: str) -> float | None:
        """Wall time in seconds at which a service was changed last, if this session saw it."""
        ...


class LoadPort(Protocol):
    """What others ask of the Load pane."""

    runs: list[Run]

    @property
    def front(self) -> tuple[Run, ...]:
        """The newest runs: one for each client."""
        ...

    def launch(self, session: SessionPort, specs: Sequence[LoadSpec]) -> None:
        """Run these side by side."""
        ...

    def link_of(self, row: FlowRow) -> list[Line]:
        """The request a flow belongs to, as lines."""
        ...


class MessagePort(Protocol):
    """What others ask of the message line."""

    heard: set[Callable[[], None]]

    def content(self, width: int) -> list[Line]:
        """The last thing that was said, in lines of so many cells."""
        ...


class Board(Protocol):
    """The dashboard as its parts see it."""

    settings: Settings
    clock: Clock
    session: SessionPort | None
    utc: bool
    keymap: dict[str, str]
    current: str
    progress: str
    findings: Findings | None

    @property
    def message(self) -> MessagePort:
        """The last thing there was to say."""
        ...

    listeners: set[Callable[[], None]]
    """Told after every change of the mesh; dialogs put themselves in while they are open."""

    @property
    def app(self) -> App[Any]:
        """The application."""
        ...

    @property
    def mesh(self) -> Mesh | None:
        """The mesh, once there is a session."""
        ...

    @property
    def finding_count(self) -> int:
        """How many errors and warnings there are."""
        ...

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces to show; empty means all."""
        ...

    def names(self) -> tuple[list[str], list[str]]:
        """Namespaces and clusters there are, by name."""
        ...

    def see_namespaces(self, names: tuple[str, ...]) -> None:
        """Show these namespaces; () for all."""
        ...

    @property
    def flows(self) -> FlowsPort:
        """The Flows pane."""
        ...

    @property
    def services(self) -> ServicesPort:
        """The Services pane."""
        ...

    @property
    def load_pane(self) -> LoadPort:
        """The Load pane."""
        ...

    def tell(self, error: MeshtuiError) -> None:
        """State a failure."""
        ...

    def say(self, text: str, role: str = "ok", glyph: str = ...) -> None:
        """Put a sentence into the message line."""
        ...

    def show_details(self, title: str, lines: Sequence[Line]) -> None:
        """Show lines in a scrolling dialog."""
        ...

    def describe(self, context: str, resource: Resource, namespace: str, name: str, look: str) -> None:
        """Show one object: `describe` or `yaml`."""
        ...

    def ask_filter(
        self, value: str, placeholder: str, done: Callable[[str], None], examples: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Ask for a filter in a line at the bottom."""
        ...

    def change(
        self,
        make: Callable[[SessionPort], Plan | None],
        *,
        nothing: str = "nothing to do",
        then: Callable[[], object] | None = None,
    ) -> None:
        """Plan a change, ask for the consent it needs, carry it out, say what came of it; `then` when all was taken."""
        ...

    def why_not(self, command: c.Command) -> str:
        """Why a command cannot be used now; empty when it can."""
        ...

    def redraw(self) -> None:
        """Paint the services and the footer anew: what may be done has changed."""
        ...

    def waiting_lines(self, width: int) -> list[Line]:
        """What stands where clusters would be, while there are none."""
        ...

    def load_target(self) -> tuple[str, str]:
        """(context of the client's cluster, service key) of the next load test."""
        ...


class Host(Protocol):
    """The application as the palette's providers see it."""

    control: str

    @property
    def board(self) -> Board:
        """The dashboard."""
        ...

    async def action_run(self, command_id: str) -> None:
        """Run a command of the registry."""
        ...
