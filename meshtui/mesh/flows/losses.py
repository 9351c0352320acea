"""What rings lost on the way to a Relay's streams: told once per cluster, and kept out of what is missing."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from meshtui.core.flows.assignment import Assignment
from meshtui.core.flows.store import FlowStore
from meshtui.core.model import state as s
from meshtui.hubble.status import StreamStatus
from meshtui.mesh.flows.survey import RING


class Losses(Struct):
    """One source's. Agents tell losses to every stream, whatever it asks for: each counts where its node is covered."""

    context: str
    store: FlowStore
    emit: Callable[[s.Event], None]
    _known: dict[str, dict[str, int]] = field(default_factory=dict)
    """Stream → what it has told so far, by place."""
    _all: dict[str, int] = field(default_factory=dict)

    def take(self, stream: str, status: StreamStatus, asked: Assignment, now_ns: int) -> None:
        """Take in what a stream that is asked for `asked` has told by now; a new one counts from nothing."""
        known = self._known.setdefault(stream, {})
        if status.phase is s.Phase.CONNECTING:
            known.clear()
        fresh = 0
        for where, count in status.lost_where:
            node, _, source = where.rpartition(": ")
            new, known[where] = count - known.get(where, 0), count
            if new <= 0 or not (asked.covers(node) or not node):
                continue
            fresh += new
            self._all[where] = self._all.get(where, 0) + new
            if source == RING:
                self.store.account.tell_lost(node, new, now_ns)
        if fresh:
            places = tuple(sorted(self._all.items()))
            self.emit(s.RelayChanged(self.context, status.at, lost=fresh, lost_where=places))
