"""How services are listed: each cluster's line for two clusters, one line a service for more."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import cast

from meshtui.core.apart import ShortNames
from meshtui.core.findings import Findings
from meshtui.core.health.model import Judgement
from meshtui.core.model.state import Phase
from meshtui.core.reach import Reaches
from meshtui.core.services.row import Row
from meshtui.core.services.table import ServiceTable, Sort
from meshtui.tui import commands as c
from meshtui.tui.header import time_text
from meshtui.tui.services import rows
from meshtui.tui.services import table as folded
from meshtui.tui.services.marks import Marks
from meshtui.tui.widgets.paint import Line, Span, safe

_READABLE = 24
"""Cells that a sentence wants to go on in."""
COLUMNS = {
    "name": Sort.NAME, "in": Sort.WHERE, "global": Sort.GLOBAL, "shared": Sort.SHARED, "affinity": Sort.AFFINITY,
    "ready": Sort.READY, "reach": Sort.FAULT,
}  # fmt: skip
"""Columns that order, by their name."""


def sort_keys(keymap: Mapping[str, str]) -> dict[str, str]:
    """Column → the key that orders by it, as it is remapped."""
    found = {column: c.keys_of(c.BY_ID[f"services.sort-{name}"], keymap) for column, name in _COMMANDS.items()}
    return {column: keys[0] for column, keys in found.items() if keys}


_COMMANDS = {name: name for name in ("name", "global", "shared", "affinity", "ready", "reach")} | {"in": "where"}


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What lines are made of besides the table."""

    judgement: Judgement
    findings: Findings | None
    pending: AbstractSet[tuple[str, str]]
    """(context, service key) of changes not seen yet."""
    marked: Marks
    now: float
    utc: bool
    keymap: Mapping[str, str] = field(default_factory=dict)

    @property
    def reaches(self) -> Reaches | None:
        """Answers by routes and policies, kept up to date; None while nothing is known."""
        return self.findings.reaches if self.findings else None


def _heads(
    table: ServiceTable,
    at: folded.Widths,
    options: RenderOptions,
    *,
    lead: int = 3,
    last: tuple[str, str] = folded.REACHES,
) -> Line:
    """The columns' names, with what orders and how; `lead` and `last` as `folded.heads` takes them."""
    column = next((name for name, sort in COLUMNS.items() if sort is table.view.sort), "")
    return folded.heads(at, column, sort_keys(options.keymap), reverse=table.view.reverse, lead=lead, last=last)


class EachCluster:
    """For one or two clusters: an item for each cluster of each service, predictions beneath the last."""

    def __init__(self, contexts: Sequence[str]) -> None:
        self.contexts = contexts
        self.items_each = len(contexts)
        self.names = ShortNames(())
        self.longest = 0
        """Cells of the longest name."""

    def items(self, table: ServiceTable) -> tuple[list[Hashable], list[int]]:
        """The heads, then the items and how many lines each takes."""
        shown = [table[index] for index in range(len(table))]
        self.names = ShortNames([row.key for row in shown])
        self.longest = max((len(row.key) for row in shown), default=0)
        one_each = [1] * (len(self.contexts) - 1)
        heights = [height for row in shown for height in (*one_each, 2 if rows.explains(row) else 1)]
        listed: list[Hashable] = [(row.key, context) for row in shown for context in self.contexts]
        return ([folded.HEADER, *listed], [1, *heights]) if listed else ([], [])

    def keys(self, services: Iterable[str]) -> list[Hashable]:
        """The items that tell of these services."""
        return [(key, context) for key in services for context in self.contexts]

    def hanging(self, table: ServiceTable, part: int, width: int) -> int | None:
        """Cells before what goes on from a line."""
        return 3

    def cell(self, item: Hashable | None) -> rows.Cell | None:
        """What keys act on when the cursor is on an item."""
        return cast("rows.Cell | None", item) if item != folded.HEADER else None

    def lines(self, table: ServiceTable, item: Hashable, width: int, options: RenderOptions) -> Sequence[Line]:
        """The heads, or a cluster's line, and under the last cluster's where requests go."""
        if item == folded.HEADER:
            at = folded.widths_each(table.mesh, width, self.longest)
            return [_heads(table, at, options, lead=1, last=("type and ports", ""))]
        service, context = cell = cast("rows.Cell", item)
        row = table.row(service)
        if row is None:
            return ()
        cluster, health = table.mesh.clusters[context], options.judgement.service(service)
        room = rows.name_widths(table.mesh, width, self.longest)
        line = rows.cell_line(
            cluster, row, width,
            room=room,
            first=context == self.contexts[0],
            name=safe(self.names.of(service, room.name)),
            pending=(context, service) in options.pending,
            marked=cell in options.marked,
            health=health,
            age=options.now - cluster.api.since if cluster.api.phase is Phase.STALE else None,
        )  # fmt: skip
        if context != self.contexts[-1] or not rows.explains(row):
            return [line]
        around, found = (options.findings.around, options.findings.of(service)) if options.findings else (None, [])
        since = time_text(health.since, utc=options.utc) if health.since else ""
        return [line, rows.route_line(table.mesh, service, width, around, found, health, since, options.reaches)]


