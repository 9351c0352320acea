"""Asks one cluster's Cilium how it is, again and again: config, agents, KVStoreMesh, cilium-health, our rights.

Every question loads what it asks with itself: list verbs ask next to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection
from functools import cached_property

from msgspec import Struct, field

from meshtui.cilium.config import read_config
from meshtui.cilium.place import namespace_of
from meshtui.core.clock import Clock
from meshtui.core.errors import Forbidden, MeshtuiError, TimedOut
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import BY_PLURAL, PODS
from meshtui.core.text import clean
from meshtui.kube.api import Api
from meshtui.mesh.pace import Backoff, Pace, every, pause

LABEL = "k8s-app"
AGENT = "cilium"
APISERVER = "clustermesh-apiserver"
_AT_LEAST = 3
"""Agents of a cluster asked in each round."""
_FASTER = 8.0
"""So many times faster they are asked until each was heard once."""
_REVIEWS_AT_ONCE = 2
"""Each more would open a connection of its own, whose handshake takes longer than the question."""
QUESTIONS = ("config", "access", "agents", "kvstoremesh", "health", "troubleshoot")


class Prober(Struct, dict=True, eq=False):
    """All repeated questions to one cluster; what the cluster refuses becomes an event like what it answers."""

    api: Api
    cluster: s.Cluster
    emit: Callable[[s.Event], None]
    pace: Pace
    rng: random.Random
    asked: Callable[[str], None]
    """Called with a question's name whenever it was answered or refused."""
    clock: Clock
    doubted: Callable[[], bool]
    """Whether a link of this cluster is not known to be well."""
    namespaces: tuple[str, ...] = ()
    """Where rights are asked for; none: in the whole cluster."""
    once: bool = False
    """Whether every question is asked for one answer: what an agent says then comes in one command."""
    whole: bool = True
    """Whether Cilium's configuration is read with what findings alone ask of it."""
    around: Callable[[], Collection[s.Cluster]] = tuple
    """All clusters that share what a session may ask in a second."""
    pods_told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the list of all pods came, or will not come."""
    _poke: dict[str, asyncio.Event] = field(default_factory=dict)
    _next_agent: int = 0
    _refused: bool = False
    """Whether commands in agents were refused the last time."""
    _agents_read: asyncio.Event = field(default_factory=asyncio.Event)
    """With `once`: set when the agents have told what they told with their status."""
    _probed: set[str] = field(default_factory=set)
    """Nodes whose probes are read already, with `once`."""

    @cached_property
    def _unsure(self) -> Backoff:
        """Until rights that could not be asked for are asked for again."""
        return Backoff(self.pace, self.rng)

    async def run(self, questions: Collection[str] = QUESTIONS) -> None:
        """Ask `questions` for ever."""
        acts: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "config": (self.pace.config, self._config),
            "access": (self.pace.access, self._access),
            "agents": (self.pace.agents, self._agents),
            "kvstoremesh": (self.pace.agents, self._kvstoremesh),
        }
        self._poke = {name: asyncio.Event() for name in questions}
        async with asyncio.TaskGroup() as group:
            for name in questions:
                if name == "troubleshoot":
                    group.create_task(self._troubleshoots(self._answered(name, self._troubleshoot), self._poke[name]))
                    continue
                if name == "health":
                    group.create_task(self._healths(self._answered(name, self._health), self._poke[name]))
                    continue
                seconds, act = acts[name]
                group.create_task(every(seconds, self._answered(name, act), self.rng, self._poke[name]))

    def ask_agents(self) -> None:
        """Ask the agents now: something was changed that they will tell of."""
        if (poke := self._poke.get("agents")) is not None:
            poke.set()

    def again(self) -> None:
        """Ask everything now: the API server is back."""
        for poke in self._poke.values():
            poke.set()

    def _answered(self, name: str, act: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def once() -> None:
            await act()
            self.asked(name)

        return once

    async def _config(self) -> None:
        try:
            config = await read_config(self.api, identities=self.whole)
        except MeshtuiError as error:
            self.emit(s.ConfigRead(self.api.context, None, error))
        else:
            self.emit(s.ConfigRead(self.api.context, config))

    async def _access(self) -> None:
        """Ask what we may do. What could not be asked is unknown, neither allowed nor refused, and asked again soon."""
        from meshtui.core.changes.guards import ACTIONS

        gate = asyncio.Semaphore(_REVIEWS_AT_ONCE)
        asked = await asyncio.gather(*(self._denied(action, gate) for action in ACTIONS))
        found = dict(zip(ACTIONS, asked, strict=True))
        denied = {action: reason for action, reason in found.items() if isinstance(reason, str) and reason}
        unknown = {action: error for action, error in found.items() if isinstance(error, MeshtuiError)}
        self.emit(s.AccessRead(self.api.context, denied, unknown))
        if not unknown:
            self._unsure.reset()
        elif "access" in self._poke:
            asyncio.get_running_loop().call_later(self._unsure.next(), self._poke["access"].set)

    async def _denied(self, action: str, gate: asyncio.Semaphore) -> str | MeshtuiError:
        from meshtui.core.changes.guards import ACTIONS

        verb, plural, subresource, words = ACTIONS[action]
        # A right in one of the namespaces that are looked at is a right: the API server judges each change anyway.
        places = [{"namespace": name} for name in self.namespaces] or [{}]
        if action == "portforward":  # to the Relay: needed where Cilium lives, and enough there
            places.append({"namespace": self.cluster.home})
        allowed = False
        for place in places if BY_PLURAL[plural].namespaced else [{}]:
            try:
                async with gate:
                    allowed = await self.api.allowed(verb, BY_PLURAL[plural], subresource=subresource, **place)
            except MeshtuiError as error:
                return error
            if allowed:
                break
        return "" if allowed else f"your credentials do not allow to {words}"

    async def _pods(self, app: str) -> list[Pod]:
        """Running pods of one of Cilium's apps: from the list of all pods where there is one, else listed."""
        namespace = await namespace_of(self.api)
        if self.once:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.pace.list_awaited):
                    await self.pods_told.wait()
        link = self.cluster.watches.get(PODS)
        if link is not None and link.phase is s.Phase.LIVE:
            found = [
                pod for pod in self.cluster.pods.values() if pod.labels.get(LABEL) == app and pod.namespace == namespace
            ]
            if found:
                return [pod for pod in found if _running(pod)]
        listed, _ = await self.api.list_all(PODS, namespace, label_selector=f"{LABEL}={app}")
        return [pod for pod in listed.values() if _running(pod)]

    async def _agents(self) -> None:
        try:
            await self._ask_agents()
        finally:
            self._agents_read.set()

    async def _ask_agents(self) -> None:
        """Ask every agent; in a large cluster the next part of them each time."""
        try:
            pods = sorted(await self._pods(AGENT), key=lambda pod: pod.name)
        except MeshtuiError:
            # The pods' own watch says so already.
            return
        told = self.cluster.heard.keys() | self.cluster.unheard.keys()
        new = any(("agent", pod.spec.node_name) not in told for pod in pods)
        clusters = max(1, len(self.around()))
        share = self.pace.agents_a_second * (_FASTER if new else 1.0) / clusters
        most = min(self.pace.agents_per_round, max(_AT_LEAST, round(self.pace.agents * share)))
        if not self._next_agent:
            most = min(self.pace.agents_per_round, max(_AT_LEAST, 2 * self.pace.agents_per_round // clusters))
        start = self._next_agent % len(pods) if pods else 0
        self._next_agent = start + min(most, len(pods))
        every, pods = pods, [*pods, *pods][start : self._next_agent]
        # Where commands were refused the last time, one agent finds out whether they still are.
        gate = asyncio.Semaphore(1 if self._refused else self.pace.agents_at_once)
        refused: list[Forbidden] = []
        await asyncio.gather(*(self._agent(pod, gate, refused) for pod in pods))
        self._refused = bool(refused)
        if refused:
            # It stands for those whose turn has not come, too: they need not be told of one by one.
            for pod in every:
                if pod.spec.node_name not in self.cluster.agent_errors:
                    self._refuse(pod, refused[0], self.clock.now())

    async def _agent(self, pod: Pod, gate: asyncio.Semaphore, refused: list[Forbidden]) -> None:
        from meshtui.cilium.agents import read_agent

        node = pod.spec.node_name
        async with gate:
            asked = self.clock.now()
            if refused:
                # One 403 stands for all agents: no point in asking hundreds of them.
                self._refuse(pod, refused[0], asked)
                return
            try:
                status = (await self._both(pod) if self.once else None) or await read_agent(self.api, pod)
            except MeshtuiError as error:
                if isinstance(error, Forbidden):
                    refused.append(error)
                    self._refuse(pod, error, asked)
                else:
                    self._failed(pod, error, asked)
            else:
                self.emit(s.AgentRead(self.api.context, node, status, at=self.clock.now()))

    def _failed(self, pod: Pod, error: MeshtuiError, asked: float) -> None:
        node, whose = pod.spec.node_name, _whose(error, pod)
        self.emit(s.AgentRead(self.api.context, node, None, whose, asked))
        if self.once and isinstance(error, TimedOut):
            # Its probes were asked for in the same command: who waits for one answer does not wait for it twice.
            self._probed.add(pod.name)
            self.emit(s.HealthRead(self.api.context, None, whose, asked, node))

    def _refuse(self, pod: Pod, error: Forbidden, asked: float) -> None:
        """The refusal that is known stays: another one names another pod, which is no news."""
        node = pod.spec.node_name
        known = self.cluster.agent_errors.get(node)
        self.emit(s.AgentRead(self.api.context, node, None, known if isinstance(known, Forbidden) else error, asked))

    async def _both(self, pod: Pod) -> AgentStatus | None:
        """The agent's status; its probes, which came with it, are told at once. Raises what exec raises."""
        from meshtui.cilium.agents import read_both

        status, report = await read_both(self.api, pod)
        if report is not None:
            self._probed.add(pod.name)
            self.emit(s.HealthRead(self.api.context, report, at=self.clock.now(), node=pod.spec.node_name))
        return status

    async def _kvstoremesh(self) -> None:
        from meshtui.cilium.kvstoremesh import read_kvstoremesh

        asked = self.clock.now()
        try:
            remotes = await read_kvstoremesh(self.api, await self._pods(APISERVER))
        except MeshtuiError as error:
            self.emit(s.KvstoremeshRead(self.api.context, None, error, asked))
        else:
            self.emit(s.KvstoremeshRead(self.api.context, remotes, at=self.clock.now()))

    async def _troubleshoots(self, act: Callable[[], Awaitable[None]], poke: asyncio.Event) -> None:
        """Once a minute, and more often while something between this cluster and another is not well."""
        while True:
            await act()
            failed = any(not tried.passed for tried in self.cluster.troubleshot.values())
            seconds = self.pace.troubleshoot_again if failed or self.doubted() else self.pace.troubleshoot
            await pause(seconds * self.rng.uniform(0.8, 1.2), poke)

    async def _troubleshoot(self) -> None:
        from meshtui.cilium.kvstoremesh import read_troubleshoot

        asked = self.clock.now()
        try:
            found = await read_troubleshoot(self.api, await self._pods(APISERVER), asked)
        except MeshtuiError as error:
            self.emit(s.TroubleshotRead(self.api.context, (), error, asked))
        else:
            self.emit(s.TroubleshotRead(self.api.context, found or (), at=asked))

    async def _healths(self, act: Callable[[], Awaitable[None]], poke: asyncio.Event) -> None:
        """As often as the pace says, and less often where the lists are long: they grow with the mesh."""
        while True:
            await act()
            entries = sum(len(report.nodes) for report in self.cluster.health.values())
            seconds = max(self.pace.health, entries * len(self.around()) / self.pace.probes_a_second)
            await pause(seconds * self.rng.uniform(0.8, 1.2), poke)

    async def _health(self) -> None:
        """Ask every agent what its probes say: each probes each node every two minutes only, all together see more."""
        if self.once:
            await self._agents_read.wait()
        try:
            pods = sorted(await self._pods(AGENT), key=lambda pod: pod.name)
        except MeshtuiError:
            return
        clusters = self.around()
        listed = max((len(report.nodes) for report in self.cluster.health.values()), default=0)
        listed = max(1, listed, sum(len(cluster.nodes) for cluster in clusters))
        share = self.pace.probes_a_second * self.pace.health_most / max(1, len(clusters))
        most = max(1, int(min(self.pace.probed_nodes, share)) // listed)
        step = max(1, -(-len(pods) // most))
        gate = asyncio.Semaphore(self.pace.agents_at_once)
        await asyncio.gather(*(self._probes_of(pod, gate) for pod in pods[::step] if pod.name not in self._probed))

    async def _probes_of(self, pod: Pod, gate: asyncio.Semaphore) -> None:
        from meshtui.cilium.agents import read_health

        async with gate:
            asked, node = self.clock.now(), pod.spec.node_name
            if isinstance(self.cluster.agent_errors.get(node), Forbidden):
                return  # said once already
            try:
                report = await read_health(self.api, pod)
            except MeshtuiError as error:
                self.emit(s.HealthRead(self.api.context, None, _whose(error, pod), asked, node))
            else:
                self.emit(s.HealthRead(self.api.context, report, at=self.clock.now(), node=node))


def _running(pod: Pod) -> bool:
    return pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None


def _whose(error: MeshtuiError, pod: Pod) -> MeshtuiError:
    """A command that hung: the agent's doing, or its node's, as long as the API server answers everything else."""
    if not isinstance(error, TimedOut):
        return error
    return TimedOut(
        clean(f"the agent on {pod.spec.node_name} did not answer"),
        context=error.context,
        verb=error.verb,
        resource=error.resource,
        cause=f"the command in {clean(pod.name)} gave nothing within the request timeout",
        hint=clean(f"kubectl --context {error.context} -n {pod.namespace} logs {pod.name} -c cilium-agent --tail 20"),
    )
