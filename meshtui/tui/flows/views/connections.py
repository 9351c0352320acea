"""Connections: every event of one 5-tuple in one row, which unfolds into its events."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from meshtui.core.flows.connections import DEFAULT_LIMIT, Connection, Connections
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView
from meshtui.tui.flows import sumrows as flowsums
from meshtui.tui.flows.views.view import RenderOptions, Summing
from meshtui.tui.widgets.paint import Line

SHOWN = 5_000
"""The newest connections that are listed."""


class ConnectionsView(Summing):
    """Connections in order of their last event, newest at the bottom."""

    name = "connections"

    def __init__(self, store: FlowStore, view: FlowView, wanted: Callable[[FlowRow], bool]) -> None:
        super().__init__(store, view)
        self._wanted = wanted
        """Which connections to list: those with such an event."""
        self._judged: dict[Connection, tuple[int, bool]] = {}
        self.connections = Connections()
        self.unfolded: set[Connection] = set()

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Pair these."""
        self.connections.add(rows)

    def toggle(self, connection: Connection) -> None:
        """Fold or unfold."""
        self.unfolded ^= {connection}

    def items(self, options: RenderOptions) -> Sequence[Hashable]:
        """Connections, and the events of those unfolded as (connection, row)."""
        newest = self.connections.newest(SHOWN, self._is_wanted)
        self.unfolded &= set(newest)
        listed: list[Hashable] = []
        for connection in newest:
            listed.append(connection)
            if connection in self.unfolded:
                listed += [(connection, row) for row in connection.events]
        return listed

    def _is_wanted(self, connection: Connection) -> bool:
        """Whether any event is wanted: one that was stays, the others are looked at again when they grew."""
        length, wanted = self._judged.get(connection, (0, False))
        if not wanted and length != len(connection.events):
            if len(self._judged) > 4 * DEFAULT_LIMIT:
                self._judged.clear()
            wanted = any(map(self._wanted, connection.events))
            self._judged[connection] = len(connection.events), wanted
        return wanted

    def lines(self, key: Hashable, options: RenderOptions) -> Sequence[Line]:
        """A connection, or one of its events."""
        if isinstance(key, Connection):
            return [
                flowsums.connection_line(
                    key, options.tags, options.width, utc=options.utc, unfolded=key in self.unfolded
                )
            ]
        assert isinstance(key, tuple)
        connection, row = key
        return [flowsums.event_line(row, connection.first_ns, options.tags)]

    def row_of(self, key: Hashable | None) -> FlowRow | None:
        """The event, or the connection's first."""
        if isinstance(key, Connection):
            return key.opener
        return super().row_of(key[1]) if isinstance(key, tuple) else None

    @property
    def detail(self) -> str:
        """How many, and how to open one."""
        total = f"{len(self.connections):,} connections"
        return " · ".join(filter(None, [total, "enter unfolds", self.behind]))
