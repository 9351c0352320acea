"""A node's ring of flow events, and events as bytes that are ready to send."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice

from meshtui.hubble.pb import flow_pb2

_STEP_NS = 1_000_000_000
"""A clock that goes back further than this was set back."""
_UUID = b"\x92\x02\x24"
_NODE_NAME = b"\xc2\x3e"
_TIME = b"\xca\x3e"


def varint(number: int) -> bytes:
    """Protobuf's variable-length integer."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def stamp(time_ns: int) -> bytes:
    """A google.protobuf.Timestamp with its length in front."""
    seconds, nanos = divmod(time_ns, 1_000_000_000)
    body = b"\x08" + varint(seconds) + (b"\x10" + varint(nanos) if nanos else b"")
    return bytes((len(body),)) + body


class Template:
    """A flow without its time and uuid, encoded once; many events may share one."""

    __slots__ = ("body", "flow", "node", "tail")

    def __init__(self, flow: flow_pb2.Flow) -> None:
        self.flow = flow
        self.node: str = flow.node_name
        self.body: bytes = flow.SerializeToString()
        name = self.node.encode()
        self.tail = _NODE_NAME + varint(len(name)) + name

    def response(self, time_ns: int, uuid: str) -> bytes:
        """An encoded GetFlowsResponse; protobuf allows a message's fields in any order."""
        when = stamp(time_ns)
        flow = b"".join((self.body, b"\x0a", when, _UUID, uuid.encode()))
        return b"".join((b"\x0a", varint(len(flow)), flow, self.tail, _TIME, when))


@dataclass(frozen=True, slots=True)
class Lost:
    """Events that an agent could not keep."""

    source: int
    """flow.LostEventSource."""
    count: int
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Event:
    """One flow as one node saw it, or a gap."""

    time_ns: int
    what: Template | Lost
    uuid: str = ""


class Ring:
    """The newest events of one agent. Written by one thread, read by many."""

    def __init__(self, node: str, started: float, capacity: int = 4095) -> None:
        self.node = node
        """`cluster/node`."""
        self.started = started
        """Monotonic seconds at which the agent began to listen."""
        self.seen = 0
        """Entries ever written: where its end is."""
        self.flows = 0
        """Flows ever seen, as the agent counts them; those that were overwritten before anybody read them, too."""
        self._events: deque[Event] = deque(maxlen=capacity)
        self._lock = threading.Lock()

    @property
    def capacity(self) -> int:
        """How many events it holds at most."""
        return self._events.maxlen or 0

    def append(self, event: Event) -> None:
        """Add the newest event; the oldest leaves when the ring is full."""
        with self._lock:
            self._events.append(event)
            self.seen += 1
            self.flows += not isinstance(event.what, Lost)

    def overwritten(self) -> None:
        """One more flow was seen, and gone before it could be read."""
        self.flows += 1

    def stamp(self, time_ns: int) -> int:
        """A time for the next event: an agent stamps events as it writes them, so none is older than the last."""
        newest = self._events[-1].time_ns if self._events else 0
        return newest + 1 if newest - _STEP_NS < time_ns <= newest else time_ns

    def __len__(self) -> int:
        return len(self._events)

    def all(self) -> tuple[list[Event], int]:
        """Everything kept, oldest first, and the position to go on from."""
        with self._lock:
            return list(self._events), self.seen

    def after(self, position: int) -> tuple[list[Event], int, int]:
        """Events after a position, the new position, and how many the reader was too slow for."""
        if self.seen == position:
            return [], position, 0
        with self._lock:
            behind = self.seen - position
            kept = min(behind, len(self._events))
            found = list(islice(reversed(self._events), kept))
            found.reverse()
            return found, self.seen, behind - kept
