"""Keeps one cluster's flows coming: Relay first, its agents where there is none, and again after every loss."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshtui.core import state as s
from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, RelayAbsent
from meshtui.core.flowstore import FlowStore
from meshtui.hubble.dial import TlsOptions
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.status import StreamStatus, record_gap
from meshtui.hubble.stream import FlowStream
from meshtui.kube.api import Api
from meshtui.mesh.agentflows import AgentFlows
from meshtui.mesh.pace import Backoff, Pace, pause
from meshtui.mesh.relays import Reached, reach
from meshtui.mesh.scope import ServerFilter

STOP_SECONDS = 1.0
_BROKEN = (s.Phase.STALE, s.Phase.FAILED)


@dataclass(slots=True)
class FlowSourceTask:
    """One cluster's source of flows. Rows go to `inbox` from the stream's thread, all else is on the event loop."""

    context: str
    told: str
    """The address --relay gives, or empty."""
    emit: Callable[[s.Event], None]
    store: FlowStore
    inbox: Inbox
    clock: Clock
    rng: random.Random
    pace: Pace
    _filters: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = ((), ())
    _stream: FlowStream | None = None
    _tls: TlsOptions | None = None
    _reached: Reached | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the source must be looked for again: lost, or another query."""
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.pace, self.rng)

    def set_filter(self, wanted: ServerFilter) -> None:
        """Ask for what matches `wanted` from now on."""
        whitelist, blacklist, _ = wanted.to_server()
        if (whitelist, blacklist) != self._filters:
            self._filters = (whitelist, blacklist)
            self._backoff.reset()
            self._changed.set()

    def again(self) -> None:
        """The API server is back: look for the Relay without waiting, unless its flows never stopped."""
        if self._reached is None:
            self._backoff.reset()
            self._changed.set()

    async def run(self, api: Api) -> None:
        """Follow until cancelled."""
        try:
            while True:
                self._changed.clear()
                try:
                    await self._follow(api)
                except MeshtuiError as error:
                    self._tell_failure(error)
                    if isinstance(error, RelayAbsent):
                        await self._from_agents(api)
                await pause(self._backoff.next(), self._changed)
        finally:
            await self._stop_stream()

    async def _follow(self, api: Api) -> None:
        """Find the Relay and read from it until it is lost or something else is wanted."""
        async with reach(api, self.told) as reached:
            filters = self._filters
            await self._aim(reached, filters)
            try:
                await self._changed.wait()
            finally:
                self._reached = None
                # A stream that only lost its way is kept: it knows where it stopped and what it missed.
                if filters != self._filters:
                    await self._stop_stream()

    async def _aim(
        self, reached: Reached, filters: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]
    ) -> None:
        self._reached = reached
        stream = self._stream
        if stream is not None and stream.running and reached.tls == self._tls:
            stream.target = reached.address
            return
        await self._stop_stream()
        loop = asyncio.get_running_loop()
        made: list[FlowStream] = []

        def told(status: StreamStatus) -> None:
            try:
                loop.call_soon_threadsafe(self._status, status, made)
            except RuntimeError:
                return  # the loop is closed: nobody is left to be told

        stream = FlowStream(
            reached.address,
            context=self.context,
            tls=reached.tls,
            query=FlowQuery(whitelist=filters[0], blacklist=filters[1]),
            deliver=self.inbox.put,
            status=told,
            clock=self.clock,
            rng=self.rng,
            room=self.inbox.room,
        )
        made.append(stream)
        self._stream, self._tls = stream, reached.tls
        stream.start()

    def _status(self, status: StreamStatus, made: list[FlowStream]) -> None:
        if not made or made[0] is not self._stream:
            return
        record_gap(self.store, status)
        reached = self._reached
        self.emit(
            s.RelayChanged(
                self.context,
                status.at,
                phase=status.phase,
                source=reached.source if reached else None,
                address=reached.address if reached else None,
                error=status.error,
                nodes_connected=status.nodes_connected,
                nodes_unavailable=status.nodes_unavailable,
                lost=status.lost,
                rate=round(status.rate, 1),
            )
        )
        if status.phase is s.Phase.LIVE:
            self._backoff.reset()
        elif status.phase in _BROKEN and status.error is not None:
            self._changed.set()

    def _tell_failure(self, error: MeshtuiError) -> None:
        absent = isinstance(error, RelayAbsent)
        self.emit(
            s.RelayChanged(
                self.context,
                self.clock.now(),
                phase=s.Phase.ABSENT if absent else s.Phase.FAILED,
                source=s.FlowSource.NONE,
                address="",
                error=error,
                rate=0.0,
            )
        )

    async def _from_agents(self, api: Api) -> None:
        """Ask the agents instead until a Relay is there or something else is wanted."""
        await self._stop_stream()
        agents = AgentFlows(api, self.emit, self.inbox.put, self.clock, self.rng, self.pace)
        following = asyncio.create_task(agents.run(*self._filters), name=f"agent flows {self.context}")
        try:
            while not await self._changes_within(self.pace.relay * self.rng.uniform(0.8, 1.2)):
                if await self._relay_is_there(api):
                    self._backoff.reset()
                    self._changed.set()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _changes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    async def _relay_is_there(self, api: Api) -> bool:
        try:
            async with reach(api, self.told):
                return True
        except MeshtuiError:
            return False

    async def _stop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await asyncio.to_thread(stream.stop, STOP_SECONDS)
