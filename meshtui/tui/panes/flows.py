"""Pane 3: the flows of all clusters as they come, dropped ones by default, newest at the bottom."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer

from meshtui.core import resources as r
from meshtui.core.errors import MeshtuiError
from meshtui.core.flow import FlowRow, Verdict
from meshtui.core.flowstore import FlowStore, FlowView
from meshtui.core.state import Delta
from meshtui.tui import commands as c
from meshtui.tui.panes.base import Pane, bindings
from meshtui.tui.rows import flows as rows
from meshtui.tui.rows.paint import Line, Span
from meshtui.tui.rows.services import index_of_clusters

if TYPE_CHECKING:
    from meshtui.core.flowfilter import FlowFilter
    from meshtui.core.policy import Explanation, Rulebook

REFRESH_SECONDS = 0.1
"""Shortest time between two redraws: flows come by the thousand, eyes do not."""
_TWO_LINES_FROM = 50


class FlowsPane(Pane):
    """A ring of flows; follows the newest while the cursor is on it."""

    scope: ClassVar[str] = "flows"
    BINDINGS: ClassVar[list[BindingType]] = bindings("flows")

    def __init__(self) -> None:
        super().__init__()
        self.dropped_only = True
        self.two_lines = True
        self.text = ""
        self.filter: FlowFilter | None = None
        self.view: FlowView | None = None
        self.following = True
        self._paused_at: int | None = None
        self._seen = (-1, 0)
        self._timer: Timer | None = None
        self._told = False
        self._explained: dict[int, Explanation] = {}
        self._book: Rulebook | None = None

    @property
    def marks_cursor(self) -> bool:  # type: ignore[override]
        """While following there is nothing to point at, unless a person is here."""
        return self.has_focus

    # Data in

    @property
    def store(self) -> FlowStore | None:
        """The session's flows."""
        session = self.dashboard.session
        return session.flows if session else None

    class Arrived(Message):
        """Flows came."""

    def arrived(self) -> None:
        """Flows came. Called from outside the app's own tasks, so it only leaves a message."""
        if not self._told:
            self._told = True
            self.post_message(self.Arrived())

    def on_flows_pane_arrived(self) -> None:
        """Redraw soon, at most ten times a second."""
        self._told = False
        if self._timer is None:
            self._timer = self.set_timer(REFRESH_SECONDS, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if self._paused_at is None:
            self._show()
        self._title()

    def changed(self, delta: Delta) -> None:
        """Policies explain drops anew; a Relay's state is in the title."""
        if any(resource in r.POLICIES for _, resource in delta.objects):
            self._explained.clear()
            self._book = None
            self.touch()
        if delta.status:
            self.touch()
            self._title()

    def rebuild(self) -> None:
        """Open the view of the flows that are wanted now."""
        store = self.store
        if store is None:
            return
        if self.view is not None:
            self.view.close()
        self.view = store.view(self._wanted)
        self._seen = (-1, 0)
        self._show()
        self._title()

    def _wanted(self, row: FlowRow) -> bool:
        if self.dropped_only and row.verdict != Verdict.DROPPED:
            return False
        return self.filter is None or self.filter.matches(row)

    def _show(self) -> None:
        """Take over what the view holds; stay on the row under the cursor, or on the newest when following."""
        view = self.view
        if view is None or view.version == self._seen[0]:
            return
        row = cast("FlowRow | None", self.selected)
        above = self.top_of(self.cursor) - self.scroll_offset.y
        gone = view.evicted - self._seen[1] if self._seen[0] >= 0 else 0
        self._seen = (view.version, view.evicted)
        self._use(view.rows(0, len(view)))
        if self.following or row is None:
            self.cursor = max(0, len(self.items) - 1)
            self.scroll_to(y=self.total, animate=False, force=True)
        else:
            self.cursor = _find(self.items, row, self.cursor - gone)
            self.scroll_to(y=max(0, self.top_of(self.cursor) - above), animate=False, force=True)
        self.refresh()

    def _use(self, items: Sequence[FlowRow]) -> None:
        self.items = items
        self.height_each = 2 if self.two_lines and self.size.width >= _TWO_LINES_FROM else 1
        if len(self._cache) > 1000:
            self._cache.clear()
        self._resize()

    def on_resize(self) -> None:
        """Width decides between one and two lines."""
        self._cache.clear()
        self._use(cast("Sequence[FlowRow]", self.items))
        self.move_to(len(self.items) - 1 if self.following else self.cursor)

    # Painting

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """One flow."""
        row = cast("FlowRow", key)
        mesh = self.dashboard.mesh
        tags = index_of_clusters(mesh) if mesh else {}
        two = self.height_each == 2
        why = self._explain(row) if two else None
        sentence = why.sentence if why else ""
        return rows.flow_lines(row, tags, width, two=two, utc=self.dashboard.utc, explanation=sentence)

    def placeholder(self, width: int) -> Sequence[Line]:
        """Nothing to see is an answer, too."""
        if self.view is None:
            return [[Span(" waiting for a cluster", "dim")]]
        words = "no dropped flows so far" if self.dropped_only else "no flows so far"
        line = [Span(f" {words}{' that match the filter' if self.text else ''}", "dim")]
        if self.dropped_only:
            line += [Span(" · ", "dim"), Span("v", "key", "flows.verdicts"), Span(" shows all verdicts", "dim")]
        return [line]

    def _explain(self, row: FlowRow) -> Explanation | None:
        """Why a flow was dropped, by the policies as they are now; None for a flow that was not."""
        mesh = self.dashboard.mesh
        if mesh is None or row.verdict != Verdict.DROPPED:
            return None
        from meshtui.core.policy import Rulebook, explain_flow

        key = hash((row.uuid, row.time_ns))
        if key not in self._explained:
            if len(self._explained) > 5000:
                self._explained.clear()
            self._book = self._book or Rulebook(mesh)
            self._explained[key] = explain_flow(mesh, row, book=self._book)
        return self._explained[key]

    def _title(self) -> None:
        mesh, store, view = self.dashboard.mesh, self.store, self.view
        if mesh is None or store is None or view is None:
            return
        rate = sum(cluster.relay.rate for cluster in mesh.clusters.values())
        lost = sum(cluster.relay.lost for cluster in mesh.clusters.values()) + store.shed
        waiting = None if self._paused_at is None else view.arrived - self._paused_at
        shown = "dropped" if self.dropped_only else "all verdicts"
        self.entitle(rows.title(shown, rate, lost, waiting=waiting, text=self.text))

    # Commands

    def move_to(self, index: int) -> None:
        """Moving to the newest follows again; moving away from it stops that."""
        self.following = index >= len(self.items) - 1
        super().move_to(index)

    def do_top(self) -> None:
        """To the oldest."""
        self.following = False
        super().do_top()

    def do_pause(self) -> None:
        """Hold still, or go on with all that waited."""
        if self.view is None:
            return
        if self._paused_at is None:
            self._paused_at = self.view.arrived
        else:
            self._paused_at = None
            self._show()
        self._title()

    def do_verdicts(self) -> None:
        """Dropped flows only, or all."""
        self.dropped_only = not self.dropped_only
        self._cache.clear()
        self.rebuild()

    def do_width(self) -> None:
        """One line a flow, or two."""
        self.two_lines = not self.two_lines
        self.on_resize()
        self.refresh()

    def do_filter(self) -> None:
        """Ask for a filter in hubble's words."""
        placeholder = "verdict:dropped from-pod:default/x-wing port:80 cluster:tion not …"
        self.dashboard.ask_filter(self.text, placeholder, self.set_filter)

    def set_filter(self, text: str) -> None:
        """Show flows that match `text`; a mistake in it is told and changes nothing."""
        from meshtui.core.flowfilter import parse

        try:
            self.filter = parse(text) if text.strip() else None
        except MeshtuiError as error:
            self.dashboard.tell(error)
            return
        self.text = text.strip()
        self.rebuild()

    def do_back(self) -> bool:
        """Clear the filter, else go on when paused."""
        if self.text:
            self.set_filter("")
            return True
        if self._paused_at is not None:
            self.do_pause()
            return True
        return False

    def do_details(self) -> None:
        """Every field of the flow under the cursor."""
        row = cast("FlowRow | None", self.selected)
        mesh = self.dashboard.mesh
        if row is None or mesh is None:
            return
        from meshtui.tui.rows.flowdetail import detail_lines

        lines = detail_lines(row, index_of_clusters(mesh), utc=self.dashboard.utc, why=self._explain(row))
        self.dashboard.show_details("Flow", lines)

    def row_text(self) -> str:
        """The hubble CLI's own line of the flow under the cursor."""
        from meshtui.core.compact import compact_line

        row = cast("FlowRow | None", self.selected)
        return compact_line(row) if row is not None else ""

    def why_not(self, command: c.Command) -> str:
        """Nothing to pause before there is a stream."""
        return "" if self.view is not None else "no cluster has answered yet"


def _find(items: Sequence[Hashable], row: FlowRow, near: int) -> int:
    """Where `row` is now: at `near`, a little off after late arrivals, else where its time puts it."""
    near = max(0, min(near, len(items) - 1))
    if items and items[near] is row:
        return near
    at = bisect_left(items, row.time_ns, key=lambda item: cast("FlowRow", item).time_ns)
    while at < len(items) and cast("FlowRow", items[at]).time_ns == row.time_ns:
        if items[at] is row:
            return at
        at += 1
    return max(0, min(at, len(items) - 1))
