"""Where a person is in the dashboard, as a bookmark; and how a bookmark leads back there."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from msgspec import structs

from meshtui.core.bookmarks import Bookmark
from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.filter import NOISE, PRESETS
from meshtui.core.model.state import Mesh
from meshtui.core.services import filter as servicefilter
from meshtui.core.services.table import Sort
from meshtui.tui import commands as c
from meshtui.tui.clusters.pane import ClustersPane
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.services.pane import ServicesPane

FLOW_VIEWS = ("events", "sums", "connections", "map")


class PlaceHost(Protocol):
    """The dashboard, as far as places are concerned."""

    current: str

    @property
    def mesh(self) -> Mesh | None:
        """The mesh, once there is a session."""
        ...

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Namespaces shown; empty means all."""
        ...

    @property
    def clusters(self) -> ClustersPane:
        """Pane 1."""
        ...

    @property
    def services(self) -> ServicesPane:
        """Pane 2."""
        ...

    @property
    def flows(self) -> FlowsPane:
        """Pane 3."""
        ...

    def see_namespaces(self, names: tuple[str, ...]) -> None:
        """Show these namespaces."""
        ...

    def go(self, scope: str) -> None:
        """Bring a pane to the front."""
        ...


def here(board: PlaceHost) -> Bookmark:
    """The place where the cursor is now, without a name."""
    view, cell, question = board.services.view, board.services.cell, board.flows.question
    key, context = cell if cell is not None else ("", "")
    if board.current == "clusters":
        context = board.clusters.context
    return Bookmark(
        "",
        board.current if board.current in c.PANES else "services",
        context,
        key,
        board.namespaces,
        view.filter.text,
        view.mesh_only,
        view.faults_only,
        "" if view.sort is Sort.MESHED else view.sort.name,
        view.reverse,
        question.text if question is not None else "",
        question.preset if question is not None else "dropped",
        question.service if question is not None else "",
        question.hidden if question is not None else (),
        board.flows.kind,
    )


def go(board: PlaceHost, mark: Bookmark) -> str:
    """Go to a kept place; the answer is what of it is not there any more, empty when all is.

    Raises MeshtuiError for a filter that is not understood.
    """
    mesh = board.mesh
    pane = mark.pane if mark.pane in c.PANES else "services"
    if mesh is None:
        return "there is no cluster yet"
    wanted = servicefilter.parse(mark.services_filter, mesh)
    question = board.flows.question
    if question is not None:
        preset = mark.flows_preset if mark.flows_preset in (*PRESETS, "service") else "all"
        hidden = tuple(name for name in mark.flows_hidden if name in NOISE)
        question = replace(question, behind=None, hidden=hidden).asked(mark.flows_filter)
        question = question.with_preset(preset, mark.flows_service)
    if tuple(mark.namespaces) != tuple(board.namespaces):
        board.see_namespaces(mark.namespaces)
    services = board.services
    sort = Sort[mark.sort] if mark.sort in Sort.__members__ else Sort.MESHED
    services.look(structs.replace(services.view, filter=wanted, mesh_only=mark.mesh_only, faults_only=mark.faults_only,
                          sort=sort, reverse=mark.reverse))  # fmt: skip
    if pane == "flows" and question is not None:
        board.flows.look_at(mark.flows_view if mark.flows_view in FLOW_VIEWS else "events")
        board.flows.ask(question)
    board.go(pane)
    return _point(board, mark, pane)


def _point(board: PlaceHost, mark: Bookmark, pane: str) -> str:
    """Put the cursors where they were."""
    mesh = board.mesh
    assert mesh is not None
    if mark.context and mark.context not in mesh.clusters:
        return f"cluster {mark.context} is not among those looked at"
    if mark.context and pane == "clusters":
        board.clusters.select_cluster(mark.context)
    if mark.service and not board.services.select(mark.service, mark.context) and pane == "services":
        there = any(mark.service in cluster.services for cluster in mesh.clusters.values())
        return f"{mark.service} is {'not shown' if there else 'in no cluster any more'}"
    return ""


def reach(board: PlaceHost, mark: Bookmark) -> tuple[str, bool]:
    """Go there: a sentence for the message line, and whether all is well."""
    try:
        missing = go(board, mark)
    except MeshtuiError as error:
        hint = f" → {error.hint}" if error.hint else ""
        return f"bookmark {mark.name}: {error.title}{hint}", False
    return (f"bookmark {mark.name}: {missing}", False) if missing else (f"at bookmark {mark.name}", True)
