"""One GetFlows call: what each agent's ring holds, then what arrives, through the sort buffer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from meshtui.hubble.pb import observer_pb2, relay_pb2
from meshtui.sim.relay.encode import BadMask, Encoder, node_status
from meshtui.sim.relay.filters import BadFilter, FlowMatcher
from meshtui.sim.relay.peers import Peer, peers, pod_name
from meshtui.sim.relay.ring import Event, Lost, Ring
from meshtui.sim.relay.sortbuffer import DRAIN, SortBuffer, length
from meshtui.sim.world import SimCluster

RELIST = 2.0
"""Seconds between two looks at which agents there are (follow)."""
BATCH = 0.004
"""Seconds to let a burst gather before it is read."""
IDLE = 0.2
RING_BUFFER = 3


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
    """The state of one call."""

    def __init__(self, cluster: SimCluster, request: observer_pb2.GetFlowsRequest, alive: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._request = request
        self._alive = alive
        self._wake = threading.Event()
        self._at: dict[str, tuple[Peer, int]] = {}
        self._until = request.until.ToNanoseconds() if request.HasField("until") else 0

    def wake(self) -> None:
        """Look again, now."""
        self._wake.set()

    def responses(self) -> Iterator[bytes]:
        """Encoded GetFlowsResponses until the request's end or the caller's."""
        found = peers(self._cluster)
        up = [p for p in found if p.available]
        clock = self._cluster.world.clock
        relay = pod_name(self._cluster)
        if up:
            yield node_status(relay_pb2.NODE_CONNECTED, [p.name for p in up], relay, clock.now())
        if len(up) < len(found):
            down = [p.name for p in found if not p.available]
            yield node_status(relay_pb2.NODE_UNAVAILABLE, down, relay, clock.now())
        try:
            matcher = self._matcher()
            encoder = Encoder(self._request.field_mask.paths)
        except (BadFilter, BadMask, Refused) as error:
            yield node_status(relay_pb2.NODE_ERROR, [p.name for p in up], relay, clock.now(), str(error))
            return
        buffer: SortBuffer[bytes] = SortBuffer(length(self._request.number, len(up)))
        try:
            for peer in up:
                yield from self._begin(peer, matcher, encoder, buffer)
            if not self._request.follow or not up:
                yield from buffer.flush()
                return
            yield from self._follow(matcher, encoder, buffer)
        finally:
            for peer, _ in self._at.values():
                if self.wake in peer.ring.notify:
                    peer.ring.notify.remove(self.wake)

    def _matcher(self) -> FlowMatcher:
        if self._request.first and self._request.follow:
            raise Refused("first cannot be specified with follow")
        return FlowMatcher(self._request.whitelist, self._request.blacklist)

    def _begin(self, peer: Peer, matcher: FlowMatcher, encoder: Encoder, buffer: SortBuffer[bytes]) -> Iterator[bytes]:
        """Send an agent the original request."""
        if self._request.follow:
            peer.ring.notify.append(self.wake)
        events, position = history(peer.ring, self._request, matcher)
        self._at[peer.name] = (peer, position)
        for event in events:
            if self._until and event.time_ns > self._until:
                break
            yield from buffer.push(event.time_ns, encoder.encode(event, peer.name))

    def _follow(self, matcher: FlowMatcher, encoder: Encoder, buffer: SortBuffer[bytes]) -> Iterator[bytes]:
        quiet = listed = time.monotonic()
        while self._alive():
            self._wake.wait(IDLE)
            if self._wake.is_set():
                time.sleep(BATCH)
            self._wake.clear()
            now = time.monotonic()
            if now - listed >= RELIST:
                listed = now
                yield from self._relist(matcher, encoder, buffer)
                if not self._at:
                    break
            arrived, ended = 0, False
            for name in list(self._at):
                for time_ns, message in self._news(name, matcher, encoder):
                    if self._until and time_ns > self._until:
                        ended = True
                        break
                    arrived += 1
                    yield from buffer.push(time_ns, message)
            if arrived:
                quiet = now
            elif now - quiet >= DRAIN:
                quiet = now
                yield from buffer.drain(int((self._cluster.world.clock.now() - DRAIN) * 1e9))
            if ended:
                break
        yield from buffer.flush()

    def _news(self, name: str, matcher: FlowMatcher, encoder: Encoder) -> Iterator[tuple[int, bytes]]:
        peer, position = self._at[name]
        events, position, missed = peer.ring.after(position)
        self._at[name] = (peer, position)
        if missed and events:
            gap = Lost(RING_BUFFER, missed, events[0].time_ns, events[0].time_ns)
            yield events[0].time_ns, encoder.encode(Event(events[0].time_ns, gap), name)
        matches, encode = matcher.matches, encoder.encode
        for event in events:
            if matches(event):
                yield event.time_ns, encode(event, name)

    def _relist(self, matcher: FlowMatcher, encoder: Encoder, buffer: SortBuffer[bytes]) -> Iterator[bytes]:
        """Agents that came are asked, agents that went are told of."""
        found = {p.name: p for p in peers(self._cluster)}
        for name in [n for n in self._at if n not in found or not found[n].available]:
            peer, _ = self._at.pop(name)
            peer.ring.notify.remove(self.wake)
            clock = self._cluster.world.clock
            text = "rpc error: code = Unavailable desc = error reading from server: EOF"
            gone = node_status(relay_pb2.NODE_ERROR, [name], pod_name(self._cluster), clock.now(), text)
            yield from buffer.push(int(clock.now() * 1e9), gone)
        for name, peer in found.items():
            if peer.available and name not in self._at:
                yield from self._begin(peer, matcher, encoder, buffer)
