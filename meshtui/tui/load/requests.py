"""The requests of the runs in front, and one of them with the flows of its connection."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from meshtui.core.flows.flow import FlowRow
from meshtui.core.load.links import flows_of
from meshtui.core.load.run import Run
from meshtui.core.load.spec import Request
from meshtui.tui.board import Board
from meshtui.tui.flows.rows import flow_lines
from meshtui.tui.load.requestrows import fact_lines, head_line, request_line
from meshtui.tui.services.rows import index_of_clusters
from meshtui.tui.widgets.dialog import Dialog
from meshtui.tui.widgets.itemlist import ItemList
from meshtui.tui.widgets.paint import Line, Span, safe


class Place(NamedTuple):
    """One line of the list: a run's head (at -1) or one of its requests."""

    run: int
    at: int


class RequestList(ItemList):
    """Paints only the requests in sight, however many there are."""

    def __init__(self, board: Board, runs: Sequence[Run]) -> None:
        super().__init__()
        self.board = board
        self.runs = runs

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """A run's head, or one request."""
        place = cast("Place", key)
        run = self.runs[place.run]
        if place.at < 0:
            return [head_line(run)]
        if place.at >= len(run.requests):
            return [()]
        mesh = self.board.mesh
        return [request_line(run.requests[place.at], index_of_clusters(mesh) if mesh else {})]


class RequestsDialog(Dialog[None]):
    """Kept up to date while it is open; enter shows a request with its flows."""

    AUTO_FOCUS = "RequestList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", show=False)]

    def __init__(self, board: Board, runs: Sequence[Run]) -> None:
        super().__init__()
        self.board = board
        self.runs = runs
        self.list = RequestList(board, self.runs)
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it, and again as answers and flows come."""
        self.call_after_refresh(self._begin)
        self.board.listeners.add(self.refill)

    def _begin(self) -> None:
        self.refill()
        self.list.move_to(1)

    def on_unmount(self) -> None:
        """Stop listening."""
        self.board.listeners.discard(self.refill)

    def refill(self) -> None:
        """Show what has come until now."""
        places: list[Hashable] = []
        for number, run in enumerate(self.runs):
            places += [Place(number, index) for index in range(-1, len(run.requests))]
        self.list.show(places)
        total = sum(run.tally.total for run in self.runs)
        self._box.border_title = self.entitle(f"Requests to {self.runs[0].target} ─ {total}")
        self._box.border_subtitle = self.entitle("enter shows its flows · esc closes")

    def action_open(self) -> None:
        """The request under the cursor, with its flows."""
        place = self.list.selected
        session = self.board.session
        if not isinstance(place, Place) or place.at < 0 or session is None:
            return
        run = self.runs[place.run]
        self.app.push_screen(RequestDialog(self.board, run, run.requests[place.at]))


class RequestDialog(Dialog[None]):
    """One request in full; enter on one of its flows shows that in full."""

    AUTO_FOCUS = "ItemList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", show=False)]

    def __init__(self, board: Board, run: Run, request: Request) -> None:
        super().__init__()
        self.board = board
        self.load_run = run
        self.request = request
        self.list = ItemList()
        self._box = Vertical(self.list, classes="dialog -tall")

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        yield self._box

    def on_mount(self) -> None:
        """Fill it."""
        self._box.border_title = self.entitle(f"Request {self.request.number} from {self.load_run.origin}")
        self._box.border_subtitle = self.entitle("enter shows a flow · esc closes")
        self.call_after_refresh(self.refill)

    def flows(self) -> list[FlowRow]:
        """The flows of its connection, as far as they are kept."""
        session = self.board.session
        if session is None or not self.load_run.client:
            return []
        from meshtui.mesh.load.story import flows_around

        return flows_of(self.load_run, self.request, flows_around(session.flows, [self.request]))

    def refill(self) -> None:
        """The facts, then a line or two for each flow."""
        mesh = self.board.mesh
        tags = index_of_clusters(mesh) if mesh else {}
        width = max(30, self.list.scrollable_content_region.width)
        found = self.flows()
        none = (
            "from this machine: no cluster sees its flows as ours"
            if not self.load_run.client
            else "no flow of it is kept"
        )
        if self.load_run.client and self.board.flows.asking.narrowed:
            none += f": the servers send only {safe(self.board.flows.asking.narrowed, 60)} (filter of pane 3)"
        told = f" {len(found)} flows of its connection" if found else f" {none}"
        facts = fact_lines(self.request, tags, width, utc=self.board.utc)
        lines: dict[Hashable, Sequence[Line]] = {"facts": [*facts, (), [Span(told, "strong" if found else "dim")]]}
        for row in found:
            lines[row] = flow_lines(row, tags, width, two=True, utc=self.board.utc, explanation="")
        self.list.fill(lines)
        if found:
            self.list.move_to(1)

    def action_open(self) -> None:
        """The flow under the cursor in full."""
        row = self.list.selected
        mesh = self.board.mesh
        if not isinstance(row, FlowRow) or mesh is None:
            return
        from meshtui.core.model.identity import bits_in
        from meshtui.tui.flows.detailrows import detail_lines

        why = self.board.flows.explain(row)
        lines = detail_lines(row, index_of_clusters(mesh), utc=self.board.utc, why=why, bits=bits_in(mesh))
        self.board.show_details("Flow", lines)
