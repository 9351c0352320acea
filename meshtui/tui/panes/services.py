"""Pane 2: every service over all clusters, its mesh annotations, and where its clients' requests go."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, cast

from textual.binding import BindingType

from meshtui.core import resources as r
from meshtui.core.state import Delta
from meshtui.tui import commands as c
from meshtui.tui.panes.base import Pane, bindings
from meshtui.tui.rows import services as rows
from meshtui.tui.rows.paint import Line, Span, safe

_TOLD = (r.SERVICES, r.ENDPOINTSLICES, r.NAMESPACES)


class ServicesPane(Pane):
    """Services; the cursor is on one cluster's line of one service."""

    scope: ClassVar[str] = "services"
    BINDINGS: ClassVar[list[BindingType]] = bindings("services")
    rests = True

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.mesh_only = False
        self._known: dict[str, bool] = {}
        self._first: set[rows.Cell] = set()
        self._last: set[rows.Cell] = set()

    def changed(self, delta: Delta) -> None:
        """Redraw what is named; make the list again only when a service came, went, or joined or left the mesh."""
        mesh = self.dashboard.mesh
        if mesh is None:
            return
        named = {key for (_, resource), keys in delta.objects.items() if resource is r.SERVICES for key in keys}
        if any(rows.known_one(mesh, key) is not self._known.get(key) for key in named):
            self.rebuild()
        elif delta.status or any(resource in _TOLD for _, resource in delta.objects):
            self.touch()

    def rebuild(self) -> None:
        """Choose and sort the services again."""
        mesh = self.dashboard.mesh
        if mesh is None or not mesh.clusters:
            return
        self._known = rows.known(mesh)
        keys = rows.choose(self._known, self.dashboard.namespaces, self.text, mesh_only=self.mesh_only)
        contexts = list(mesh.clusters)
        cells = [(key, context) for key in keys for context in contexts]
        self._first = {(key, contexts[0]) for key in keys}
        self._last = {(key, contexts[-1]) for key in keys if self._known[key] or rows.explains(key)}
        self.show(cells, [2 if cell in self._last else 1 for cell in cells])
        detail = f"{len(keys)}"
        if self.mesh_only:
            detail += " · mesh only"
        if self.text:
            detail += f" · /{safe(self.text, 40)}"
        self.entitle(detail)

    def placeholder(self, width: int) -> Sequence[Line]:
        """Why there is nothing."""
        if self.dashboard.mesh is None:
            return [[Span(" waiting for a cluster", "dim")]]
        return [[Span(" no service matches" if self.text or self.mesh_only else " no services known yet", "dim")]]

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """A cluster's line, and under the last cluster's where requests go."""
        mesh = self.dashboard.mesh
        if mesh is None:
            return ()
        cell = cast("rows.Cell", key)
        session = self.dashboard.session
        pending = session is not None and (cell[1], cell[0]) in session.pending
        lines: list[Line] = [rows.cell_line(mesh, cell, width, first=cell in self._first, pending=pending)]
        if cell in self._last:
            lines.append(rows.route_line(mesh, cell[0], width))
        return lines

    @property
    def cell(self) -> rows.Cell | None:
        """(service key, context) under the cursor."""
        return cast("rows.Cell | None", self.selected)

    # Commands

    def why_not(self, command: c.Command) -> str:
        """Changes need a service, and one that may be changed."""
        if not command.id.startswith("services.") or command.id in ("services.undo", "services.mesh-only"):
            return ""
        mesh, cell = self.dashboard.mesh, self.cell
        if mesh is None or cell is None:
            return "no service is selected"
        cluster = mesh.clusters[cell[1]]
        if cluster.read_only and not command.id.endswith("-all"):
            return f"{cluster.name} is read-only"
        return cluster.denied.get("annotate", "")

    def _refs(self, *, everywhere: bool) -> list[tuple[str, str]]:
        mesh, cell = self.dashboard.mesh, self.cell
        if mesh is None or cell is None:
            return []
        key, context = cell
        if not everywhere:
            return [(context, key)]
        return [(cluster.context, key) for cluster in mesh.clusters.values() if key in cluster.services]

    def _toggle(self, what: str, *, everywhere: bool = False) -> None:
        refs = self._refs(everywhere=everywhere)
        if refs:
            self.dashboard.change(lambda session: session.plan_toggle(refs, what))

    def do_global_here(self) -> None:
        """Toggle global in the cluster under the cursor."""
        self._toggle("global")

    def do_shared_here(self) -> None:
        """Toggle shared in the cluster under the cursor."""
        self._toggle("shared")

    def do_affinity_here(self) -> None:
        """Step affinity in the cluster under the cursor."""
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

    def do_mesh_only(self) -> None:
        """Show only what Cluster Mesh knows of, or everything."""
        self.mesh_only = not self.mesh_only
        self.rebuild()

    def do_filter(self) -> None:
        """Ask for a part of the name."""
        self.dashboard.ask_filter(self.text, "part of namespace/name", self.set_filter)

    def set_filter(self, text: str) -> None:
        """Show services whose name holds `text`."""
        self.text = text.strip()
        self.rebuild()

    def do_back(self) -> bool:
        """Clear the filter, if there is one."""
        if not self.text:
            return False
        self.set_filter("")
        return True

    def do_details(self) -> None:
        """Explain the service under the cursor."""
        mesh, cell = self.dashboard.mesh, self.cell
        if mesh is None or cell is None:
            return
        from meshtui.tui.rows.explain import explain

        self.dashboard.show_details(cell[0], explain(mesh, cell[0]))
