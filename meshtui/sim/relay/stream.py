"""One GetFlows call: what each agent's ring holds, then what arrives, through the sort buffer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meshtui.hubble.pb import observer_pb2, relay_pb2
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.encode import BadMask, Encoder, node_status, understood
from meshtui.sim.relay.filters import BadFilter, FlowMatcher
from meshtui.sim.relay.peers import Peer, peers, pod_name
from meshtui.sim.relay.ring import Event, Lost, Ring
from meshtui.sim.relay.sortbuffer import DRAIN, SortBuffer, length
from meshtui.sim.world import SimCluster

RELIST = 2.0
"""Seconds between two looks at which agents there are (follow)."""
RING_BUFFER = 3
_ENDED = "rpc error: code = Unavailable desc = error reading from server: EOF"
_SILENT = "rpc error: code = Unavailable desc = keepalive ping failed to receive ACK within timeout"
LOST_INTERVAL = 1.0
"""Seconds between two LostEvents of one agent to one reader (hubble-lost-event-send-interval)."""


@dataclass
class Behind:
    """What a slow reader of one agent's ring missed and was not told yet."""

    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    told: float = float("-inf")
    """Monotonic seconds of the last LostEvent."""

    def miss(self, count: int, at_ns: int) -> None:
        """Events were overwritten before they were read; `at_ns` is the time of the oldest one left."""
        self.first_ns = self.first_ns if self.count else at_ns
        self.last_ns = at_ns
        self.count += count

    def tell(self, now: float) -> Lost | None:
        """All that was missed, when there is something and the last word was long enough ago."""
        if not self.count or now - self.told < LOST_INTERVAL:
            return None
        gap = Lost(RING_BUFFER, self.count, self.first_ns, self.last_ns)
        self.count, self.told = 0, now
        return gap


class Refused(Exception):
    """A request the agents refuse."""


def history(ring: Ring, request: observer_pb2.GetFlowsRequest, matcher: FlowMatcher) -> tuple[list[Event], int]:
    """Where an agent starts: the events it has that the request wants, and the position to follow from."""
    events, position = ring.all()
    if request.HasField("since"):
        since = request.since.ToNanoseconds()
        wanted = [e for e in events if e.time_ns >= since and matcher.matches(e)]
        return _limited(wanted, request, last=False), position
    if request.first:
        return _limited([e for e in events if matcher.matches(e)], request, last=False), position
    if not request.number and request.follow:
        return [], position
    return _limited([e for e in events if matcher.matches(e)], request, last=True), position


def _limited(events: list[Event], request: observer_pb2.GetFlowsRequest, *, last: bool) -> list[Event]:
    """At most `number` flows (gaps are not counted); in follow it limits only how far back to begin."""
    number = request.number
    if not number or (request.follow and not last):
        return events
    flows = [i for i, e in enumerate(events) if not isinstance(e.what, Lost)]
    if len(flows) <= number:
        return events
    return events[flows[-number] :] if last else events[: flows[number - 1] + 1]


