"""One cluster's side of a session: connects, watches, asks, follows flows, and tells it all as events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct, field

from meshtui.cilium.place import namespace_of
from meshtui.core.errors import Forbidden, LoginAwaited, MeshtuiError
from meshtui.core.model import state as s
from meshtui.core.model.resources import PODS, Resource
from meshtui.kube.api import Api
from meshtui.kube.watch import follow
from meshtui.mesh import collector
from meshtui.mesh.pace import Backoff, pause
from meshtui.mesh.probes import QUESTIONS, Prober
from meshtui.mesh.scope import Surroundings
from meshtui.mesh.targets import BY_CONTEXT, DEFAULT_NAMESPACE, Target, overrides_of

if TYPE_CHECKING:
    from meshtui.mesh.flows.source import FlowSourceTask


class ClusterTask(Struct):
    """Everything that runs for one target; `around.emit` is the only way out."""

    target: Target
    cluster: s.Cluster
    around: Surroundings
    flows: FlowSourceTask | None
    """Its source of flows, where they are wanted."""
    api: Api | None = None
    asked: set[str] = field(default_factory=set)
    """Questions that were answered or refused at least once."""
    _cilium: str = ""
    """Its namespace, where it had to be known before watches began."""
    _heartbeat: asyncio.Event = field(default_factory=asyncio.Event)
    _pods_told: asyncio.Event = field(default_factory=asyncio.Event)
    _watches: dict[Resource, asyncio.Task[None]] = field(default_factory=dict)
    _prober: Prober | None = None
    _anew: Callable[[], None] | None = None
    """Asks everything now; None while the cluster does not answer."""

    @property
    def context(self) -> str:
        """The cluster's identity."""
        return self.target.context

    async def run(self) -> None:
        """Run until cancelled. An unreachable cluster is told and tried again, for ever."""
        backoff = Backoff(self.around.pace, self.around.rng)
        while True:
            try:
                self.api = await Api.connect(
                    self.target.info,
                    self.around.settings.kubeconfig,
                    self.target.env,
                    request_timeout=self.around.settings.request_timeout,
                    overrides=overrides_of(self.around.settings),
                    clock=self.around.clock,
                    logins=self.around.logins,
                )
                async with self.api:
                    await self._first_answer(self.api, backoff)
                    if shown := await self.around.aliases.alias_of(self.context, self.api):
                        self.around.emit(s.AliasFound(self.context, shown))
                        return
                    await self._live(self.api)
            except MeshtuiError as error:
                self._failed(error)
            finally:
                self.api = self._anew = self._prober = None
            await pause(backoff.next(), self._heartbeat)

    async def _first_answer(self, api: Api, backoff: Backoff) -> None:
        while not await self._beat(api):
            await pause(backoff.next(), self._heartbeat)
        backoff.reset()

    async def _beat(self, api: Api) -> bool:
        """Ask for the version: does the API server answer us? A refusal (403) is an answer."""
        try:
            version = await api.version()
        except Forbidden:
            version = ""
        except MeshtuiError as error:
            self._failed(error)
            return False
        self.around.emit(s.ApiChanged(self.context, s.Phase.LIVE, self.around.clock.now(), version))
        if api.connection.ahead is not None:
            self.around.emit(s.ClockRead(self.context, api.connection.ahead))
        return True

    def told_of_login(self, awaited: LoginAwaited) -> None:
        """A plugin of ours is at work and has something to say."""
        self._failed(awaited)

    def log_in(self) -> None:
        """A person asks: try again now, even where a login failed a moment ago."""
        if self.api is not None:
            self.api.connection.source.forgive()
        self._heartbeat.set()

    def _failed(self, error: MeshtuiError) -> None:
        """STALE when we have shown this cluster before, else FAILED; a login that goes on is neither."""
        nothing = s.Phase.CONNECTING if isinstance(error, LoginAwaited) else s.Phase.FAILED
        self.around.aliases.tried(self.context)
        phase = s.Phase.STALE if self.cluster.objects else nothing
        self.around.emit(s.ApiChanged(self.context, phase, self.around.clock.now(), error=error))

    async def _live(self, api: Api) -> None:
        around, own = self.around, self._own_namespaces()
        asked, scope = self._asked, around.scope
        prober = Prober(
            api,
            self.cluster,
            around.emit,
            around.pace,
            around.rng,
            asked,
            around.clock,
            self._doubted,
            own,
            once=scope.once,
            whole=scope.status,
            pods_told=self._pods_told,
        )
        prober.around = around.mesh.clusters.values
        self._prober = prober
        await self._look_for_cilium(api)
        async with asyncio.TaskGroup() as group:
            self._anew = partial(self._back, group, api, prober, (s.Phase.STALE, s.Phase.FAILED, s.Phase.ABSENT))
            # What takes several questions in turn begins first: few connections carry them all.
            if self.flows is not None:
                group.create_task(self.flows.run(api), name=f"flows {self.context}")
            group.create_task(prober.run(self._questions()), name=f"probe {self.context}")
            for resource in scope.resources:
                self._watch(group, api, resource)
            group.create_task(self._beats(group, api, prober), name=f"heartbeat {self.context}")

    def _watch(self, group: asyncio.TaskGroup, api: Api, resource: Resource) -> None:
        wanted = self._namespaces()
        # Cilium's own namespace, and those that other contexts are about, may be closed to a person.
        aside = [name for name in wanted if name not in self._own_namespaces()]
        watching = follow(
            api,
            resource,
            self._watched,
            namespaces=wanted,
            aside=aside,
            clock=self.around.clock,
            rng=self.around.rng,
            once=self.around.scope.once,
        )
        name = f"watch {self.context} {resource.plural}"
        self._watches[resource] = group.create_task(watching, name=name)

    def _doubted(self) -> bool:
        return self.around.doubted(self.context)

    def _asked(self, question: str) -> None:
        self.asked.add(question)
        if question == "config" and self.flows is not None and self.flows.lookback is not None:
            self.flows.lookback.named.set()
        self.around.progressed()

    def _watched(self, event: s.Event) -> None:
        self.around.emit(event)
        if isinstance(event, s.Listed):
            collector.taken(len(event.items))
        if isinstance(event, s.WatchChanged) and event.resource is PODS:
            self._pods_told.set()
        if isinstance(event, s.WatchChanged) and event.phase in (s.Phase.STALE, s.Phase.FAILED):
            # A watch that broke may be the first sign that the API server is gone.
            self._heartbeat.set()

    async def _beats(self, group: asyncio.TaskGroup, api: Api, prober: Prober) -> None:
        backoff = Backoff(self.around.pace, self.around.rng)
        well = True
        while True:
            wait = self.around.pace.heartbeat * self.around.rng.uniform(0.8, 1.2) if well else backoff.next()
            await pause(wait, self._heartbeat if well else None)
            was, well = well, await self._beat(api)
            if well and not was:
                backoff.reset()
                self._back(group, api, prober)

    def ask_agents(self) -> None:
        """Ask the agents now, where they are asked at all."""
        if self._prober is not None:
            self._prober.ask_agents()

    def again(self) -> None:
        """Ask everything now, and list again what was absent or refused: somebody expects it to have changed."""
        if self._anew is not None:
            self._anew()

    def _back(
        self,
        group: asyncio.TaskGroup,
        api: Api,
        prober: Prober,
        phases: Collection[s.Phase] = (s.Phase.STALE, s.Phase.FAILED),
    ) -> None:
        """The API server answers again: nobody needs to sit out a long pause."""
        prober.again()
        if self.flows is not None:
            self.flows.again()
        for resource, task in list(self._watches.items()):
            link = self.cluster.watches.get(resource)
            if link is not None and link.phase in phases:
                task.cancel()
                self._watch(group, api, resource)

    def _questions(self) -> list[str]:
        skip = set() if self.around.scope.access else {"access"}
        skip |= set() if self.around.scope.status else {"agents", "kvstoremesh", "health", "troubleshoot"}
        return [name for name in QUESTIONS if name not in skip]

    async def _look_for_cilium(self, api: Api) -> None:
        """Where Cilium lives, before watches are limited to some namespaces; the prober tells why it is not known."""
        self._cilium = ""
        if self._limited:
            with contextlib.suppress(MeshtuiError):
                self._cilium = await namespace_of(api, self._limited)

    @property
    def _limited(self) -> tuple[str, ...]:
        """Namespaces that a person wants to see, none meaning all."""
        settings = self.around.settings
        return () if settings.all_namespaces else settings.namespaces

    def _own_namespaces(self) -> tuple[str, ...]:
        """Of those, the ones that this context is about: all that were named, else its own."""
        if self.around.settings.origins.get("namespaces") != BY_CONTEXT:
            return self._limited
        return (self.target.info.namespace or DEFAULT_NAMESPACE,)

    def _namespaces(self) -> tuple[str, ...]:
        """Namespaces to watch, none meaning all; Cilium's own is among them where it is known."""
        limited = self._limited
        return tuple(dict.fromkeys([*limited, *([self._cilium] if self._cilium else [])])) if limited else ()

    @property
    def settled(self) -> bool:
        """Whether everything asked for was answered, refused, or found unreachable once."""
        if self.cluster.api.phase in (s.Phase.FAILED, s.Phase.STALE):
            return True
        return (
            self.cluster.api.phase is s.Phase.LIVE
            and all(self._answered(resource) for resource in self.around.scope.resources)
            and self.asked.issuperset(name for name in self._questions() if name != "troubleshoot")
            and not (self.around.scope.flows and self.cluster.relay.link.phase is s.Phase.CONNECTING)
        )

    @property
    def unasked(self) -> frozenset[str]:
        """Questions that were neither answered nor refused yet."""
        return frozenset(self._questions()) - self.asked

    def _answered(self, resource: Resource) -> bool:
        """Listed once, or known why not."""
        link = self.cluster.watches.get(resource)
        return resource in self.cluster.objects or (link is not None and link.phase is not s.Phase.CONNECTING)


def new_task(target: Target, around: Surroundings, flows: FlowSourceTask | None) -> ClusterTask:
    """The task of one target, not yet running."""
    return ClusterTask(target, around.mesh.clusters[target.context], around, flows)
