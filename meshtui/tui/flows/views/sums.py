"""Sums: one row per who → whom:port, verdict and reason, ordered by any column; and the map drawn from them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView
from meshtui.core.flows.sums import COLUMNS, FAILING, Aggregate, AggregateKey, Aggregates, text_map
from meshtui.tui.flows import sumrows as flowsums
from meshtui.tui.flows.views.view import RenderOptions, Summing
from meshtui.tui.widgets.paint import Line, Span

HEADER = "header"
_ASCENDING = ("source", "destination", "verdict", "reason", "first")


class Sums(Summing):
    """Aggregates in a table."""

    name = "sums"

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        super().__init__(store, view)
        self.aggregates = Aggregates()
        self.column = FAILING
        self.reverse = True
        self._widths: flowsums.SumWidths | None = None
        self._measured: tuple[int, int, int] = (0, 0, 0)
        """How many sums were measured, and the longest source and destination among them, in cells."""

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Count these."""
        self.aggregates.add(rows)

    def next_order(self) -> None:
        """Order by the next column: names from a to z, numbers from the largest."""
        names = list(COLUMNS)
        self.order_by(names[(names.index(self.column) + 1) % len(names)])

    def order_by(self, column: str) -> None:
        """Order by this column; the other way round when it is the one already."""
        if column == self.column:
            self.turn_round()
        else:
            self.column, self.reverse = column, column not in _ASCENDING

    def turn_round(self) -> None:
        """The other way round."""
        self.reverse = not self.reverse

    def items(self, options: RenderOptions) -> Sequence[Hashable]:
        """The columns' names, then the rows."""
        ordered = self.aggregates.sorted(self.column, reverse=self.reverse)
        self._widths = self._measure(options)
        return [HEADER, *(a.key for a in ordered)] if ordered else []

    def _measure(self, options: RenderOptions) -> flowsums.SumWidths:
        """The columns' widths; only sums that are new since the last time are looked at."""
        seen, source, destination = self._measured
        for aggregate in islice(self.aggregates, seen, None):
            ends = flowsums.sum_ends(aggregate, options.tags)
            source, destination = max(source, ends[0]), max(destination, ends[1])
        self._measured = len(self.aggregates), source, destination
        return flowsums.sum_widths(options.width, source, destination)

    def find(self, key: Hashable | None) -> Aggregate | None:
        """The aggregate of an item."""
        return self.aggregates.get(key) if isinstance(key, tuple) else None

    def lines(self, key: Hashable, options: RenderOptions) -> Sequence[Line]:
        """One row."""
        found = self.find(key)
        widths = self._widths or self._measure(options)
        if found is None:
            return [flowsums.sums_header(widths, self.column, reverse=self.reverse)]
        return [flowsums.sums_line(found, options.tags, widths, options.now_ns, utc=options.utc)]

    @property
    def detail(self) -> str:
        """The order, and what is not in sight."""
        over = self.aggregates.overflow
        parts = [flowsums.order_text(self.column, reverse=self.reverse), self.behind]
        return " · ".join(filter(None, [*parts, f"{over:,} events beyond the limit" if over else ""]))


class Map(Summing):
    """Who talks to whom, drawn with letters."""

    name = "map"

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        super().__init__(store, view)
        self.aggregates = Aggregates()
        self._lines: list[str] = []

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Count these."""
        self.aggregates.add(rows)

    def items(self, options: RenderOptions) -> Sequence[Hashable]:
        """One item per line."""
        self._lines = text_map(self.aggregates)
        return range(len(self._lines))

    def lines(self, key: Hashable, options: RenderOptions) -> Sequence[Line]:
        """One line."""
        at = key if isinstance(key, int) else 0
        return [flowsums.map_line(self._lines[at])] if at < len(self._lines) else [[Span("")]]

    @property
    def detail(self) -> str:
        """What the marks mean."""
        return " · ".join(filter(None, ["⇄ crosses clusters, ✗ dropped, ± dropped in part", self.behind]))


__all__ = ["HEADER", "AggregateKey", "Map", "Sums"]
