"""Events: each flow in order of time, gaps among them; the firehose itself."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView, Gap
from meshtui.tui.flows import rows
from meshtui.tui.flows.views.view import FlowListing, RenderOptions
from meshtui.tui.widgets.paint import Line

_TWO_LINES_FROM = 50
_GAPS_SHOWN = 50
_CALM, _BUSY = 0.1, 0.5
"""Seconds between two redraws."""


class Events(FlowListing):
    """One or two lines each."""

    name = "events"
    pace = _CALM

    def __init__(self, store: FlowStore, view: FlowView, explain: Callable[[FlowRow], str]) -> None:
        super().__init__(store, view)
        self.two_lines = True
        self._explain = explain
        self._arrived = view.arrived

    def came(self, arrived: int, page: int) -> None:
        """So many rows have come by now: when a screenful comes between two redraws nobody can read them all."""
        self.pace = _BUSY if arrived - self._arrived > page else _CALM
        self._arrived = arrived

    def height(self, width: int) -> int:
        """Lines of each item."""
        return 2 if self.two_lines and width >= _TWO_LINES_FROM else 1

    def items(self, options: RenderOptions) -> Sequence[Hashable]:
        """Rows with gaps where they began."""
        return with_gaps(self.view.rows(0, len(self.view)), list(self.store.gaps)[-_GAPS_SHOWN:])

    def lines(self, key: Hashable, options: RenderOptions) -> Sequence[Line]:
        """One flow, or one gap."""
        if isinstance(key, Gap):
            return rows.gap_lines(key, utc=options.utc, two=self.height(options.width) == 2)
        assert isinstance(key, FlowRow)
        two = self.height(options.width) == 2
        why = self._explain(key) if two else ""
        paired = self.mate(key) is not None
        return rows.flow_lines(
            key, options.tags, options.width, two=two, utc=options.utc, explanation=why, paired=paired
        )

    def mate(self, row: FlowRow) -> FlowRow | None:
        """The other event of a row's packet, where the view pairs them."""
        return self.view.packets.mate(row) if self.view.packets is not None else None

    def rows_of(self, key: Hashable | None) -> list[FlowRow]:
        """The flow, and the other event of its packet."""
        row = self.row_of(key)
        mate = self.mate(row) if row is not None else None
        return [found for found in (row, mate) if found is not None]

    def grown(self) -> list[FlowRow]:
        """Rows listed before whose packet's other event came since the last call."""
        return self.view.packets.take_grown() if self.view.packets is not None else []

    @property
    def detail(self) -> str:
        """Whether two events of a packet are one item."""
        return "" if self.view.packets is not None else "each event by itself (E pairs them)"


def with_gaps(listed: Sequence[FlowRow], gaps: Sequence[Gap]) -> list[Hashable]:
    """Rows in order of time, each gap before the first row after its start; gaps older than all rows are left out."""
    merged: list[Hashable] = list(listed)
    for gap in sorted(gaps, key=lambda g: g.start_ns, reverse=True):
        at = bisect_left(listed, gap.start_ns, key=lambda row: row.time_ns)
        if at or not listed or gap.end_ns is None or gap.end_ns >= listed[0].time_ns:
            merged.insert(at, gap)
    return merged


def time_of(item: Hashable) -> int:
    """When an item happened, nanoseconds."""
    return item.start_ns if isinstance(item, Gap) else item.time_ns if isinstance(item, FlowRow) else 0


def find(items: Sequence[Hashable], wanted: Hashable, near: int) -> int:
    """Where an item is now: at `near`, a little off after late arrivals, else where its time puts it."""
    near = max(0, min(near, len(items) - 1))
    if items and items[near] is wanted:
        return near
    at = bisect_left(items, time_of(wanted), key=time_of)
    while at < len(items) and time_of(items[at]) == time_of(wanted):
        if items[at] is wanted:
            return at
        at += 1
    return max(0, min(at, len(items) - 1))
