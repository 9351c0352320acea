"""Pane 2: every service over all clusters, its mesh annotations, and where its clients' requests go."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.binding import BindingType

from meshtui.core.errors import UsageError
from meshtui.core.health.model import Judgement
from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta, Phase
from meshtui.core.services import filter as servicefilter
from meshtui.core.services.table import ServiceTable, Sort, View
from meshtui.tui import commands as c
from meshtui.tui.header import time_text
from meshtui.tui.services import rows
from meshtui.tui.widgets.paint import Line, Span, safe
from meshtui.tui.widgets.pane import Pane, bindings

PORTION = 60
"""Rows made between two paints."""
_SHOW_EVERY = 20
"""Portions after which a list still being made is shown again."""
_CHANGES = {
    "global_here": "annotate", "shared_here": "annotate", "affinity_here": "annotate", "global_all": "annotate",
    "shared_all": "annotate", "affinity_all": "annotate", "drill": "scale",
}  # fmt: skip
"""Methods that change clusters → the right they need."""


class ServicesPane(Pane):
    """Services; the cursor is on one cluster's line of one service."""

    scope: ClassVar[str] = "services"
    BINDINGS: ClassVar[list[BindingType]] = bindings("services")
    rests = True

    def __init__(self) -> None:
        super().__init__()
        self.view = View()
        self.table: ServiceTable | None = None
        self.marked: dict[rows.Cell, None] = {}
        self._when: dict[str, float] = {}
        self._ends: tuple[str, str] = ("", "")
        self._version = -1
        self._portions = 0
        self._waiting = False

    # What is shown

    def changed(self, delta: Delta) -> None:
        """Make the rows that are named, a portion at a time; the list again only where its order changed."""
        if self.table is None:
            self.rebuild()
            return
        self.table.note(delta)
        if delta.status:
            self.touch()
        self._work()

    def rebuild(self) -> None:
        """Choose, sort and draw the services again."""
        mesh = self.dashboard.mesh
        if mesh is None or not mesh.clusters:
            return
        contexts = list(mesh.clusters)
        self._ends = contexts[0], contexts[-1]
        self.view = replace(self.view, namespaces=frozenset(self.dashboard.namespaces))
        if self.table is None or self.table.mesh is not mesh:
            self.table = ServiceTable(mesh, self.view, lazy=True)
        elif self.table.view != self.view:
            self.table.look(self.view)
        self._version = -1
        self._work()

    def _work(self) -> None:
        table = self.table
        if table is None or not self.is_attached:
            return
        keys = table.work(PORTION)
        now = self.dashboard.clock.now()
        self._when.update(dict.fromkeys(table.altered(), now))
        self._portions += 1
        if table.version == self._version:
            self.touch([(key, context) for key in keys for context in table.mesh.clusters])
            self._title()
        elif not table.backlog or self._portions % _SHOW_EVERY == 0:
            self._list(table)
        if table.backlog and not self._waiting:
            # Rows live as long as the session: without this the collector stops the loop for half a second to see it.
            gc.freeze()
            self._waiting = True
            self.call_after_refresh(self._go_on)

    def _go_on(self) -> None:
        self._waiting = False
        self._work()

    def _list(self, table: ServiceTable) -> None:
        self._version = table.version
        contexts = list(table.mesh.clusters)
        shown = [table[index] for index in range(len(table))]
        one_each = [1] * (len(contexts) - 1)
        heights = [height for row in shown for height in (*one_each, 2 if rows.explains(row) else 1)]
        self.show([(row.key, context) for row in shown for context in contexts], heights)
        self._title()

    def _title(self) -> None:
        table, view = self.table, self.view
        if table is None:
            return
        parts = [f"{len(table)}" if len(table) == table.known else f"{len(table)} of {table.known}"]
        parts += [", ".join(map(safe, sorted(view.namespaces)))] if view.namespaces else []
        parts += ["mesh only"] if view.mesh_only else []
        parts += ["faults only"] if view.faults_only else []
        parts += [f"by {view.sort.value}"] if view.sort is not Sort.MESHED else []
        parts += [f"/{safe(view.filter.text, 40)}"] if view.filter.text else []
        parts += [f"{len(self.marked)} marked"] if self.marked else []
        parts += [f"{table.backlog} to come"] if table.backlog else []
        self.entitle(" · ".join(parts))

    def placeholder(self, width: int) -> Sequence[Line]:
        """Why there is nothing."""
        if self.dashboard.mesh is None:
            return [[Span(" waiting for a cluster", "dim")]]
        known = self.table is not None and self.table.known
        return [[Span(" no service matches: esc shows all" if known else " no services known yet", "dim")]]

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """A cluster's line, and under the last cluster's where requests go."""
        board, table = self.dashboard, self.table
        service, context = cell = cast("rows.Cell", key)
        row = table.row(service) if table is not None else None
        if table is None or row is None:
            return ()
        pending = board.session is not None and (context, service) in board.session.pending
        cluster = table.mesh.clusters[context]
        first, last = (context == end for end in self._ends)
        judgement = board.session.judgement if board.session else Judgement()
        health = judgement.service(service)
        away = cluster.api.phase is Phase.STALE
        line = rows.cell_line(
            cluster,
            row,
            width,
            first=first,
            pending=pending,
            marked=cell in self.marked,
            health=health,
            age=board.clock.now() - cluster.api.since if away else None,
        )
        if not (last and rows.explains(row)):
            return [line]
        findings = board.findings
        around, found = (findings.around, findings.of(service)) if findings is not None else (None, [])
        since = time_text(health.since, utc=board.utc) if health.since else ""
        return [line, rows.route_line(table.mesh, service, width, around, found, health, since)]

    @property
    def cell(self) -> rows.Cell | None:
        """(service key, context) under the cursor."""
        return cast("rows.Cell | None", self.selected)

    def changed_at(self, key: str) -> float:
        """When this session last saw a service's annotations or endpoints change; 0 when it never did."""
        return self._when.get(key, 0.0)

    # What may be done

    def why_not(self, command: c.Command) -> str:
        """Changes need a service, and the right to change it in every cluster meant."""
        board = self.dashboard
        if command.id == "services.undo":
            return "" if board.session and board.session.history.done else "there is nothing to undo"
        if command.method == "mark" and self.cell is None:
            return "no service is selected"
        right = _CHANGES.get(command.method)
        if right is None:
            return ""
        refs = self._refs(everywhere=command.id.endswith("-all"))
        if board.mesh is None or not refs:
            return "no service is selected"
        for context in dict.fromkeys(context for context, _ in refs):
            cluster = board.mesh.clusters[context]
            if cluster.read_only:
                return f"{cluster.name} is read-only"
            if right in cluster.denied:
                return f"{cluster.name}: {cluster.denied[right]}"
        return ""

    def _refs(self, *, everywhere: bool = False) -> list[tuple[str, str]]:
        """(context, service key) of what is marked, else of what is under the cursor."""
        mesh = self.dashboard.mesh
        cells: Iterable[rows.Cell] = self.marked or ([self.cell] if self.cell else [])
        if mesh is None:
            return []
        if not everywhere:
            return [(context, key) for key, context in cells]
        keys = dict.fromkeys(key for key, _ in cells)
        return [(c.context, key) for key in keys for c in mesh.clusters.values() if key in c.services]

    def _toggle(self, what: str, *, everywhere: bool = False) -> None:
        refs = self._refs(everywhere=everywhere)
        if refs:
            self.dashboard.change(lambda session: session.plan_toggle(refs, what))

    # Commands

    def do_global_here(self) -> None:
        """Toggle global where the cursor or the marks are."""
        self._toggle("global")

    def do_shared_here(self) -> None:
        """Toggle shared where the cursor or the marks are."""
        self._toggle("shared")

    def do_affinity_here(self) -> None:
        """Step affinity where the cursor or the marks are."""
        self._toggle("affinity")

    def do_global_all(self) -> None:
        """Toggle global in all clusters."""
        self._toggle("global", everywhere=True)

    def do_shared_all(self) -> None:
        """Toggle shared in all clusters."""
        self._toggle("shared", everywhere=True)

    def do_affinity_all(self) -> None:
        """Step affinity in all clusters."""
        self._toggle("affinity", everywhere=True)

    def do_undo(self) -> None:
        """Take the last change back."""
        self.dashboard.change(lambda session: session.plan_undo(), nothing="there is nothing to undo")

    def do_drill(self) -> None:
        """Scale the service's workload in the cluster under the cursor to zero, or back."""
        cell = self.cell
        if cell is not None:
            key, context = cell
            self.dashboard.change(lambda session: session.plan_drill(context, key))

    def do_mark(self) -> None:
        """Mark the line under the cursor, or unmark it, and go on to the same cluster's next service."""
        cell, table = self.cell, self.table
        if cell is None or table is None:
            return
        if cell in self.marked:
            del self.marked[cell]
        else:
            self.marked[cell] = None
        self.touch([cell])
        self._title()
        self.move_to(self.cursor + len(table.mesh.clusters))

    def do_namespaces(self) -> None:
        """Ask for the namespaces to show."""
        board = self.dashboard

        def done(text: str) -> None:
            board.see_namespaces(tuple(dict.fromkeys(text.replace(",", " ").split())))

        board.ask_filter(" ".join(board.namespaces), "namespaces to show, space between them; empty shows all", done,
                         [(name, "") for name in board.names()[0][:12]])  # fmt: skip

    def do_all_namespaces(self) -> None:
        """Show every namespace."""
        self.dashboard.see_namespaces(())

    def do_mesh_only(self) -> None:
        """Show only what Cluster Mesh knows of, or everything."""
        self._look(replace(self.view, mesh_only=not self.view.mesh_only))

    def do_faults(self) -> None:
        """Show only services with a fault, or everything."""
        self._look(replace(self.view, faults_only=not self.view.faults_only))

    def do_sort(self) -> None:
        """Next order."""
        orders = list(Sort)
        view = replace(self.view, sort=orders[(orders.index(self.view.sort) + 1) % len(orders)])
        self._look(view)
        self.dashboard.say(f"services by {view.sort.value}", "dim", "·")

    def _look(self, view: View) -> None:
        self.view = view
        self.rebuild()

    def do_filter(self) -> None:
        """Ask for a filter."""
        self.dashboard.ask_filter(
            self.view.filter.text, "name, ns: cluster: missing: ann: is: type: port:, ! for not", self.set_filter,
            servicefilter.HELP,
        )  # fmt: skip

    def set_filter(self, text: str) -> None:
        """Show services for which all terms hold."""
        mesh = self.dashboard.mesh
        if mesh is None:
            return
        try:
            wanted = servicefilter.parse(text, mesh)
        except UsageError as error:
            self.dashboard.tell(error)
            return
        self._look(replace(self.view, filter=wanted))

    def do_back(self) -> bool:
        """Forget the marks, then the filter, then what narrows the list."""
        if self.marked:
            self.marked.clear()
            self.touch()
            self._title()
        elif self.view.filter.text:
            self.set_filter("")
        elif self.view.mesh_only or self.view.faults_only:
            self._look(replace(self.view, mesh_only=False, faults_only=False))
        else:
            return False
        return True

    def do_details(self) -> None:
        """Explain the service under the cursor."""
        board, cell = self.dashboard, self.cell
        if board.session is not None and cell is not None:
            from meshtui.tui.services.detail import ServiceDialog

            board.app.push_screen(ServiceDialog(board, board.session, cell[0]))

    def do_describe(self) -> None:
        """Describe the Service under the cursor."""
        self._describe("describe")

    def do_yaml(self) -> None:
        """The Service under the cursor as YAML."""
        self._describe("yaml")

    def _describe(self, look: str) -> None:
        if self.cell is not None:
            key, context = self.cell
            namespace, _, name = key.partition("/")
            self.dashboard.describe(context, r.SERVICES, namespace, name, look)

    def do_history(self) -> None:
        """What was changed in this session."""
        board = self.dashboard
        if board.session is None:
            board.say("there is no cluster yet", "warn", "!")
            return
        from meshtui.tui.changes.history import HistoryDialog

        board.app.push_screen(HistoryDialog(board, board.session))
