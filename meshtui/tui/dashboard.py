"""The one screen: header, four panes, message line and footer, and the commands that belong to no pane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from meshtui.core.changes.plan import Plan
from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, mistake
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.settings import Settings
from meshtui.tui import commands as c
from meshtui.tui.bars import FooterBar, GuideBar, HeaderBar, MessageBar, TabBar, TooSmall
from meshtui.tui.beside import Beside, Details, TellsMore
from meshtui.tui.bookmarks.commands import BookmarkCommands
from meshtui.tui.clusters.pane import ClustersPane
from meshtui.tui.findings.upkeep import Upkeep
from meshtui.tui.flows.beside import FlowBeside
from meshtui.tui.flows.commands import FlowCommands
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.flows.take import FlowTake
from meshtui.tui.lab.pane import TourPane
from meshtui.tui.load.pane import LoadPane
from meshtui.tui.navigation import Navigation
from meshtui.tui.palette.going import known_names
from meshtui.tui.policies.commands import PoliciesCommands
from meshtui.tui.services.commands import ServicesCommands
from meshtui.tui.services.pane import ServicesPane
from meshtui.tui.widgets import status
from meshtui.tui.widgets.lines import LineView
from meshtui.tui.widgets.paint import Line, Span
from meshtui.tui.widgets.pane import GoesBack, Pane, bindings

if TYPE_CHECKING:
    from meshtui.core.findings import Findings
    from meshtui.tui.changes.actions import Then
    from meshtui.tui.ports import SessionPort

DEFAULT_SERVICE = "default/rebel-base"


class Dashboard(Screen[None]):
    """The cockpit."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(c.EVERYWHERE)
    AUTO_FOCUS = "#services"

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide"), (180, "-broad"), (240, "-vast")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-flat"), (34, "-tall")]
        self.settings = settings
        self.clock = clock
        self.session: SessionPort | None = None
        self.failure: MeshtuiError | None = None
        self.progress = "starting"
        self.utc = settings.utc
        self.keymap = dict(settings.keymap)
        self.current = "services"
        self.clusters = ClustersPane()
        self.services = ServicesPane(lambda: self.upkeep.go_on())
        self.flows = FlowsPane()
        self.load_pane = LoadPane()
        self.tour = TourPane()
        panes = (self.clusters, self.services, self.flows, self.load_pane, self.tour)
        self.panes: dict[str, Pane] = {p.scope: p for p in panes}
        self.actors: dict[str, tuple[object, ...]] = {scope: (pane,) for scope, pane in self.panes.items()}
        """Who carries out a pane's commands, asked in this order: an object with a method `do_NAME`."""
        self.actors["services"] = (self.services, ServicesCommands(self.services))
        self.actors["policies"] = (PoliciesCommands(self),)
        self.flow_beside = FlowBeside(self.flows)
        self.actors["flows"] = (self.flows, FlowCommands(self.flows), FlowTake(self.flows), self.flow_beside)
        self.chosen_namespaces: tuple[str, ...] | None = None
        """Namespaces chosen on the screen; None while those of the settings hold, () for all."""
        self.findings: Findings | None = None
        self.bookmarks = BookmarkCommands(self)
        self.navigation = Navigation(self, self, self.bookmarks)
        self.everywhere = (self.navigation, self.bookmarks, self)
        """Who carries out what belongs to no pane, asked after a pane's actors."""
        self.upkeep: Upkeep = Upkeep(self, self.services.touch, early=lambda: self.services.busy)
        self._changing = asyncio.Lock()  # one change after another, in the order of their keys
        self.listeners: set[Callable[[], None]] = set()
        """Dialogs that want to know when the mesh changed."""
        self.beside = Beside(self._told)
        self.header = HeaderBar()
        self.tabs = TabBar()
        self.guide = GuideBar()
        self.message = MessageBar()
        self.footer = FooterBar()

    def compose(self) -> ComposeResult:
        """Header, tabs, the panes in two columns, message line, footer."""
        yield TooSmall()
        yield self.header
        yield self.tabs
        yield self.guide
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield self.clusters
                yield self.services
            with Vertical(id="right"):
                yield self.flows
                yield self.load_pane
            yield self.beside
            yield self.tour
        yield self.message
        yield self.footer

    def on_mount(self) -> None:
        """Show what there is, and let the clock tick once a second."""
        self._front("services")
        self.set_interval(1, self.header.refresh)

    # State in

    @property
    def mesh(self) -> Mesh | None:
        """The mesh, once there is a session."""
        return self.session.mesh if self.session else None

    @property
    def finding_count(self) -> int:
        """How many errors and warnings the mesh's findings hold."""
        from meshtui.core.findings import Severity

        counts = self.findings.counts() if self.findings is not None else {}
        return sum(count for severity, count in counts.items() if severity is not Severity.INFO)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces to show; empty means all."""
        if self.chosen_namespaces is not None:
            return self.chosen_namespaces
        return () if self.settings.all_namespaces else self.settings.namespaces

    def adopt(self, session: SessionPort) -> None:
        """Show this session from now on."""
        from meshtui.core.findings import Findings

        self.session = session
        self.findings = Findings(session.mesh, lazy=True)
        self.progress = ""
        if len(session.mesh.clusters) > 2:
            self.flows.kind = "sums"  # of many clusters the events of each are too many to read
        self.rebuild()
        if session.mesh.clusters and all(cluster.recorded for cluster in session.mesh.clusters.values()):
            self.go("flows")  # a file has nothing but flows
            self.add_class("-zoomed")
        self.upkeep.work(self.findings)

    def apply(self, delta: Delta) -> None:
        """Hand a change to the panes; each redraws only what it shows of it."""
        if self.findings is not None:
            self.findings.note(delta)
            if delta.status and self.session is not None:
                self.findings.take(self.session.judgement)
            self.upkeep.work(self.findings)
        for pane in self.panes.values():
            pane.changed(delta)
        for listener in tuple(self.listeners):
            listener()
        self.header.refresh()
        self.footer.refresh()

    def rebuild(self) -> None:
        """Make everything new."""
        for pane in self.panes.values():
            pane.rebuild()
        for bar in (self.header, self.tabs, self.message, self.footer):
            bar.refresh()

    def report(self, text: str) -> None:
        """Say in the header what is being done before there is a session."""
        self.progress = text
        self.clusters.rebuild()
        self.header.refresh()

    def fail(self, error: MeshtuiError) -> None:
        """There will be no session: say why, where the clusters would be."""
        self.failure = error
        self.progress = ""
        self.message.error(error)
        self.rebuild()

    def redraw(self) -> None:
        """Paint the services and the footer anew: what may be done has changed."""
        self.services.touch()
        self.footer.refresh()

    def waiting_lines(self, width: int) -> list[Line]:
        """What stands in the Clusters pane while there is no cluster to show."""
        if self.failure is not None:
            return list(status.error_lines(self.failure, width, indent=1))
        return [[Span(f" {status.WAITING} {self.progress or 'no clusters'}", "info")]]

    # Words out

    def tell(self, error: MeshtuiError) -> None:
        """State a failure: title, cause and next step in a notification, and in the message line."""
        from meshtui.tui.widgets.paint import safe

        self.message.error(error)
        body = "\n".join(part for part in (safe(error.cause), f"→ {safe(error.hint)}" if error.hint else "") if part)
        self.app.notify(body or safe(error.title), title=safe(error.title), severity="error", markup=False, timeout=8)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that broke is a mistake of ours: say so, and go on."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.tell(mistake(error))

    def say(self, text: str, role: str = "ok", glyph: str = status.OK) -> None:
        """Put a sentence into the message line."""
        self.message.say(text, role, glyph)

    def show_details(self, title: str, lines: Sequence[Line]) -> None:
        """Show lines in a scrolling dialog."""
        from meshtui.tui.widgets.textdialog import TextDialog

        self.app.push_screen(TextDialog(title, lines))

    def describe(self, context: str, resource: Resource, namespace: str, name: str, look: str) -> None:
        """Show one object: `describe` or `yaml`."""
        from meshtui.tui.describe.dialog import DescribeDialog

        if self.session is not None:
            self.app.push_screen(DescribeDialog(self, self.session, context, resource, namespace, name, look))

    def ask_filter(
        self, value: str, placeholder: str, done: Callable[[str], None], examples: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Ask for a filter in a line at the bottom; `examples`: terms and what they mean, shown above it."""
        from meshtui.tui.widgets.filterline import FilterDialog

        def take(text: str | None) -> None:
            if text is not None:
                done(text)

        self.app.push_screen(FilterDialog(value, placeholder, examples), take)

    def change(
        self, make: Callable[[SessionPort], Plan | None], *, nothing: str = "nothing to do", then: Then = None
    ) -> None:
        """Plan a change, ask for the consent it needs, carry it out, say what came of it."""
        from meshtui.tui.changes.actions import carry_out

        session = self.session
        if session is None:
            self.say("there is no cluster yet", "warn", "!")
            return
        made = carry_out(self, session, make, nothing, self._changing, then)
        self.run_worker(made, group="change", exit_on_error=False)

    # Commands

    def owner(self, command: c.Command) -> Pane | None:
        """The pane a command acts on, None for one that acts on no pane."""
        return self.panes.get(self.scope_of(command))

    def scope_of(self, command: c.Command) -> str:
        """Where a command acts: in the focused pane if that is in scope, else in the first of its scopes."""
        return self.current if self.current in command.scopes else command.scopes[0]

    def why_not(self, command: c.Command) -> str:
        """Why a command cannot be used now; empty when it can."""
        pane = self.owner(command)
        return pane.why_not(command) if pane is not None else ""

    def handler(self, command: c.Command) -> Callable[[], object]:
        """The method that does it: the pane's, else the dashboard's."""
        name = f"do_{command.method}"
        for actor in (*self.actors.get(self.scope_of(command), ()), *self.everywhere):
            found = getattr(actor, name, None)
            if callable(found):
                return found  # type: ignore[no-any-return]
        raise AttributeError(name)

    def on_line_view_moved(self, event: LineView.Moved) -> None:
        """The cursor is on another service or cluster: the load pane says what `l` would do there."""
        self.beside.soon()
        if event.view is self.flows and not event.clicked and (told := self.flow_beside.unread()):
            self.say(told, "dim", "→")
        if event.view in (self.services, self.clusters):
            self.load_pane.target_moved()

    def on_descendant_focus(self) -> None:
        """The pane with the focus is the one in front."""
        if isinstance(self.focused, Pane):
            self._front(self.focused.scope)

    def _front(self, scope: str) -> None:
        self.current = scope
        for name, pane in self.panes.items():
            pane.set_class(name == scope, "-current")
        self.query_one("#left").set_class(scope in ("clusters", "services"), "-current")
        self.query_one("#right").set_class(scope in ("flows", "load"), "-current")
        if scope != "tour":
            self.set_class(scope in ("flows", "load"), "-right-front")
        self.tabs.refresh()
        self.footer.refresh()
        self.beside.soon()

    def _told(self, width: int) -> Details | None:
        """What is known of what is under the cursor of the pane in front."""
        return next((a.beside(width) for a in self.actors[self.current] if isinstance(a, TellsMore)), None)

    def go(self, scope: str) -> None:
        """Bring a pane to the front and focus it."""
        self._front(scope)
        self.set_focus(self.panes[scope])

    def names(self) -> tuple[list[str], list[str]]:
        """Namespaces and clusters that can be gone to, by name."""
        return known_names(self.mesh)

    def see_namespaces(self, names: tuple[str, ...]) -> None:
        """Show these namespaces in every pane that has them; () for all."""
        self.chosen_namespaces = names
        self.rebuild()
        self.say(f"namespace {', '.join(names)}" if names else "all namespaces", "dim", "·")

    @property
    def round(self) -> tuple[str, ...]:
        """What `tab` goes through."""
        return (*c.PANES, "tour") if self.has_class("-tour") else c.PANES

    def do_tour(self) -> None:
        """Open the tour beside the panes, go to it, or close it."""
        if not self.has_class("-tour"):
            self.open_tour()
        elif self.current != "tour":
            self.go("tour")
        else:
            self.remove_class("-tour")
            self.go("services")

    def open_tour(self) -> None:
        """Show the tour and go to it."""
        self.add_class("-tour")
        self.go("tour")
        self.tour.open()

    def do_zoom(self) -> None:
        """Give the pane in front the whole screen, or take it back."""
        self.toggle_class("-zoomed")

    def do_back(self) -> None:
        """Clear the pane's filter, else zoom out; never quit."""
        went = any(actor.do_back() for actor in self.actors[self.current] if isinstance(actor, GoesBack))
        if not went and self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif not went:
            self.guide.display = False

    def do_utc(self) -> None:
        """Show times in the other zone."""
        self.utc = not self.utc
        self.rebuild()

    def do_copy(self) -> None:
        """Copy the row under the cursor."""
        from meshtui.tui.clipboard import copy

        text = self.panes[self.current].row_text()
        self.say(copy(self.app, text) if text else "nothing is selected", "dim", "·")

    def load_target(self) -> tuple[str, str]:
        """(context of the client's cluster, service key): what is selected, else the lab's."""
        cell = self.services.cell
        if cell is not None and self.current != "clusters":
            return cell[1], cell[0]
        first = next(iter(self.mesh.clusters), "") if self.mesh else ""
        context = self.clusters.context if self.current == "clusters" else ""
        return context or first, cell[0] if cell else DEFAULT_SERVICE

    def do_load(self) -> None:
        """Fire ten requests."""
        context, key = self.load_target()
        if self.session is None or not context:
            self.say("there is no cluster yet", "warn", "!")
            return
        self.load_pane.begin(self.session, context, key)

    def do_load_all(self) -> None:
        """Ten requests from every cluster."""
        self.load_pane.do_load_all()
