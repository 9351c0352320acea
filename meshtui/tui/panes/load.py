"""Pane 4: the load test as it runs, what it was expected to show, and the runs before it."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import ClassVar

from textual.binding import BindingType

from meshtui.core.errors import MeshtuiError
from meshtui.core.loadspec import LoadEnded, LoadSpec, LoadStarted, Request
from meshtui.core.routing import route
from meshtui.core.state import Mesh
from meshtui.tui import commands as c
from meshtui.tui.panes.base import BlockPane, bindings
from meshtui.tui.ports import SessionPort
from meshtui.tui.rows.load import Run, history_line, run_lines
from meshtui.tui.rows.paint import Line, Span
from meshtui.tui.rows.services import index_of_clusters

KEPT = 5
_GROUP = "load"


def target_url(key: str, port: int, namespace: str) -> str:
    """What curl is given for a service, as a person in that namespace would write it."""
    service_namespace, _, name = key.partition("/")
    host = name if service_namespace == namespace else f"{name}.{service_namespace}"
    return f"http://{host}" if port in (0, 80) else f"http://{host}:{port}"


def spec_for(mesh: Mesh, context: str, key: str) -> LoadSpec:
    """Ten requests from x-wing of one cluster to one service."""
    service = mesh.clusters[context].services.get(key)
    ports = service.spec.ports if service else None
    return LoadSpec(target_url(key, ports[0].port if ports else 80, "default"), context=context)


class LoadPane(BlockPane):
    """The run in front and the last ones."""

    scope: ClassVar[str] = "load"
    BINDINGS: ClassVar[list[BindingType]] = bindings("load")

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[Run] = []

    @property
    def current(self) -> Run | None:
        """The newest run."""
        return self.runs[-1] if self.runs else None

    @property
    def running(self) -> bool:
        """Whether requests are on their way."""
        return bool(self.runs) and self.runs[-1].running

    def blocks(self, width: int) -> list[tuple[Hashable, list[Line]]]:
        """The newest run, then a bar for each of the last ones."""
        mesh, run = self.dashboard.mesh, self.current
        if mesh is None or run is None:
            return [(("none",), self._invitation())]
        client = mesh.clusters.get(run.client)
        label = (client.tag, client.index) if client else ("?", 0)
        lines = run_lines(run, index_of_clusters(mesh), label, width)
        return [(("run", len(self.runs)), lines), (("history",), [history_line(self.runs[-KEPT:])])]

    def _invitation(self) -> list[Line]:
        board = self.dashboard
        context, key = board.load_target()
        if board.mesh is None or context not in board.mesh.clusters:
            return [[Span(" waiting for a cluster", "dim")]]
        cluster = board.mesh.clusters[context]
        words = [Span(" press ", "dim"), Span("l", "key", "load.run"), Span(" for ten requests from ", "dim")]
        return [[*words, Span(f"{cluster.tag} x-wing → {key.partition('/')[2]}")]]

    def why_not(self, command: c.Command) -> str:
        """A run can be stopped while it runs."""
        return "nothing is running" if command.id == "load.cancel" and not self.running else ""

    # Running

    def begin(self, session: SessionPort, context: str, key: str) -> None:
        """Fire ten requests from `context`'s x-wing to the service `key`; a run still going is stopped first."""
        spec = spec_for(session.mesh, context, key)
        expected = route(session.mesh, context, key).shares
        self.runs.append(Run(spec, context, key.partition("/")[2], expected))
        del self.runs[:-50]
        self.entitle(f"{session.mesh.clusters[context].tag} → {self.runs[-1].target}")
        self.rebuild()
        self.dashboard.run_worker(
            self._follow(session, self.runs[-1]), group=_GROUP, exclusive=True, exit_on_error=False, description="load"
        )

    async def _follow(self, session: SessionPort, run: Run) -> None:
        try:
            async for event in session.load(run.spec):
                self._take(run, event)
                self.rebuild()
        except MeshtuiError as error:
            run.problem, run.hint = str(error), error.hint
            self.dashboard.tell(error)
        except asyncio.CancelledError:
            run.cancelled = True
            raise
        finally:
            if run.running:
                run.running = False
                run.problem = run.problem or ("" if run.cancelled else "the run broke off")
            self.rebuild()

    def _take(self, run: Run, event: LoadStarted | Request | LoadEnded) -> None:
        if isinstance(event, LoadStarted):
            run.pod = event.pod
        elif isinstance(event, LoadEnded):
            run.running = False
            run.problem, run.hint, run.cancelled = event.problem, event.hint, event.cancelled
        else:
            self._place(run, event)

    def _place(self, run: Run, request: Request) -> None:
        """A request told a second time (its story or its pod found out later) replaces the first telling."""
        for index, old in enumerate(run.requests):
            if old.number == request.number:
                run.requests[index] = request
                return
        run.requests.append(request)

    def do_cancel(self) -> None:
        """Stop what is running."""
        self.workers.cancel_group(self.dashboard, _GROUP)

    def do_details(self) -> None:
        """Every request of the run in front."""
        run = self.current
        if run is None:
            return
        from meshtui.tui.rows.requests import request_lines

        mesh = self.dashboard.mesh
        tags = index_of_clusters(mesh) if mesh else {}
        self.dashboard.show_details(f"Ten requests to {run.target}", request_lines(run, tags))