class EachService:
    """For many clusters: an item for each service; the one under the cursor unfolds to a line for each cluster."""

    items_each = 1

    def __init__(self, contexts: Sequence[str]) -> None:
        self.contexts = contexts
        self.open = ""
        """Key of the service that is unfolded."""
        self.at = 0
        """Number of the cluster that keys act on in the unfolded service."""
        self.names = ShortNames(())
        self.longest = 20
        """Cells that most names need."""

    def items(self, table: ServiceTable) -> tuple[list[Hashable], list[int]]:
        """The heads, then the services."""
        keys = table.keys
        self.names = ShortNames(keys)
        lengths = sorted(len(key) for key in keys)
        self.longest = lengths[int(0.85 * (len(lengths) - 1))] if lengths else 20
        tall = 1 + len(self.contexts)
        if not keys:
            return [], []
        return [folded.HEADER[0], *keys], [1, *(tall if key == self.open else 1 for key in keys)]

    def keys(self, services: Iterable[str]) -> list[Hashable]:
        """The items that tell of these services."""
        return list(services)

    def cell(self, item: Hashable | None) -> rows.Cell | None:
        """The service and the cluster chosen in it."""
        if not isinstance(item, str) or not item:
            return None
        return item, self.contexts[min(self.at, len(self.contexts) - 1)]

    def lines(self, table: ServiceTable, item: Hashable, width: int, options: RenderOptions) -> Sequence[Line]:
        """The heads, or a service, unfolded when it is under the cursor."""
        at = folded.widths(table.mesh, width, self.longest)
        if item == folded.HEADER[0]:
            return [_heads(table, at, options)]
        key = cast("str", item)
        row = table.row(key)
        if row is None:
            return ()
        health = options.judgement.service(key)
        around, found = (options.findings.around, options.findings.of(key)) if options.findings else (None, [])
        reach = folded.reach_line(table.mesh, key, health, around, found, options.reaches)
        pending = {context for context, service in options.pending if service == key}
        marked = [(key, context) in options.marked for context in self.contexts]
        line = folded.service_line(
            table.mesh,
            row,
            at,
            health,
            reach,
            safe(self.names.of(key, at.name)),
            pending=bool(pending),
            marked=any(marked),
        )
        return [line, *self._clusters(table, row, at, pending, options)] if key == self.open else [line]

    def hanging(self, table: ServiceTable, part: int, width: int) -> int | None:
        """Cells before what goes on: those before the last column, where enough is left behind them. Broken are the
        service's line and that of the cluster chosen in it.
        """
        if part not in (0, self.at + 1):
            return None
        at = folded.widths(table.mesh, width, self.longest)
        return width - at.reach if at.reach >= _READABLE else 6

    def _clusters(
        self, table: ServiceTable, row: Row, at: folded.Widths, pending: set[str], options: RenderOptions
    ) -> list[Line]:
        reaches = options.reaches or Reaches(table.mesh)
        lines: list[Line] = []
        for number, context in enumerate(self.contexts):
            cluster = table.mesh.clusters[context]
            around = options.findings.around.get(context) if options.findings else None
            found = reaches.of(context, row.key, around=around)
            role = "" if found.open else rows.reach_role(found, "")
            reach: Line = [Span("→ ", "dim"), Span(rows.reach_text(found), role)] if found.summary else []
            chosen = number == self.at
            marked = (row.key, context) in options.marked
            line = folded.cluster_line(
                cluster, row, at, reach, chosen=chosen, pending=context in pending, marked=marked
            )
            lines.append(line)
        return lines


Listing = EachCluster | EachService


def listing_for(contexts: Sequence[str]) -> Listing:
    """Two clusters stand side by side; more are folded."""
    return EachService(contexts) if len(contexts) > 2 else EachCluster(contexts)
