"""What every way to look at flows has: items and their lines, and for those that add up, rows taken in by portions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from meshtui.core.flow import FlowRow
from meshtui.core.flowstore import FlowStore, FlowView
from meshtui.tui.rows.flows import Tags
from meshtui.tui.rows.paint import Line

_PACE, _BUSY_PACE = 0.5, 1.0
"""Shortest time between two redraws, seconds; the second when many rows come in it."""
_BUSY = 250
"""Rows at once that are many."""
PORTION = 2_000
"""Rows taken in between two keys: about 30 ms."""


@dataclass(frozen=True, slots=True)
class Look:
    """How lines are to be made."""

    width: int
    tags: Tags
    utc: bool
    now_ns: int


class FlowLook:
    """One way to look at the flows of a view."""

    name = ""
    pace = _PACE
    """Shortest time between two redraws, seconds."""

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        self.store = store
        self.view = view

    def pump(self) -> bool:
        """Take in what came, at most a portion. True when more waits."""
        return False

    def items(self, look: Look) -> Sequence[Hashable]:
        """What to list."""
        raise NotImplementedError

    def lines(self, key: Hashable, look: Look) -> Sequence[Line]:
        """The lines of one item."""
        raise NotImplementedError

    def row_of(self, key: Hashable | None) -> FlowRow | None:
        """The flow an item stands for, if it stands for one."""
        return key if isinstance(key, FlowRow) else None

    def rows_of(self, key: Hashable | None) -> list[FlowRow]:
        """The flows an item tells of."""
        row = self.row_of(key)
        return [row] if row is not None else []

    @property
    def detail(self) -> str:
        """What else the frame says."""
        return ""


class Summing(FlowLook):
    """Takes every row of the view in once: first those that are there, by portions, then those that come."""

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        super().__init__(store, view)
        view.collect()
        self._waiting: list[FlowRow] = view.rows(0, len(view))

    def pump(self) -> bool:
        """A portion of what waits."""
        self._waiting += self.view.take_fresh()
        portion, self._waiting = self._waiting[:PORTION], self._waiting[PORTION:]
        self.pace = _BUSY_PACE if len(portion) > _BUSY else _PACE
        if portion:
            self.take(portion)
        return bool(self._waiting)

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Count these."""
        raise NotImplementedError

    @property
    def behind(self) -> str:
        """`12,000 flows to go`, while not all are counted."""
        return f"{len(self._waiting):,} flows to go" if self._waiting else ""
