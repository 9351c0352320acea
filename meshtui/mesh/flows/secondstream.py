"""A Relay's second stream: flows of clusters that nobody else delivers, apart from those of its own cluster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from msgspec import Struct, field

from meshtui.core.clock import Clock
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.status import StreamStatus
from meshtui.hubble.stream import FlowStream
from meshtui.mesh.flows.relays import RelayEndpoint
from meshtui.mesh.flows.streams import new_stream

STOP_SECONDS = 1.0


class SecondStream(Struct):
    """Follows while there is a Relay and something to ask it for. Its breaks are no news: it is asked again by itself.

    Belongs on the event loop, but for `inbox`.
    """

    context: str
    inbox: Inbox
    clock: Clock
    rng: random.Random
    told: Callable[[StreamStatus], None]
    _stream: FlowStream | None = None
    _reached: RelayEndpoint | None = None
    _ending: list[FlowStream] = field(default_factory=list)

    @property
    def following(self) -> bool:
        """Whether anything is followed."""
        return self._stream is not None and self._stream.running

    def follow(self, reached: RelayEndpoint | None, query: FlowQuery | None, since_ns: int) -> None:
        """Ask for `query` at `reached` from now on, and for what the rings hold since then; nothing without either."""
        stream = self._stream
        if stream is not None and (query is None or reached is None or not self._same(reached)):
            stream.stop(0.0)
            self._ending = [ended for ended in self._ending if ended.running] + [stream]
            self._stream = stream = None
        if query is None or reached is None:
            return
        if stream is not None and stream.running:
            stream.target = reached.address
            stream.ask(query, since_ns)
        else:
            self._start(reached, query, since_ns)

    def ask(self, query: FlowQuery, since_ns: int) -> None:
        """Follow another query where something is followed."""
        stream = self._stream
        if stream is not None and stream.running:
            stream.ask(query, since_ns)

    def _same(self, reached: RelayEndpoint) -> bool:
        return self._reached is not None and self._reached.tls == reached.tls

    def _start(self, reached: RelayEndpoint, query: FlowQuery, since_ns: int) -> None:
        stream = new_stream(
            reached, query, self._told, context=self.context, inbox=self.inbox, clock=self.clock, rng=self.rng
        )
        self._stream, self._reached = stream, reached
        stream.ask(query, since_ns)
        stream.start()

    def _told(self, stream: FlowStream, status: StreamStatus) -> None:
        if stream is self._stream:
            self.told(status)

    async def close(self) -> None:
        """End, and wait for its threads."""
        self.follow(None, None, 0)
        for stream in self._ending:
            await asyncio.to_thread(stream.stop, STOP_SECONDS)
