"""What a stream of flows says of itself: its phase, its nodes, its losses, its rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct, field

from meshtui.core.errors import RelayError
from meshtui.core.flows.store import FlowStore, Gap
from meshtui.core.model.state import Phase
from meshtui.hubble.pb import relay_pb2
from meshtui.hubble.relay import CONNECTED, HubbleNode
from meshtui.hubble.rows import Lost, NodeStatus

_RATE_WINDOW = 5.0


class StreamStatus(Struct, frozen=True):
    """One stream's state. Counters marked "new" count since the last status, the others since the start."""

    context: str
    at: float
    """Wall time, seconds."""
    phase: Phase
    error: RelayError | None = None
    ended: bool = False
    """The stream will not go on: it was stopped, or was no follow and is complete."""
    version: str = ""
    nodes_connected: int = 0
    held_up: bool = False
    """The Relay runs and has not told its nodes: it waits for one it cannot reach."""
    nodes_unavailable: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """`cluster/node` of those connected, once the Relay has named them."""
    node_errors: tuple[tuple[str, str], ...] = ()
    """(node, what went wrong)."""
    lost: int = 0
    """Events newly reported lost."""
    lost_where: tuple[tuple[str, int], ...] = ()
    """(`node: HUBBLE_RING_BUFFER`, events lost there), all since the start."""
    rate: float = 0.0
    """Flows per second over the last five seconds, counted here."""
    received: int = 0
    shed: int = 0
    """Flows newly thrown away unread, because what they are handed to did not keep up."""
    undecodable: int = 0
    broken_from_ns: int | None = None
    """Set once when the stream breaks: since when nothing comes."""
    gap: Gap | None = None
    """Set once after a reconnect: the stretch without events, and whether they were caught up with."""


def record_gap(store: FlowStore, status: StreamStatus) -> None:
    """Show in `store` what a status says of missing time."""
    if status.broken_from_ns is not None:
        cause = status.error.cause if status.error else ""
        store.open_gap(status.context, status.broken_from_ns, cause)
    if status.gap is not None and status.gap.end_ns is not None:
        store.open_gap(status.context, status.gap.start_ns, status.gap.cause)
        store.close_gap(status.context, status.gap.end_ns, lost=status.gap.lost)
    if status.shed:
        store.add_shed(status.shed)


class RateMeter:
    """Counts per second over a sliding window."""

    def __init__(self, now: float, window: float = _RATE_WINDOW) -> None:
        self._window = window
        self._marks: deque[tuple[float, int]] = deque([(now, 0)])

    def rate(self, now: float, total: int) -> float:
        """Note that `total` were counted by `now`; the rate since the window's start."""
        self._marks.append((now, total))
        while len(self._marks) > 2 and self._marks[1][0] <= now - self._window:
            self._marks.popleft()
        start, before = self._marks[0]
        return (total - before) / (now - start) if now > start else 0.0


class Nodes(Struct):
    """The nodes behind a Relay, as its status messages have told."""

    connected: set[str] = field(default_factory=set)
    unavailable: dict[str, str] = field(default_factory=dict)
    """Node → message, if any."""
    counted: int = 0
    """How many were connected by ServerStatus, until names are known."""

    def note(self, status: NodeStatus) -> None:
        """Take in one NodeStatusEvent."""
        for node in status.nodes:
            if status.state == relay_pb2.NODE_CONNECTED:
                self.connected.add(node)
                self.unavailable.pop(node, None)
            elif status.state in (relay_pb2.NODE_UNAVAILABLE, relay_pb2.NODE_ERROR):
                self.connected.discard(node)
                self.unavailable[node] = status.message
            elif status.state == relay_pb2.NODE_GONE:
                self.connected.discard(node)
                self.unavailable.pop(node, None)

    def listed(self, nodes: Sequence[HubbleNode]) -> bool:
        """Take in what GetNodes said, which replaces all that was said before; whether that is news."""
        before = set(self.connected), set(self.unavailable)
        self.connected = {node.name for node in nodes if node.state == CONNECTED}
        away = {node.name for node in nodes if node.state != CONNECTED}
        self.unavailable = {name: self.unavailable.get(name, "") for name in sorted(away)}
        self.counted = len(self.connected) or 1
        return before != (self.connected, set(self.unavailable))


class Losses(Struct):
    """Lost events by where they were lost."""

    new: int = 0
    where: dict[str, int] = field(default_factory=dict)

    def note(self, lost: Lost) -> None:
        """Take in one LostEvent."""
        self.new += lost.count
        place = f"{lost.node}: {lost.where}" if lost.node else lost.where
        self.where[place] = self.where.get(place, 0) + lost.count

    def take(self) -> int:
        """Events newly lost since the last call."""
        new, self.new = self.new, 0
        return new
