"""What every way to look at flows has: items and their lines, and for those that add up, rows taken in by portions."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore, FlowView
from meshtui.tui.flows.rows import Tags
from meshtui.tui.widgets.paint import Line

_CALM, _BUSY = 4, 18
"""Portions between two lists."""
_MANY = 50
"""Rows in a portion from which a view is busy."""
PORTION = 300
"""Rows taken in between two keys: 2 to 6 ms."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How lines are to be made."""

    width: int
    tags: Tags
    utc: bool
    now_ns: int


class FlowListing:
    """One way to look at the flows of a view."""

    name = ""
    pace = 0.1
    """Shortest time between two redraws, seconds."""

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        self.store = store
        self.view = view

    def pump(self) -> bool:
        """Take in what came, at most a portion. True when more waits."""
        return False

    def due(self) -> bool:
        """Whether to list again now; when not, it is asked again soon."""
        return True

    def items(self, options: RenderOptions) -> Sequence[Hashable]:
        """What to list."""
        raise NotImplementedError

    def lines(self, key: Hashable, options: RenderOptions) -> Sequence[Line]:
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


class Summing(FlowListing):
    """Takes every row of the view in once: first those that are there, by portions, then those that come."""

    def __init__(self, store: FlowStore, view: FlowView) -> None:
        super().__init__(store, view)
        view.collect()
        self._waiting = deque(view.rows(0, len(view)))
        self._every = _CALM
        self._since = _BUSY
        """Portions since the last list: the first one is due at once."""

    def pump(self) -> bool:
        """A portion of what waits, or none in a turn that is to list: nobody waits for both."""
        self._waiting.extend(self.view.take_fresh())
        if self._every == _BUSY == self._since + 1:
            return bool(self._waiting)
        portion = [self._waiting.popleft() for _ in range(min(PORTION, len(self._waiting)))]
        self._every = _BUSY if len(portion) > _MANY else _CALM
        if portion:
            self.take(portion)
        return bool(self._waiting)

    def due(self) -> bool:
        """Adding up costs little at a time and goes on; to list what it comes to costs more and is for eyes."""
        self._since += 1
        if self._since < self._every:
            return False
        self._since = 0
        return True

    def take(self, rows: Sequence[FlowRow]) -> None:
        """Count these."""
        raise NotImplementedError

    @property
    def behind(self) -> str:
        """`12,000 flows to go`, while not all are counted."""
        return f"{len(self._waiting):,} flows to go" if self._waiting else ""
