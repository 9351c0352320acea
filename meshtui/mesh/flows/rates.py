"""Counts what each cluster's nodes observe: different flows per second, whoever delivered them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter

from meshtui.core.clock import Clock
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.state import Mesh, RelayChanged
from meshtui.hubble.status import RateMeter

_OLD_NS = 15_000_000_000
"""Older flows are history that was caught up with: they say nothing about now."""
_FORGOTTEN_NS = 3_600_000_000_000
"""No node's clock is that far behind: these come from a file."""
_node_of = attrgetter("node")
_time_of = attrgetter("time_ns")


class ClusterRates:
    """Flows per second by the observing node's cluster. All calls belong on the event loop."""

    def __init__(self, mesh: Mesh, clock: Clock, emit: Callable[[RelayChanged], None]) -> None:
        self._mesh = mesh
        self._clock = clock
        self._emit = emit
        self._seen: Counter[str] = Counter()
        self._newest: dict[str, int] = {}
        self._meters: dict[str, RateMeter] = {}
        self._told = clock.monotonic()

    def count(self, fresh: Sequence[FlowRow]) -> None:
        """Take rows that are new, in order of time."""
        recent = bisect_left(fresh, int(self._clock.now() * 1e9) - _OLD_NS, key=_time_of)
        self._seen.update(map(_node_of, fresh[recent:]))
        forgotten = bisect_left(fresh, int(self._clock.now() * 1e9) - _FORGOTTEN_NS, key=_time_of)
        for row in fresh[forgotten:recent]:
            # Either caught up with, or new by a clock that is behind: a node's own newest tells which.
            if row.time_ns > self._newest.get(row.node, 0) - _OLD_NS:
                self._newest[row.node] = max(row.time_ns, self._newest.get(row.node, 0))
                self._seen[row.node] += 1
        for row in fresh[-1:]:
            self._newest[row.node] = max(row.time_ns, self._newest.get(row.node, 0))

    def tell(self) -> None:
        """Emit each cluster's rate, rounded so that a steady stream is no news."""
        now = self._clock.monotonic()
        totals: Counter[str] = Counter()
        for node, count in self._seen.items():
            totals[node.partition("/")[0]] += count
        for context, cluster in self._mesh.clusters.items():
            meter = self._meters.setdefault(context, RateMeter(self._told))
            rate = round(meter.rate(now, totals[cluster.name]), 1)
            if rate != cluster.relay.rate:
                self._emit(RelayChanged(context, self._clock.now(), rate=rate))
        self._told = now
