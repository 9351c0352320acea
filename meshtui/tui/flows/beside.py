"""A flow, a sum or a connection in full: for the details beside the list, and for the dialog that enter opens."""

from __future__ import annotations

from itertools import islice
from typing import Any, cast

from meshtui.core.flows.connections import Connection
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.sums import Aggregate, aggregate_key
from meshtui.core.model.identity import bits_in
from meshtui.tui.beside import Details
from meshtui.tui.flows.detailrows import detail_lines
from meshtui.tui.flows.pane import FlowsPane
from meshtui.tui.flows.rows import because, without_place
from meshtui.tui.flows.sumrows import aggregate_title
from meshtui.tui.header import time_text
from meshtui.tui.services.rows import index_of_clusters
from meshtui.tui.widgets.paint import Line, Span

_LOOKED_AT = 5_000
"""Newest flows among which one is looked for that stands for a sum."""


def flow_in_full(
    pane: FlowsPane, row: FlowRow, mate: FlowRow | None = None, connection: Connection | None = None
) -> list[Line]:
    """Every line on one flow, the request of a load test it belongs to among them."""
    mesh = pane.dashboard.mesh
    if mesh is None:
        return []
    lines = detail_lines(row, index_of_clusters(mesh), utc=pane.dashboard.utc, why=pane.explain(row),
                         connection=connection, mate=mate, bits=bits_in(mesh))  # fmt: skip
    facts = next((number for number, line in enumerate(lines) if not line), len(lines))
    lines[facts:facts] = pane.dashboard.load_pane.link_of(row)
    return lines


class FlowBeside:
    """Tells of what is under the cursor of the Flows pane."""

    def __init__(self, pane: FlowsPane) -> None:
        self.pane = pane

    def beside(self, width: int) -> Details | None:
        """The flow, the connection with its opener, or the sum with its newest event."""
        pane, item = self.pane, self.pane.selected
        if pane.kind == "sums" and isinstance(item, tuple):
            return self._sum(cast("Aggregate | None", cast("Any", pane.listing).find(item)))
        if isinstance(item, Connection) and pane.row is not None:
            return Details("Connection", flow_in_full(pane, pane.row, connection=item))
        rows = pane.rows
        if not rows:
            return None
        return Details("Flow", flow_in_full(pane, rows[0], rows[1] if len(rows) > 1 else None))

    def unread(self) -> str:
        """Why the flow under the cursor was dropped, where the list has one line a flow that does not say it."""
        pane = self.pane
        row = pane.row if pane.has_focus and not pane.following and pane.kind == "events" else None
        why = pane.explain(row) if row is not None else None
        if why is None or row is None:
            return ""
        told = without_place(because(why, utc=pane.dashboard.utc))
        shown = pane.item_lines(row, pane.scrollable_content_region.width)
        return "" if any(told in "".join(span.text for span in line) for line in shown) else why.sentence

    def _sum(self, found: Aggregate | None) -> Details | None:
        pane = self.pane
        if found is None or pane.store is None:
            return None
        utc, now_ns = pane.dashboard.utc, int(pane.dashboard.clock.now() * 1e9)
        facts = {
            "events": f"{found.count:,}, {found.rate(now_ns):.1f}/s recently",
            "first": time_text(found.first_ns / 1e9, utc=utc, zone=True),
            "last": time_text(found.last_ns / 1e9, utc=utc, zone=True),
            "unanswered": f"{found.unanswered:,} connections" if found.unanswered else "",
            "crosses": "from one cluster to another" if found.crosses else "",
        }
        lines: list[Line] = [[Span(f" {aggregate_title(found)}", "strong")], ()]
        lines += [[Span(f" {name:<12} ", "dim"), Span(value)] for name, value in facts.items() if value]
        newest = pane.store.rows(max(0, len(pane.store) - _LOOKED_AT), len(pane.store))
        row = next((row for row in islice(reversed(newest), _LOOKED_AT) if aggregate_key(row) == found.key), None)
        if row is not None:
            lines += [(), [Span(" its newest event", "strong")], *flow_in_full(pane, row)]
        return Details("Sum", lines)
