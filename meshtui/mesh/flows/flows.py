"""All clusters' flows of a session: one store, who delivers what, what is asked for, and how much comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from meshtui.core.clock import Clock
from meshtui.core.flows.account.account import FlowAccount
from meshtui.core.flows.assignment import shares
from meshtui.core.flows.clocks import NodeClocks
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.naming import name_clusters
from meshtui.core.flows.reading import is_reading
from meshtui.core.flows.store import FlowStore
from meshtui.core.model import state as s
from meshtui.core.model.clocks import TOLERANCE
from meshtui.core.model.state import Mesh
from meshtui.hubble.inbox import Inbox
from meshtui.mesh.flows.rates import ClusterRates
from meshtui.mesh.pace import Pace
from meshtui.mesh.publisher import Publisher
from meshtui.mesh.scope import ServerFilter

if TYPE_CHECKING:
    from meshtui.mesh.flows.lookback import Lookback
    from meshtui.mesh.flows.relays import RelayEndpoint
    from meshtui.mesh.flows.source import FlowSourceTask

CALM_SECONDS = 0.5
"""How long sources must hold still before they share out their work anew: a Relay's absence is told before its agents'
presence, and each change of a question costs a Relay a new stream."""
RATE_SECONDS = 1.0
Recorder = Callable[[Sequence[FlowRow]], None]


def _newest(rows: Sequence[FlowRow]) -> dict[str, int]:
    """Node → time of its newest flow among rows in order of time."""
    return {row.node: row.time_ns for row in rows}


class MeshFlows:
    """Where sources leave their rows. Everything but `inbox` belongs on the event loop."""

    def __init__(
        self,
        mesh: Mesh,
        capacity: int,
        clock: Clock,
        emit: Callable[[s.Event], None],
        sources: Callable[[], Iterable[FlowSourceTask]],
        pace: Pace | None = None,
    ) -> None:
        pace = pace or Pace()
        self.store = FlowStore(capacity)
        self.store.account = FlowAccount(int(pace.account_calm * 1e9), int(pace.account_patience * 1e9))
        self._clock = clock
        self._emit = emit
        self.clocks = NodeClocks()
        self.inbox = Inbox(self._rows_wait)
        self._mesh = mesh
        self._sources = sources
        self.rates = ClusterRates(mesh, clock, emit)
        self._news: Publisher[None] = Publisher(lambda: None, lambda _old, _new: None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self._filter: ServerFilter | None = None
        self.wanted_source = ""
        """What was last asked for here; empty: as the settings have it."""
        self.reading_shown = True
        """Whether flows of those who read a Relay are asked for: never counted in rates."""
        self.calm_seconds = CALM_SECONDS
        self._recorders: list[Recorder] = []

    def start(self) -> None:
        """Begin to take rows."""
        self._loop = asyncio.get_running_loop()
        self._tick()

    def stop(self) -> None:
        """Take what waits, and no more."""
        self._take()
        self._loop = None
        for timer in (self._due, self._beat):
            if timer is not None:
                timer.cancel()
        self._news.close()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when rows arrived, at most 20 times a second; the returned function ends it."""
        return self._news.subscribe(lambda _: listener())

    def record(self, recorder: Recorder) -> Callable[[], None]:
        """Hand every new row to `recorder`, in order of time within a batch; the returned function ends it."""
        self._recorders.append(recorder)
        return lambda: self._recorders.remove(recorder)

    def join(self, source: FlowSourceTask) -> None:
        """A source that just came learns what is wanted."""
        source.assign(shares(self._mesh)[source.context])
        if self._filter is not None:
            source.set_filter(self._filter)
        source.show_reading(self.reading_shown)
        if self.wanted_source:
            source.set_source(self.wanted_source)

    def lookback(self, context: str) -> Lookback | None:
        """The last minute of a cluster's Relay, where it is asked for that and not followed."""
        return next((source.lookback for source in self._sources() if source.context == context), None)

    def follow(self) -> None:
        """Follow every source from now on, after a look back."""
        for source in self._sources():
            if source.lookback is not None:
                source.follow()

    def reached(self, context: str) -> RelayEndpoint | None:
        """The Relay that a cluster's source reads; None while it looks for one, or asks agents."""
        return next((source.reached for source in self._sources() if source.context == context), None)

    def set_query(self, wanted: ServerFilter) -> None:
        """Ask every source for what matches."""
        self._filter = wanted
        self._keep_account()
        for source in self._sources():
            source.set_filter(wanted)

    def _keep_account(self) -> None:
        """Books are kept where every event of a node is asked for, and its name is no other node's."""
        whitelist, blacklist, _ = self._filter.to_server() if self._filter is not None else ((), (), None)
        alike = any(cluster.namesake for cluster in self._mesh.clusters.values())
        if whitelist or blacklist:
            self.store.account.suspend("the filter asks for some events only")
        elif alike:
            self.store.account.suspend("two clusters have the same name")
        elif self.store.account.suspended:
            self.store.account.resume()

    def set_source(self, wanted: str, context: str = "") -> None:
        """Read from Relays, or from the agents: in one cluster, or in all."""
        self.wanted_source = wanted
        for source in self._sources():
            if context in ("", source.context):
                source.set_source(wanted)

    def show_reading(self, shown: bool) -> None:
        """Ask for the flows of those who read a Relay, our own among them, or leave them out."""
        if shown != self.reading_shown:
            self.reading_shown = shown
            self.store.account.restart()  # what was not asked for is not missing
            for source in self._sources():
                source.show_reading(shown)

    def consider(self, event: s.Event) -> None:
        """A source came or went, or a cluster's name became known: share out the work once it is calm."""
        if self._loop is None or not isinstance(event, s.RelayChanged | s.ConfigRead):
            return
        if isinstance(event, s.ConfigRead):
            self._keep_account()
        if self._due is None:
            self._due = self._loop.call_later(self.calm_seconds, self._share_out)

    @property
    def shared_out(self) -> bool:
        """Whether every source delivers what it is to by now."""
        wanted = shares(self._mesh)
        return all(source.share == wanted[source.context] for source in self._sources())

    def _share_out(self) -> None:
        self._due = None
        wanted = shares(self._mesh)
        for source in self._sources():
            source.assign(wanted[source.context])

    def _rows_wait(self) -> None:
        """Called in a stream's thread when the inbox stops being empty."""
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._take)
            except RuntimeError:
                return  # the loop is closed: nobody is left to read flows

    def _take(self) -> None:
        rows, shed = self.inbox.drain()
        if shed:
            self.store.add_shed(shed)
        fresh = self.store.add(self.named(rows))
        if fresh:
            self.clocks.note(_newest(fresh), self._clock.now())
            self.rates.count([row for row in fresh if not is_reading(row)] if self._reading_comes else fresh)
            self._tell_helped(fresh)
            for recorder in self._recorders:
                recorder(fresh)
        if fresh or shed:
            self._news.post(None)

    def past(self, rows: list[FlowRow]) -> list[FlowRow]:
        """Take flows that were asked for of the past; those that are new."""
        fresh = self.store.add(self.named(rows))
        self.note_clocks(fresh)
        return fresh

    def named(self, rows: list[FlowRow]) -> list[FlowRow]:
        """The same rows, by the names that their clusters go by here."""
        name_clusters(rows, self._mesh)
        return rows

    def note_clocks(self, rows: Sequence[FlowRow]) -> None:
        """Flows of the past: those with times in the future tell of a node whose clock is ahead."""
        newest: dict[str, int] = {}
        for row in rows:
            if row.time_ns > newest.get(row.node, 0):
                newest[row.node] = row.time_ns
        self.clocks.note(newest, self._clock.now(), live=False)
        self._tell_clocks()

    def _tell_clocks(self) -> None:
        """Each cluster's nodes whose clocks are off, where that is news."""
        off = self.clocks.offsets(TOLERANCE)
        for context, cluster in self._mesh.clusters.items():
            mine = {node: seconds for node, seconds in off.items() if node.startswith(f"{cluster.name}/")}
            if mine != cluster.node_clocks:
                self._emit(s.ClockRead(context, nodes=mine))

    @property
    def _reading_comes(self) -> bool:
        """Whether rows may be of those who read a Relay: asked for, or told by agents, who are asked for everything."""
        agents = (cluster.relay.source is s.FlowSource.AGENTS for cluster in self._mesh.clusters.values())
        return self.reading_shown or any(agents)

    def _tell_helped(self, fresh: Sequence[FlowRow]) -> None:
        """A source whose Relay is silent learns that another's delivers: its agents need not be asked."""
        for source in self._sources():
            if source.silent:
                mine = f"{self._mesh.clusters[source.context].name}/"
                if any(row.received != source.context and row.node.startswith(mine) for row in fresh):
                    source.helped()

    def _tick(self) -> None:
        self.rates.tell()
        self._tell_clocks()
        if self.store.judge_gaps(int(self._clock.now() * 1e9)):
            self._news.post(None)
        doubts = self.store.account.take_doubts()
        for source in self._sources() if doubts else ():
            if source.context in doubts:
                source.look_back(doubts[source.context])
        if self._loop is not None:
            self._beat = self._loop.call_later(RATE_SECONDS, self._tick)