class FlowStream:
    """The state of one call: `begin` once, then `poll` again and again while `following`, then `end`."""

    def __init__(self, cluster: SimCluster, request: observer_pb2.GetFlowsRequest) -> None:
        self._cluster = cluster
        self._request = request
        self._at: dict[str, tuple[Peer, int]] = {}
        self._behind: dict[str, Behind] = {}
        self._until = request.until.ToNanoseconds() if request.HasField("until") else 0
        self._matcher = FlowMatcher((), ())
        self._encoder = Encoder(())
        self._buffer: SortBuffer[bytes] = SortBuffer(1)
        self._quiet = self._listed = cluster.world.clock.monotonic()
        self._held: set[str] = set()
        self.following = request.follow

    def begin(self) -> Iterator[bytes]:
        """Which agents there are, then what they have kept."""
        found = peers(self._cluster)
        up = [p for p in found if p.available]
        now = self._cluster.world.clock.now()
        relay = pod_name(self._cluster)
        if up:
            yield node_status(relay_pb2.NODE_CONNECTED, [p.name for p in up], relay, now)
        if len(up) < len(found):
            down = [p.name for p in found if not p.available]
            yield node_status(relay_pb2.NODE_UNAVAILABLE, down, relay, now)
        self.following = self._request.follow and bool(up)
        self._held = {p.name for p in up if p.held}
        try:
            self._understand()
        except (BadFilter, BadMask, Refused) as error:
            self.following = False
            yield node_status(relay_pb2.NODE_ERROR, [p.name for p in up], relay, now, str(error))
            return
        self._buffer = SortBuffer(length(self._request.number, len(up)))
        refusing = [p.name for p in up if self._refuses(p)]
        if refusing:
            yield node_status(relay_pb2.NODE_ERROR, refusing, relay, now, "invalid fieldmask")
        for peer in up:
            if peer.name not in refusing:
                yield from self._ask(peer)
        # A call that is to end waits for the last of its agents.
        self.following = self.following or bool(self._held)

    def _understand(self) -> None:
        if self._request.first and self._request.follow:
            raise Refused("first cannot be specified with follow")
        self._matcher = FlowMatcher(self._request.whitelist, self._request.blacklist)
        self._encoder = Encoder(self._request.field_mask.paths)

    def _refuses(self, peer: Peer) -> bool:
        """Whether an agent is too old for the fields that are asked for."""
        version = view(self._cluster.world.clusters[peer.name.partition("/")[0]]).version
        return not understood(self._request.field_mask.paths, version)

    def _ask(self, peer: Peer) -> Iterator[bytes]:
        """Send an agent the original request."""
        events, position = history(peer.ring, self._request, self._matcher)
        if peer.held:
            events = []
        self._at[peer.name] = (peer, position)
        for event in events:
            if self._until and event.time_ns > self._until and not isinstance(event.what, Lost):
                break
            yield from self._buffer.push(event.time_ns, self._encoder.encode(event, peer.name))

    def poll(self) -> Iterator[bytes]:
        """What left the sort buffer since the last poll."""
        now = self._cluster.world.clock.monotonic()
        if now - self._listed >= RELIST:
            self._listed = now
            yield from self._relist()
            self.following = bool(self._at) if self._request.follow else bool(self._held)
        arrived = False
        for name, (peer, position) in list(self._at.items()):
            if name in self._held or not self._request.follow:
                continue
            if peer.ring.seen == position and name not in self._behind:
                continue
            for time_ns, message in self._news(name):
                if self._until and time_ns > self._until:
                    self.following = False
                    break
                arrived = True
                yield from self._buffer.push(time_ns, message)
        if arrived:
            self._quiet = now
        elif now - self._quiet >= DRAIN:
            self._quiet = now
            yield from self._buffer.drain(int((self._cluster.world.clock.now() - DRAIN) * 1e9))

    def end(self) -> Iterator[bytes]:
        """What the sort buffer still holds."""
        yield from self._buffer.flush()

    def _news(self, name: str) -> Iterator[tuple[int, bytes]]:
        peer, position = self._at[name]
        events, position, missed = peer.ring.after(position)
        self._at[name] = (peer, position)
        if missed and events:
            self._behind.setdefault(name, Behind()).miss(missed, events[0].time_ns)
        gap = self._behind[name].tell(self._cluster.world.clock.monotonic()) if name in self._behind else None
        if gap is not None:
            yield gap.last_ns, self._encoder.encode(Event(gap.last_ns, gap), name)
        matches, encode = self._matcher.matches, self._encoder.encode
        for event in events:
            if matches(event):
                yield event.time_ns, encode(event, name)

    def _same(self, peer: Peer) -> bool:
        """Whether the agent that was asked still answers: one that started anew has another ring."""
        return peer.available and self._at[peer.name][0].ring is peer.ring

    def _relist(self) -> Iterator[bytes]:
        """Agents that came are asked, agents that went are told of."""
        found = {p.name: p for p in peers(self._cluster)}
        now = self._cluster.world.clock.now()
        for name in [n for n in self._at if n not in found or not self._same(found[n])]:
            del self._at[name]
            text = _SILENT if name in self._held else _ENDED
            gone = node_status(relay_pb2.NODE_ERROR, [name], pod_name(self._cluster), now, text)
            yield from self._buffer.push(int(now * 1e9), gone)
        held = {name for name, peer in found.items() if peer.held and name in self._at}
        if self._request.follow:
            # Who is heard again is asked again: what happened meanwhile was for a stream that is no more.
            for name in self._held - held:
                self._at.pop(name, None)
        self._held = held
        for name, peer in found.items():
            new = self._request.follow and name not in self._at and not self._refuses(peer)
            if new and peer.available and not peer.held:
                yield from self._ask(peer)
