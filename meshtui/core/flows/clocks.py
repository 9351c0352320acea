"""Nodes' clocks by the times of their flows: one that is ahead shows at once, one that is behind after a while.

A flow arrives within seconds. One with a time in the future proves a clock that is ahead. One that looks old may have
been caught up with or come over a slow way; only where all of a node's flows stay old by the same is its clock behind.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

WINDOW = 20.0
"""Seconds over which a node's freshest arrival is looked for."""
_STEADY = 2.0
"""Seconds by which two windows of one late clock may differ; what is caught up with comes nearer all the time."""
_LATE = 15.0
"""Seconds that flows may take on a bad day: a Relay sorts, an agent hands over in batches."""
_MOST = 366 * 86_400.0
"""Further off is no clock: these come from a file."""


class _Node(Struct):
    began: float
    freshest: float
    """Seconds that the freshest flow of this window was ahead of its arrival; negative: old."""
    flows: int = 1
    before: float | None = None
    """The same of the window before."""
    offset: float = 0.0


class NodeClocks:
    """Keeps, for each node, how far its clock is ahead of ours."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}

    def note(self, newest_ns: Mapping[str, int], now: float, *, live: bool = True) -> None:
        """Flows came: node → time of its newest one. `live`: as they happened, not asked for of the past."""
        for node, time_ns in newest_ns.items():
            ahead = time_ns / 1e9 - now
            if abs(ahead) > _MOST or (ahead < 0 and not live):
                continue
            known = self._nodes.get(node)
            if known is None:
                self._nodes[node] = known = _Node(now, ahead)
            elif now - known.began >= WINDOW:
                self._close(known)
                known.began, known.freshest, known.flows = now, ahead, 1
            else:
                known.freshest = max(known.freshest, ahead)
                known.flows += 1
            if ahead > 0:
                known.offset = max(known.offset, ahead)

    @staticmethod
    def _close(node: _Node) -> None:
        steady = node.before is not None and abs(node.freshest - node.before) <= _STEADY and node.flows > 1
        late = node.freshest < -_LATE
        node.offset = node.freshest if node.freshest > 0 or (late and steady) else 0.0
        node.before = node.freshest

    def offsets(self, least: float) -> dict[str, float]:
        """Node → seconds that its clock is ahead (negative: behind), rounded, of those off by more than `least`."""
        return {name: float(round(n.offset)) for name, n in self._nodes.items() if abs(n.offset) > least}
