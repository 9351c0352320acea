"""Keeps one cluster's flows coming: Relay first, its agents where there is none, and again after every loss."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from meshtui.core.clock import Clock
from meshtui.core.errors import MeshtuiError, NotFound, RelayAbsent, RelayRefused, leaves
from meshtui.core.flows.account.account import Reading
from meshtui.core.flows.assignment import Assignment, Share
from meshtui.core.flows.reading import left_out
from meshtui.core.flows.store import FlowStore
from meshtui.core.model import state as s
from meshtui.hubble.account import read_counts
from meshtui.hubble.dial import TlsOptions
from meshtui.hubble.inbox import Inbox
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.relay import server_status
from meshtui.hubble.status import StreamStatus, record_gap
from meshtui.hubble.stream import FlowStream
from meshtui.kube.api import Api
from meshtui.mesh.flows.belonging import ForeignRelays
from meshtui.mesh.flows.lookback import Lookback
from meshtui.mesh.flows.losses import Losses
from meshtui.mesh.flows.peers import Peers, versions_told
from meshtui.mesh.flows.relays import RelayEndpoint, nodes_of, reach
from meshtui.mesh.flows.relaytls import RelayFlags
from meshtui.mesh.flows.secondstream import STOP_SECONDS, SecondStream
from meshtui.mesh.flows.streams import new_stream, no_relay, relay_changed
from meshtui.mesh.flows.survey import Survey
from meshtui.mesh.pace import Backoff, Pace, pause
from meshtui.mesh.scope import ServerFilter

CATCH_UP_SECONDS = 60.0
"""How far back a changed question reaches: the rings still know what the old one did not ask for."""
LOOK_BACK_NS = 1_000_000_000
"""Events of one node are in order but for so little."""
AUTO, RELAY, AGENTS = "auto", "relay", "agents"
"""What a person may choose: Relay, and agents where there is none; only Relays; only agents."""
_ANSWER_SECONDS = 2.0
_BROKEN = (s.Phase.STALE, s.Phase.FAILED)


class FlowSourceTask(Struct, dict=True, eq=False):
    """One cluster's source of flows. Rows go to `inbox` from the stream's thread, all else is on the event loop."""

    context: str
    told: RelayFlags
    """What the flags say of the Relay."""
    emit: Callable[[s.Event], None]
    store: FlowStore
    inbox: Inbox
    clock: Clock
    rng: random.Random
    pace: Pace
    wanted_source: str = AUTO
    reading_shown: bool = True
    """Whether a Relay is also asked for the flows of those who read it."""
    lookback: Lookback | None = None
    """Where there is one the Relay is asked for the last minute, and not followed."""
    _share: Share = field(default_factory=Share)
    _filters: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = ((), ())
    _stream: FlowStream | None = None
    _tls: TlsOptions | None = None
    _reached: RelayEndpoint | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the source must be looked for again: lost, or another query."""
    _over: bool = False
    """Whether the agents' flows ended by themselves: nobody asked for anything, so that it takes a failure's pause."""
    _left_off_ns: int | None = None
    """Until when a source that is no longer read has told everything; None while one is read."""
    _was_live: bool = False
    """Whether the stream delivered, at least once."""
    _troubled: bool = False
    """Whether its Relay has told nodes that it does not reach, or has not told its nodes yet."""
    _silent_since: float | None = None
    """Monotonic seconds since when its Relay does not answer; None while it does."""
    _helped_at: float = float("-inf")
    """Monotonic seconds at which another Relay last delivered of this cluster while its own was silent."""

    @cached_property
    def _backoff(self) -> Backoff:
        return Backoff(self.pace, self.rng)

    @cached_property
    def _strangers(self) -> ForeignRelays:
        return ForeignRelays(self.context, self.clock, self.emit)

    @cached_property
    def _losses(self) -> Losses:
        return Losses(self.context, self.store, self.emit)

    @cached_property
    def _besides(self) -> SecondStream:
        return SecondStream(self.context, self.inbox, self.clock, self.rng, self._told_besides)

    def set_filter(self, wanted: ServerFilter) -> None:
        """Ask for what matches `wanted` from now on, and for what did of the last minute."""
        whitelist, blacklist, _ = wanted.to_server()
        if (whitelist, blacklist) != self._filters:
            self._filters = (whitelist, blacklist)
            self._ask_anew()

    def show_reading(self, shown: bool) -> None:
        """Ask the Relay for the flows of those who read it as well, or leave them out; agents always tell them."""
        if shown != self.reading_shown:
            self.reading_shown = shown
            if self._reading_relay:
                self._ask_anew()

    def _ask_anew(self) -> None:
        """Everything is asked otherwise than before: from a minute back."""
        self._ask_again(CATCH_UP_SECONDS)
        if self._share.besides is not None:
            self._besides.ask(self._query(self._share.besides), self._now_ns() - int(CATCH_UP_SECONDS * 1e9))

    @property
    def reached(self) -> RelayEndpoint | None:
        """The Relay that is read, where it is known how."""
        return self._reached

    @property
    def share(self) -> Share:
        """What it delivers when it reads from a Relay."""
        return self._share

    def assign(self, share: Share) -> None:
        """Deliver that share from now on. What others no longer deliver is asked for on a stream of its own."""
        before, self._share = self._share, share
        if self.lookback is not None:
            return  # one question, asked when the Relay is reached
        if share.own != before.own and self._reading_relay:
            self._ask_again(CATCH_UP_SECONDS if before.own.only else 0.0)
        if share.besides != before.besides:
            fewer = before.besides is not None and share.besides is not None
            wider = not fewer or set(before.besides.without) - set(share.besides.without)  # type: ignore[union-attr]
            self._follow_besides(CATCH_UP_SECONDS if wider else 0.0)

    def _follow_besides(self, back: float) -> None:
        reached = self._reached if self._reading_relay else None
        query = self._query(self._share.besides) if self._share.besides is not None else None
        self._besides.follow(reached, query, self._now_ns() - int(back * 1e9))

    def set_source(self, wanted: str) -> None:
        """Read from the Relay or from the agents: AUTO, RELAY or AGENTS."""
        if wanted != self.wanted_source:
            self.wanted_source = wanted
            self._backoff.reset()
            self._changed.set()

    @property
    def _reading_relay(self) -> bool:
        return self._stream is not None and self._stream.running

    def _ask_again(self, back: float) -> None:
        """A running stream is asked anew where it is, from `back` seconds ago; agents are started again."""
        stream = self._stream
        if stream is not None and stream.running:
            stream.ask(self._query(self._share.own), self._now_ns() - int(back * 1e9))
        else:
            self._backoff.reset()
            self._changed.set()

    def look_back(self, since_ns: int) -> None:
        """Ask the rings once more for what seems not to have come since then."""
        if self._stream is not None and self._stream.running:
            self._stream.ask(self._query(self._share.own), since_ns - LOOK_BACK_NS)
        if self._share.besides is not None:
            self._besides.ask(self._query(self._share.besides), since_ns - LOOK_BACK_NS)

    def follow(self) -> None:
        """Follow from now on, after a look back."""
        self.lookback = None
        self._ask_again(CATCH_UP_SECONDS)

    def _query(self, asked: Assignment) -> FlowQuery:
        if self.lookback is not None:
            return self.lookback.query(self.clock.now())
        whitelist, blacklist = asked.filters(*self._filters)
        if not self.reading_shown:
            blacklist += left_out(self._filters[0])
        return FlowQuery(whitelist=whitelist, blacklist=blacklist, mask=())

    @property
    def silent(self) -> bool:
        """Whether its own Relay does not answer, as far as it is asked."""
        return self._silent_since is not None

    def helped(self) -> None:
        """Another Relay delivers events of this cluster."""
        self._helped_at = self.clock.monotonic()

    def _patience(self) -> float | None:
        """Seconds until the agents are asked in the Relay's stead; None while nobody needs to."""
        if self._silent_since is None or self.wanted_source != AUTO:
            return None
        return max(0.0, max(self._silent_since, self._helped_at) + self.pace.agents_after - self.clock.monotonic())

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
                    if self.wanted_source == AGENTS:
                        await self._only_agents(api)
                    else:
                        await self._follow(api)
                except MeshtuiError as error:
                    self._tell_failure(error)
                    if isinstance(error, RelayAbsent) and self.wanted_source == AUTO:
                        await self._from_agents(api)
                if self._patience() == 0.0:
                    await self._from_agents(api)
                if self._over:
                    self._over = False
                    self._changed.clear()
                await pause(self._backoff.next(), self._changed)
        finally:
            await self._stop_stream()
            await self._besides.close()

    async def _follow(self, api: Api) -> None:
        """Find the Relay and read from it until it is lost or something else is wanted."""
        async with reach(api, self.told, self._strangers.refuse) as reached:
            if self.lookback is not None:
                await self.lookback.named.wait()
            await self._aim(reached)
            try:
                async with contextlib.AsyncExitStack() as beside:
                    if self.lookback is None:
                        await beside.enter_async_context(self._survey(reached, api.request_timeout).running())
                        await beside.enter_async_context(self._peers(reached, api.request_timeout).running())
                        await beside.enter_async_context(versions_told(reached, api, self.clock, self.emit))
                    while (patience := self._patience()) != 0.0 and not await self._changes_within(patience):
                        pass
            finally:
                # A stream that only lost its way is kept: it knows where it stopped and what it missed.
                self._reached = None

    def _peers(self, reached: RelayEndpoint, timeout: float) -> Peers:
        """Asks the Relay for the nodes it could not reach: its stream does not tell when they are back."""

        def ask() -> None:
            if (stream := self._stream) is not None:
                stream.note_nodes(nodes_of(reached, self.context, timeout))

        return Peers(self.context, ask, lambda: self._troubled, self.pace, self.rng)

    def _survey(self, reached: RelayEndpoint, timeout: float) -> Survey:
        """Asks the nodes this Relay delivers how many flows they have seen."""

        async def read() -> list[Reading]:
            filters = self._share.whole.filters((), ())
            unasked = () if self.reading_shown else left_out(self._filters[0])
            options: Any = {"context": self.context, "tls": reached.tls, "timeout": timeout}
            return await asyncio.to_thread(read_counts, reached.address, filters, unasked, self._now_ns, **options)

        return Survey(self.context, read, self.store, self.pace, self.rng)

    def _now_ns(self) -> int:
        return int(self.clock.now() * 1e9)

    async def _aim(self, reached: RelayEndpoint) -> None:
        self._reached = reached
        stream = self._stream
        if stream is not None and stream.running and reached.tls == self._tls:
            stream.target = reached.address
            if not self._besides.following:
                self._follow_besides(CATCH_UP_SECONDS)
            return
        await self._stop_stream()
        stream = new_stream(
            reached,
            self._query(self._share.own),
            self._status,
            context=self.context,
            inbox=self.lookback.inbox if self.lookback is not None else self.inbox,
            clock=self.clock,
            rng=self.rng,
        )
        self._stream, self._tls = stream, reached.tls
        if self._left_off_ns is not None:
            stream.ask(self._query(self._share.own), self._left_off_ns)
        stream.start()
        self._follow_besides(CATCH_UP_SECONDS)

    def _status(self, stream: FlowStream, status: StreamStatus) -> None:
        if stream is not self._stream:
            return
        record_gap(self.store, status)
        self._losses.take("own", status, self._share.own, self._now_ns())
        self._troubled = status.held_up or bool(status.nodes_unavailable)
        if self.lookback is not None:
            self.lookback.complete = status.ended and status.phase is s.Phase.LIVE
        self.emit(relay_changed(status, self._reached))
        if status.phase is s.Phase.LIVE:
            self._left_off_ns = None
            self._was_live = True
            self._silent_since = None
            self._backoff.reset()
        elif status.phase in _BROKEN and status.error is not None:
            if self._silent_since is None and not isinstance(status.error, RelayRefused):
                self._silent_since = self.clock.monotonic()
            self._changed.set()

    def _told_besides(self, status: StreamStatus) -> None:
        """The second stream only adds: how the cluster's own flows fare is none of its business."""
        if status.shed:
            self.store.add_shed(status.shed)
        if self._share.besides is not None:
            self._losses.take("besides", status, self._share.besides, self._now_ns())

    def _tell_failure(self, error: MeshtuiError) -> None:
        self.emit(no_relay(self.context, self.clock.now(), error))

    async def _from_agents(self, api: Api) -> None:
        """Ask the agents instead until a Relay is there or something else is wanted."""
        async with self._agents(api):
            while not await self._changes_within(self.pace.relay * self.rng.uniform(0.8, 1.2)):
                if await self._relay_is_there(api):
                    self._backoff.reset()
                    self._changed.set()

    async def _only_agents(self, api: Api) -> None:
        """Ask the agents until something else is wanted."""
        async with self._agents(api):
            await self._changed.wait()

    @contextlib.asynccontextmanager
    async def _agents(self, api: Api) -> AsyncIterator[None]:
        """The agents' flows come for as long as the block lasts."""
        from meshtui.mesh.flows.agents import AgentFlows

        await self._stop_stream()
        agents = AgentFlows(
            api, self.emit, self.inbox.put, self.clock, self.rng, self.pace, self.store, self._left_off_ns
        )
        following = asyncio.create_task(agents.run(*self._filters), name=f"agent flows {self.context}")
        following.add_done_callback(self._agents_ended)
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._left_off_ns = agents.left_off_ns or self._left_off_ns

    def _agents_ended(self, following: asyncio.Task[None]) -> None:
        """They could not even be listed: say why, and try again."""
        error = None if following.cancelled() else following.exception()
        if error is not None:
            failure = next((e for e in leaves(error) if isinstance(e, MeshtuiError)), None)
            # No Cilium at all: that there is no Relay has been told, with what to do about it.
            if not (isinstance(failure, NotFound) and self.wanted_source == AUTO):
                self._tell_failure(failure or MeshtuiError("the agents' flows ended", cause=repr(error)))
            self._over = True
            self._changed.set()

    async def _changes_within(self, seconds: float | None) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    async def _relay_is_there(self, api: Api) -> bool:
        """Whether there is a Relay that answers for all its peers: one that is held up would be silent again."""
        try:
            async with reach(api, self.told, self._strangers.refuse) as reached:
                options: Any = {"context": self.context, "tls": reached.tls, "timeout": _ANSWER_SECONDS}
                return bool((await asyncio.to_thread(server_status, reached.address, **options)).nodes_connected)
        except MeshtuiError:
            return False

    async def _stop_stream(self) -> None:
        stream, self._stream = self._stream, None
        self._silent_since = None
        self._besides.follow(None, None, 0)
        if stream is None:
            return
        if self._was_live:
            # Whoever reads in its stead begins where it stopped.
            self._left_off_ns = self.store.away_since(self.context) or self._now_ns()
            self.store.close_gap(self.context, self._now_ns())
            self._was_live = False
        await asyncio.to_thread(stream.stop, STOP_SECONDS)
