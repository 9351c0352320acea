"""Pane 4: the load test as it runs, what it was expected to show, and the runs before it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual.binding import BindingType
from textual.timer import Timer

from meshtui.core.load.run import Run, new_run
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Mesh
from meshtui.tui import commands as c
from meshtui.tui.beside import Details
from meshtui.tui.load.rows import beside, column, history_line, result_words, run_lines
from meshtui.tui.load.specs import cannot_ask, spec_for
from meshtui.tui.ports import SessionPort
from meshtui.tui.services.rows import index_of_clusters
from meshtui.tui.widgets.paint import Line, Span, safe, tag, wrapped_spans
from meshtui.tui.widgets.pane import BlockPane, bindings

if TYPE_CHECKING:
    from meshtui.core.flows.flow import FlowRow
    from meshtui.mesh.load.runs import Batch

KEPT = 5
MOST_RUNS = 50
BESIDE = 200
"""Requests of a run that are told beside the panes."""
STEADY_RATE = 10.0
"""Requests per second of steady mode."""
REFRESH_SECONDS = 0.1
"""Shortest time between two redraws: answers may come by the thousand."""


class LoadPane(BlockPane):
    """The runs in front, side by side, and the last ones."""

    scope: ClassVar[str] = "load"
    BINDINGS: ClassVar[list[BindingType]] = bindings("load")

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []
        """All of this session, oldest first."""
        self.launched: Batch | None = None
        """The runs in front."""
        self._timer: Timer | None = None

    @property
    def front(self) -> tuple[Run, ...]:
        """The newest runs: one for each client."""
        return self.launched.runs if self.launched else ()

    @property
    def running(self) -> bool:
        """Whether requests are on their way."""
        return self.launched is not None and self.launched.running

    def blocks(self, width: int) -> list[tuple[Hashable, list[Line]]]:
        """The newest runs, then a bar for each of the last ones."""
        mesh = self.dashboard.mesh
        if mesh is None or not self.front:
            return [(("none",), self._invitation())]
        each = column(len(self.front), width)
        brief = len(self.front) > 1 and each == width
        lines = beside([self._told(run, mesh, each, brief) for run in self.front], width)
        lines += [history_line(self.runs[-KEPT:]), self._next()]
        lines = [part for line in lines for part in wrapped_spans(line, width, indent=1)]
        return [((number,), [line]) for number, line in enumerate(lines)]

    def _told(self, run: Run, mesh: Mesh, width: int, brief: bool) -> list[Line]:
        tags = index_of_clusters(mesh)
        return run_lines(run, tags, self._client(run, mesh), width, utc=self.dashboard.utc, brief=brief)

    def _client(self, run: Run, mesh: Mesh) -> tuple[str, int] | None:
        cluster = mesh.clusters.get(run.client)
        return (cluster.tag, cluster.index) if cluster else None

    def _next(self) -> Line:
        """What `l` would do now, for the service under the cursor."""
        board = self.dashboard
        context, key = board.load_target()
        if board.mesh is None or context not in board.mesh.clusters:
            return [Span(" waiting for a cluster", "dim")]
        cluster = board.mesh.clusters[context]
        if why := cannot_ask(board.mesh, context, key):
            return [Span(" l", "key", "load.run"), Span(f" cannot ask this: {safe(why, 120)}", "warn")]
        spec = spec_for(board.mesh, context, key, board.settings)
        number = "ten" if spec.count == 10 else str(spec.count)
        words = [Span(" l", "key", "load.run"), Span(f" fires {number} requests from ", "dim")]
        target = safe(spec.url.removeprefix("http://"), 100)
        return [*words, tag(cluster.tag, cluster.index), Span(f" {safe(spec.workload, 40)} → {target}")]

    def _invitation(self) -> list[Line]:
        more = [Span(" L", "key", "load.run-all"), Span(" from all clusters ", "dim")]
        more += [Span(" S", "key", "load.steady"), Span(" steady ", "dim")]
        more += [Span(" o", "key", "load.options"), Span(" options ", "dim")]
        more += [Span(" H", "key", "load.history"), Span(" history", "dim")]
        return [self._next(), more]

    def target_moved(self) -> None:
        """Another service is under the cursor: say what `l` would do with it."""
        self.rebuild()

    def why_not(self, command: c.Command) -> str:
        """A run can be stopped while it runs; others need a run that was made."""
        if command.id == "load.cancel" and not self.running:
            return "nothing is running"
        if command.id in ("load.repeat", "load.export") and not self.front:
            return "nothing was run yet"
        return ""

    # Running

    def begin(self, session: SessionPort, context: str, key: str) -> None:
        """Fire ten requests from `context`'s x-wing to the service `key`; a run still going is stopped first."""
        if why := cannot_ask(session.mesh, context, key):
            self.dashboard.say(f"{key}: {why}; o in pane 4 takes any URL", "warn", "!")
            return
        self.launch(session, [spec_for(session.mesh, context, key, self.dashboard.settings)])

    def launch(self, session: SessionPort, specs: Sequence[LoadSpec]) -> None:
        """Run these side by side; what still goes on is stopped first."""
        from meshtui.mesh.load.runs import Batch

        if self.launched is not None:
            self.launched.stop()
        runs = [new_run(session.mesh, spec) for spec in specs]
        self.launched = batch = Batch(session, runs, self._changed)
        self.runs += runs
        del self.runs[:-MOST_RUNS]
        self.entitle(f"{' '.join(self._label(session.mesh, run) for run in runs)} → {runs[0].target}")
        self.rebuild()
        self.dashboard.redraw()
        if not self.is_on_screen:
            self.dashboard.say(
                f"asking {runs[0].target}: {', '.join(safe(run.origin, 60) for run in runs)}", "info", "◌"
            )
        self.run_worker(self._follow(batch), group="load", exit_on_error=False, description="load")

    def _label(self, mesh: Mesh, run: Run) -> str:
        client = self._client(run, mesh)
        return client[0] if client else run.origin

    async def _follow(self, batch: Batch) -> None:
        await batch.carry_out()
        if not self.is_attached:
            return
        self.dashboard.redraw()
        if batch.problem is not None:
            self.dashboard.tell(batch.problem)
        elif batch is self.launched and not self.is_on_screen:
            self._say_elsewhere(batch)

    def _say_elsewhere(self, batch: Batch) -> None:
        """What came of it, where this pane is not in sight: the worst of the runs first."""
        told = sorted((result_words(run) for run in batch.runs), key=lambda one: one[1] == "ok")
        more = f" · and {len(told) - 1} more runs: 4 shows them" if len(told) > 1 else " · 4 shows more"
        words, role, glyph = told[0]
        self.dashboard.say(f"{words}{more}", role, glyph)

    def _changed(self) -> None:
        """Redraw soon, at most ten times a second; a run that ends with the app has nothing to draw on."""
        if self._timer is None and self.is_attached:
            self._timer = self.set_timer(REFRESH_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if not self.is_attached:
            return
        self.rebuild()
        for listener in tuple(self.dashboard.listeners):
            listener()

    def do_cancel(self) -> None:
        """Stop what is running; what came back stays."""
        if self.launched is not None:
            self.launched.stop()

    def _session(self) -> SessionPort | None:
        session = self.dashboard.session
        if session is None or not session.mesh.clusters:
            self.dashboard.say("there is no cluster yet", "warn", "!")
            return None
        return session

    def do_load_all(self) -> None:
        """Ten requests from every cluster side by side."""
        session = self._session()
        if session is not None:
            _, key = self.dashboard.load_target()
            self.launch(
                session,
                [spec_for(session.mesh, context, key, self.dashboard.settings) for context in session.mesh.clusters],
            )

    def do_steady(self) -> None:
        """Steady requests until stopped: as the runs in front, else from the selected cluster."""
        session = self._session()
        if session is None:
            return
        specs = [run.spec for run in self.front]
        if not specs:
            context, key = self.dashboard.load_target()
            specs = [spec_for(session.mesh, context, key, self.dashboard.settings)]
        self.launch(session, [replace(spec, count=0, rate=spec.rate or STEADY_RATE, duration=0.0) for spec in specs])

    def do_repeat(self) -> None:
        """The runs in front once more."""
        session = self._session()
        if session is not None and self.front:
            self.launch(session, [run.spec for run in self.front])

    def do_options(self) -> None:
        """Ask where from, where to and how."""
        from meshtui.tui.load.form import LoadDialog

        session = self._session()
        if session is None:
            return
        context, key = self.dashboard.load_target()
        spec = self.front[0].spec if self.front else spec_for(session.mesh, context, key, self.dashboard.settings)

        def take(specs: list[LoadSpec] | None) -> None:
            if specs:
                self.launch(session, specs)

        self.app.push_screen(LoadDialog(self.dashboard, session, spec), take)

    def do_runs(self) -> None:
        """The runs kept, also of former sessions."""
        from meshtui.tui.load.runs import RunsDialog

        session = self._session()
        if session is not None:
            self.app.push_screen(RunsDialog(self.dashboard, session))

    def do_details(self) -> None:
        """Every request of the runs in front."""
        from meshtui.tui.load.requests import RequestsDialog

        if self.front:
            self.app.push_screen(RequestsDialog(self.dashboard, self.front))

    def beside(self, width: int) -> Details | None:
        """The requests of the runs in front, newest first, each with what is known of it."""
        from meshtui.tui.load.requestrows import head_line, request_line

        mesh = self.dashboard.mesh
        if mesh is None or not self.front:
            return None
        tags, lines = index_of_clusters(mesh), list[Line]()
        for run in self.front:
            lines += [head_line(run), *(request_line(request, tags) for request in run.requests[:-BESIDE:-1]), ()]
        return Details(f"Requests to {self.front[0].target}", lines)

    def do_mend(self) -> None:
        """Proposals for what the clients of the runs in front are refused."""
        from meshtui.tui.policies.mending import open_mending
        from meshtui.tui.policies.mendrequest import of_load

        session = self._session()
        if session is not None:
            open_mending(
                self.dashboard, of_load(session.mesh, self.front), "run a load test first: l fires ten requests"
            )

    def do_export(self) -> None:
        """Write the runs in front as JSON into the working directory."""
        from meshtui.tui.load.export import export

        if self.front:
            self.run_worker(export(self.dashboard, self.front), group="export", exit_on_error=False)

    # Links

    def link_of(self, row: FlowRow) -> list[Line]:
        """What a flow's details say of the request it belongs to; nothing when it belongs to none."""
        session, mesh = self.dashboard.session, self.dashboard.mesh
        if session is None or mesh is None:
            return []
        from meshtui.core.load.links import request_of
        from meshtui.mesh.load.story import flows_around
        from meshtui.tui.load.requestrows import link_lines

        at = row.time_ns / 1e9
        for run in reversed(self.runs):
            near = [request for request in run.requests if abs(request.at - at) < 60]
            if not near or not run.client:
                continue
            request = request_of(run, row, flows_around(session.flows, near))
            if request is not None:
                return link_lines(run, request, index_of_clusters(mesh))
        return []
