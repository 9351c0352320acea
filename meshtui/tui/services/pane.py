"""Pane 2: every service over all clusters, its mesh annotations, and where its clients' requests go."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import accumulate
from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import BindingType

from meshtui.core.errors import UsageError
from meshtui.core.health.model import Judgement
from meshtui.core.model import resources as r
from meshtui.core.model.completeness import coming
from meshtui.core.model.state import Delta
from meshtui.core.savedfilters import expanded
from meshtui.core.services import filter as servicefilter
from meshtui.core.services.table import ServiceTable, Sort, View
from meshtui.mesh import collector
from meshtui.tui import commands as c
from meshtui.tui.portions import Portions
from meshtui.tui.services import rows
from meshtui.tui.services.listing import COLUMNS, EachCluster, EachService, Listing, RenderOptions, listing_for
from meshtui.tui.services.marks import Marks
from meshtui.tui.widgets.paint import Line, Span, safe
from meshtui.tui.widgets.pane import Pane, bindings

PORTION = 40
"""Rows made in one turn: 10 ms where each is in sixteen clusters."""
IN_SIGHT = 200
"""Rows that are made at once; more than any screen shows."""
_SHOW_EVERY = 30
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
    wraps = True

    def __init__(self, done: Callable[[], None] = lambda: None) -> None:
        """`done` is told when many rows were made."""
        super().__init__()
        self._done = done
        self.view = View()
        self.table: ServiceTable | None = None
        self.marks = Marks()
        self._when: dict[str, float] = {}
        self.listing: Listing = EachCluster(())
        self._version = -1
        self._portions = 0
        self._first: Hashable | None = None
        """What the cursor was put on, while more rows are to come."""
        self._rest = Portions(self, self._portion, early=self._early)

    # What is shown

    def changed(self, delta: Delta) -> None:
        """Make the rows that are named, a portion at a time; the list again only where its order changed."""
        if self.table is None:
            self.rebuild()
            return
        self.table.note(delta)
        if self.marks:
            self.marks.only_of(self.table.mesh)
        if delta.status:
            self._note_failing(self.table)
            self.touch()
        self._rest.go_on()

    def _note_failing(self, table: ServiceTable) -> None:
        """Services that fail come first; the order is made again only when others fail."""
        board = self.dashboard
        judged = board.session.judgement.services if board.session else {}
        failing = frozenset(key for key, health in judged.items() if health.verdict.bad)
        if failing != self.view.failing:
            self.view = replace(self.view, failing=failing)
            table.look(self.view)

    def rebuild(self) -> None:
        """Choose, sort and draw the services again."""
        mesh = self.dashboard.mesh
        if mesh is None or not mesh.clusters:
            return
        if tuple(self.listing.contexts) != tuple(mesh.clusters):
            self.listing = listing_for(tuple(mesh.clusters))
        self.view = replace(self.view, namespaces=frozenset(self.dashboard.namespaces))
        if self.table is None or self.table.mesh is not mesh:
            self.table = ServiceTable(mesh, self.view, lazy=True)
        elif self.table.view != self.view:
            self.table.look(self.view)
        self._version = -1
        self._rest.go_on()

    @property
    def busy(self) -> bool:
        """Whether many rows are still to be made."""
        return self.table is not None and self.table.backlog > IN_SIGHT

    def _early(self) -> bool:
        """Whether most rows would have to be made again: more of the lists that they show are on their way."""
        table = self.table
        if table is None or not self.busy or table.known < IN_SIGHT:
            return False
        return _more_to_come(table)

    def _portion(self) -> bool:
        """Make some rows; whether there are more to make."""
        table = self.table
        if table is None or not self.is_attached:
            return False
        was_busy, before = self.busy, table.known
        keys = table.work(PORTION)
        screenful = before < IN_SIGHT <= table.known
        now = self.dashboard.clock.now()
        self._when.update(dict.fromkeys(table.altered(), now))
        self._portions += 1
        if table.version == self._version:
            self.touch(self.listing.keys(keys))
            self.title_again()
        elif not table.backlog or screenful or self._portions % _SHOW_EVERY == 0:
            self._list(table)
        if was_busy and not self.busy:
            self._done()
        if table.backlog:
            # Rows live as long as the session: without this the collector stops the loop for half a second to see it.
            collector.keep()
        return bool(table.backlog)

    def _list(self, table: ServiceTable) -> None:
        """List the rows made so far. The cursor begins on top, and stays there while more come, unless it was moved."""
        self._version = table.version
        on_top = self.cell is None or (self._first is not None and self.selected == self._first)
        if on_top and isinstance(self.listing, EachService) and len(table):
            self.listing.open = table[0].key
        self.show(*self.listing.items(table))
        if on_top:
            self.move_to(1)
        self._first = self.selected if on_top and (table.backlog or _more_to_come(table)) else None
        self.title_again()

    @property
    def headed(self) -> bool:
        """Whether columns have heads."""
        return bool(self.items)

    def move_to(self, index: int) -> None:
        """The service the cursor comes to unfolds."""
        super().move_to(index)
        self._unfold()

    def _unfold(self) -> None:
        listing, table = self.listing, self.table
        if table is None or not isinstance(listing, EachService) or listing.open == self.selected:
            return
        before, listing.open = listing.open, "" if self.selected is None else str(self.selected)
        top = self.top_of(self.cursor) - self.scroll_offset.y
        self.tops = [0, *accumulate(listing.items(table)[1])]
        self._resize()
        self.touch([before, listing.open])
        self.scroll_to(y=max(0, self.top_of(self.cursor) - top), animate=False, force=True)
        self.keep_in_sight()

    def title_again(self) -> None:
        """Say in the border what is shown and in which order."""
        table, view = self.table, self.view
        if table is None:
            return
        parts = [f"{len(table)}" if len(table) == table.known else f"{len(table)} of {table.known}"]
        parts += [", ".join(map(safe, sorted(view.namespaces)))] if view.namespaces else []
        parts += ["mesh only"] if view.mesh_only else []
        parts += ["faults only"] if view.faults_only else []
        parts += [f"{len(view.failing)} failing"] if view.failing else []
        parts += [f"by {view.sort.value}"] if view.sort is not Sort.MESHED else []
        parts += ["turned round"] if view.reverse else []
        parts += [f"/{safe(view.filter.text, 40)}"] if view.filter.text else []
        parts += ["marked only"] if view.only is not None else []
        parts += [self.marks.words(table.shows)] if self.marks else []
        parts += [f"{table.backlog} to come"] if table.backlog else []
        self.entitle(" · ".join(parts))

    def placeholder(self, width: int) -> Sequence[Line]:
        """Why there is nothing."""
        if self.dashboard.mesh is None:
            return [[Span(" waiting for a cluster", "dim")]]
        known = self.table is not None and self.table.known
        return [[Span(" no service matches: esc shows all" if known else " no services known yet", "dim")]]

    def item_lines(self, key: Hashable, width: int) -> Sequence[Line]:
        """Lines of the listing in use."""
        board, table = self.dashboard, self.table
        if table is None:
            return ()
        judgement = board.session.judgement if board.session else Judgement()
        pending = board.session.pending if board.session else set()
        options = RenderOptions(
            judgement, board.findings, pending, self.marks, board.clock.now(), board.utc, board.keymap
        )
        return self.listing.lines(table, key, width, options)

    def hanging(self, key: Hashable, part: int, width: int) -> int | None:
        """What goes on does so beneath its own column."""
        return self.listing.hanging(self.table, part, width) if self.table is not None else 3

    @property
    def cell(self) -> rows.Cell | None:
        """(service key, context) under the cursor."""
        return self.listing.cell(self.selected)

    def select(self, key: str, context: str) -> bool:
        """Put the cursor on a service in a cluster; False when it is not listed."""
        if isinstance(self.listing, EachService):
            item: Hashable = key
            if context in self.listing.contexts:
                self.listing.at = list(self.listing.contexts).index(context)
        else:
            item = key, context
        at = next((at for at, other in enumerate(self.items) if other == item), None)
        if at is None:
            return False
        self.move_to(at)
        self.touch([item])
        return True

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
        refs = self.refs(everywhere=command.id.endswith("-all"))
        if board.mesh is None or not refs:
            return "no service is selected"
        for context in dict.fromkeys(context for context, _ in refs):
            cluster = board.mesh.clusters[context]
            if cluster.read_only:
                return f"{cluster.name} is read-only"
            if right in cluster.denied:
                return f"{cluster.name}: {cluster.denied[right]}"
        return ""

    def refs(self, *, everywhere: bool = False) -> list[tuple[str, str]]:
        """(context, service key) of what is marked, shown or not, else of what is under the cursor."""
        mesh = self.dashboard.mesh
        cells: Iterable[rows.Cell] = self.marks or ([self.cell] if self.cell else [])
        if mesh is None:
            return []
        if not everywhere:
            return [(context, key) for key, context in cells]
        keys = dict.fromkeys(key for key, _ in cells)
        return [(c.context, key) for key in keys for c in mesh.clusters.values() if key in c.services]

    def order_by(self, column: str) -> None:
        """Order by a column; the other way round when it is the one already."""
        sort = COLUMNS.get(column)
        if sort is None:
            return
        turned = not self.view.reverse if sort is self.view.sort else False
        self.look(replace(self.view, sort=sort, reverse=turned))
        self.dashboard.say(f"services by {column}{', turned round' if turned else ''}", "dim", "·")

    def choose(self, step: int) -> None:
        """Let keys act on another cluster of the service under the cursor."""
        if isinstance(self.listing, EachService):
            self.listing.at = (self.listing.at + step) % len(self.listing.contexts)
            self.touch(self.listing.keys([self.listing.open]))
            self.post_message(self.Moved(self))
        else:
            self.move_to(self.cursor + step)

    def on_click(self, event: events.Click) -> None:
        """A column's name orders; a cluster's line beneath a service is what keys act on."""
        at = self.hit(event)
        if at is None:
            return
        index, part, cell = at
        if index == 0:
            self.order_by(cell)
            event.prevent_default()
            return
        part = self.part_of(index, part)
        if isinstance(self.listing, EachService) and part and self.items[index] == self.listing.open:
            self.listing.at = part - 1
            self.touch([self.listing.open])
            self.post_message(self.Moved(self))

    def look(self, view: View) -> None:
        """Show another selection or order."""
        self.view = view
        self.rebuild()

    def check_filter(self, text: str) -> None:
        """Raises UsageError for a filter that means nothing."""
        if self.dashboard.mesh is not None:
            servicefilter.parse(expanded(text, self.dashboard.settings.filters), self.dashboard.mesh)

    def set_filter(self, text: str) -> None:
        """Show services for which all terms hold."""
        mesh = self.dashboard.mesh
        if mesh is None:
            return
        try:
            wanted = servicefilter.parse(expanded(text, self.dashboard.settings.filters), mesh)
        except UsageError as error:
            self.dashboard.tell(error)
            return
        self.look(replace(self.view, filter=wanted))

    def do_back(self) -> bool:
        """Forget the marks, then the filter, then what narrows the list."""
        if self.marks:
            self.marks.clear()
            self.look(replace(self.view, only=None))
            self.touch()
            self.title_again()
        elif self.view.only is not None:
            self.look(replace(self.view, only=None))
        elif self.view.filter.text:
            self.set_filter("")
        elif self.view.mesh_only or self.view.faults_only:
            self.look(replace(self.view, mesh_only=False, faults_only=False))
        else:
            return False
        return True


def _more_to_come(table: ServiceTable) -> bool:
    """Whether lists that rows show are on their way from a cluster that answers."""
    return coming(table.mesh, (r.SERVICES, r.ENDPOINTSLICES))
