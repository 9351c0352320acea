"""Pane 3: the flows of all clusters, as events, sums, connections or a map; dropped ones at first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.timer import Timer

from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView, Gap
from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta
from meshtui.core.savedfilters import expanded
from meshtui.tui import commands as c
from meshtui.tui.flows import title as flowtitle
from meshtui.tui.flows.asking import Asking
from meshtui.tui.flows.cells import CellPicker
from meshtui.tui.flows.explanations import Explanations
from meshtui.tui.flows.rows import because
from meshtui.tui.flows.views.choose import choose
from meshtui.tui.flows.views.events import Events, find
from meshtui.tui.flows.views.view import FlowListing, RenderOptions
from meshtui.tui.services.rows import index_of_clusters
from meshtui.tui.theme import drawn
from meshtui.tui.widgets.paint import Line, Span
from meshtui.tui.widgets.pane import Pane, bindings

if TYPE_CHECKING:
    from meshtui.core.flows.filter import Question
    from meshtui.core.policy import Explanation
    from meshtui.tui.flows.views.sums import Sums

_RIGHT = 3
"""The right button's number."""
PORTION_PAUSE = 0.01
"""Seconds between two portions of rows to add up: keys come in between."""


class FlowsPane(Pane):
    """Shows a view of the session's flows; follows the newest while the cursor is on it."""

    scope: ClassVar[str] = "flows"
    BINDINGS: ClassVar[list[BindingType]] = bindings("flows")
    wraps = True

    def __init__(self) -> None:
        super().__init__()
        self.asking = Asking()
        self.view: FlowView | None = None
        self.listing: FlowListing | None = None
        self.kind = "events"
        self._following = True
        self.two_lines = True
        self.paired = True
        """Whether the verdict and the drop of one packet are one item."""
        self.paused_at: int | None = None
        self.sought = ""
        self._seen: tuple[int, int] = (-1, 0)
        self._timer: Timer | None = None
        self._told = False
        self.explanations = Explanations()
        self.cells = CellPicker()
        self.behind = ""  # name of the sum whose events are shown
        self._sources: object = None
        self._framed = "", ""
        self._gaps: tuple[Gap, ...] = ()  # those of the last look

    @property
    def following(self) -> bool:
        """Whether the newest stays in sight. Sums and the map are in no order of time: there is no newest."""
        return self._following and self.kind in ("events", "connections")

    @following.setter
    def following(self, follows: bool) -> None:
        self._following = follows

    @property
    def marks_cursor(self) -> bool:  # type: ignore[override]
        """While following there is nothing to point at, unless a person is here."""
        return self.has_focus

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
        """Redraw soon: flows come by the thousand, eyes do not."""
        self._told = False
        self._soon(self.listing.pace if self.listing is not None else 0.1)

    def _soon(self, seconds: float) -> None:
        self._timer = self._timer or self.set_timer(seconds, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if self.paused_at is None:
            self.draw()
        self.frame()

    def changed(self, delta: Delta) -> None:
        """Policies explain drops anew; sources and rates are in the title."""
        if delta.status or any(resource in r.POLICIES for _, resource in delta.objects):
            self._note_policies()
        if delta.status:
            mesh = self.dashboard.mesh
            known = index_of_clusters(mesh) if mesh is not None else None
            if known != self._sources:  # names of clusters became known
                self._sources = known
                self.touch()
            self.frame()

    def _note_policies(self) -> None:
        """Remember the policies of now: drops of this time are explained by them, whatever is changed later."""
        if self.explanations.note(self.dashboard.mesh, self.dashboard.clock.now()):
            self.touch()

    def rebuild(self) -> None:
        """Open the view of the flows that are wanted now."""
        store = self.store
        if store is None:
            return
        self._note_policies()
        if self.asking.question is None:
            from meshtui.core.flows.filter import Question

            self.asking.question = Question()
        question = self.asking.question
        if self.view is not None:
            self.view.close()
        # A connection is listed for one wanted event and unfolds into all of them.
        whole = question.with_preset("all") if self.kind == "connections" else question
        packets = None
        if self.kind == "events" and self.paired:
            from meshtui.core.flows.packets import Packets

            packets = Packets()
        self.view = store.view(whole.matches, packets)
        self.listing = choose(self.kind, store, self.view, question, self._sentence, two_lines=self.two_lines)
        self._seen = (-1, 0)
        self.forget()
        self.draw()
        self.frame()

    def look_at(self, kind: str) -> None:
        """Show `events`, `sums`, `connections` or the `map`."""
        if self.kind != kind:
            self.kind, self.cursor, self.items, self.following = kind, 0, (), True
            self.scroll_to(y=0, animate=False, force=True)
            self.rebuild()

    def reopen(self) -> None:
        """Open the view anew and stay on the flow under the cursor, or on the item it is part of now."""
        row = self.row
        self.rebuild()
        packets = self.view.packets if self.view is not None else None
        if row is not None and not self.following:
            self.select(packets.leader(row) if packets is not None else row)

    def draw(self, *, again: bool = False) -> None:
        """Take over what the view holds; stay on the item under the cursor, or on the newest when following."""
        view, listing = self.view, self.listing
        if view is None or listing is None:
            return
        more = listing.pump()
        if more:
            self._soon(PORTION_PAUSE)
        if not (again or listing.due()):
            self._soon(listing.pace)
            return
        before, self._gaps = self._gaps, tuple(self.store.gaps) if self.store is not None else ()
        if before == self._gaps and not (again or more) and view.version == self._seen[0]:
            return
        if isinstance(listing, Events):
            self._draw_events(view, listing)
        else:
            self._seen, self.height_each = (view.version, view.evicted), 1
            if listing.name == "connections" and self.following:
                self.items = listing.items(self._options())
                self._fit()
                self._to_newest()
            else:
                self.show(listing.items(self._options()))
            self.forget()
        self.refresh()

    def _draw_events(self, view: FlowView, listing: Events) -> None:
        item = self.selected
        above = self.top_of(self.cursor) - self.scroll_offset.y
        gone = view.evicted - self._seen[1] if self._seen[0] >= 0 else 0
        listing.came(view.arrived, self.page)
        self._seen = (view.version, view.evicted)
        self.items = listing.items(self._options())
        if grown := listing.grown():
            self.touch(grown)
        self._fit()
        if self.following or item is None:
            self._to_newest()
        else:
            self.cursor = find(self.items, item, self.cursor - gone)
            self._resize()
            self.scroll_to(y=max(0, self.top_of(self.cursor) - above), animate=False, force=True)

    def _to_newest(self) -> None:
        self.cursor = max(0, len(self.items) - 1)
        self._resize()
        self.scroll_to(y=self.total, animate=False, force=True)

    def _fit(self) -> None:
        self.tops = None
        listing = self.listing
        self.height_each = listing.height(self.size.width) if isinstance(listing, Events) else 1
        self._resize()

    def on_resize(self) -> None:
        """Width decides between one and two lines."""
        self.forget()
        self._fit()
        self.move_to(len(self.items) - 1 if self.following else self.cursor)

    def _options(self) -> RenderOptions:
        mesh = self.dashboard.mesh
        width = self.scrollable_content_region.width
        now_ns = int(self.dashboard.clock.now() * 1e9)
        return RenderOptions(width, index_of_clusters(mesh) if mesh else {}, self.dashboard.utc, now_ns)

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """One item of the current look."""
        return self.listing.lines(key, self._options()) if self.listing is not None else ()

    def placeholder(self, width: int) -> Sequence[Line]:
        """Nothing to see is an answer, too."""
        question = self.question
        if self.view is None or question is None:
            return [[Span(" waiting for a cluster", "dim")]]
        session = self.dashboard.session
        recorded = [c.relay.link.error for c in session.mesh.clusters.values() if c.recorded] if session else []
        return flowtitle.nothing_lines(question, str(next(filter(None, recorded), "")))

    def explain(self, row: FlowRow) -> Explanation | None:
        """Why a flow was dropped, by the policies of its time; None for a flow that was not."""
        return self.explanations.explain(self.dashboard.mesh, row)

    def _sentence(self, row: FlowRow) -> str:
        why = self.explain(row)
        return because(why, utc=self.dashboard.utc) if why else ""

    def frame(self) -> None:
        """Say in the border what is shown, how much comes, and which filter runs where."""
        mesh, store, view, question = self.dashboard.mesh, self.store, self.view, self.question
        if mesh is None or store is None or view is None or question is None or self.listing is None:
            return
        waiting = None if self.paused_at is None else view.arrived - self.paused_at
        recording = getattr(self.dashboard.session, "recording", "")
        shown = flowtitle.Shown(self.kind, question.preset, waiting=waiting, recording=recording)
        title = flowtitle.title(shown, mesh, store, self.dashboard.clock.now())
        subtitle = flowtitle.subtitle(question, self.behind, self.listing.detail)
        if (title, subtitle) != self._framed:  # setting a title draws the whole pane again
            self._framed = title, subtitle
            self.entitle(title)
            self.border_subtitle = Content(drawn(subtitle))

    @property
    def headed(self) -> bool:
        """Whether the first item is a heading, which stays on top and which the cursor passes over."""
        return self.kind == "sums" and bool(self.items)

    def reorder(self, how: Callable[[Sums], None]) -> None:
        """Order the sums another way, from the top."""
        from meshtui.tui.flows.views.sums import Sums

        if isinstance(self.listing, Sums):
            how(self.listing)
            self.draw(again=True)
            self.do_top()
            self.frame()

    def on_click(self, event: events.Click) -> None:
        """A column's name orders; a cell clicked twice is a filter, clicked with alt, ctrl or right excludes."""
        at = self.hit(event)
        if at is None:
            return
        index, _, cell = at
        if self.headed and index == 0:
            event.prevent_default()
            if cell:
                self.reorder(lambda sums: sums.order_by(cell))
            return
        row = self.listing.row_of(self.items[index]) if self.listing is not None else None
        pick = self.cells.pick(row, cell, exclude=event.ctrl or event.meta or event.button == _RIGHT)
        if pick.words:
            self.dashboard.say(pick.words, "dim")
        elif pick.term:
            self.add_term(pick.term)
            event.prevent_default()

    def move_to(self, index: int) -> None:
        """Moving to the newest follows again; moving away from it stops that. A heading is passed over."""
        self.following = index >= len(self.items) - 1
        super().move_to(index)

    def do_top(self) -> None:
        """To the oldest."""
        self.following = False
        super().do_top()

    def select(self, key: Hashable) -> None:
        """Put the cursor on an item, if it is listed."""
        at = next((at for at, item in enumerate(self.items) if item == key), None)
        if at is not None:
            self.move_to(at)

    @property
    def row(self) -> FlowRow | None:
        """The flow under the cursor."""
        return self.listing.row_of(self.selected) if self.listing is not None else None

    @property
    def rows(self) -> list[FlowRow]:
        """The flows under the cursor: both events of a packet where it is one item."""
        return self.listing.rows_of(self.selected) if self.listing is not None else []

    @property
    def gap(self) -> Gap | None:
        """The gap under the cursor."""
        return self.selected if isinstance(self.selected, Gap) else None

    def ask(self, question: Question) -> None:
        """Show what `question` says, and ask the servers for what they can narrow down."""
        servers, words = self.asking.change(question, self.dashboard.clock.now())
        session = self.dashboard.session
        if servers and session is not None:
            self.run_worker(session.set_flow_query(question.typed), group="flow query", exit_on_error=False)
        if words:
            self.dashboard.say(words)
        self.rebuild()

    def add_up(self) -> None:
        """Show the sums of all verdicts."""
        self.kind = "sums"
        if self.question is not None:
            self.ask(self.question.with_preset("all"))

    @property
    def question(self) -> Question | None:
        """What is shown; None until there is a session."""
        return self.asking.question

    def set_filter(self, text: str) -> None:
        """Show flows that match `text`; a mistake in it is told and changes nothing."""
        if self.question is None:
            return
        try:
            self.ask(self.question.asked(expanded(text, self.dashboard.settings.filters)))
        except MeshtuiError as error:
            self.dashboard.tell(error)

    def add_term(self, term: str) -> None:
        """Filter by one term more."""
        if self.question is not None:
            self.set_filter(f"{self.question.text} {term}".strip())

    def row_text(self) -> str:
        """The hubble CLI's own line of the flow under the cursor, or what the line shows."""
        from meshtui.tui.flows.text import as_compact

        return "\n".join(map(as_compact, self.rows)) or super().row_text()

    def why_not(self, command: c.Command) -> str:
        """Nothing to do before there is a stream."""
        if self.view is None:
            return "no cluster has answered yet"
        if command.method in ("order", "turn_round") and self.kind != "sums":
            return "only sums have an order; s shows them"
        if command.method in ("copy_json", "copy_command", "terms") and self.row is None:
            return "there is no flow under the cursor"
        return ""
