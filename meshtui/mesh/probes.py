"""Asks one cluster's Cilium how it is, again and again: config, agents, KVStoreMesh, cilium-health, our rights."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from meshtui.cilium.agents import read_agent, read_health
from meshtui.cilium.config import read_config
from meshtui.cilium.kvstoremesh import read_kvstoremesh
from meshtui.cilium.place import namespace_of
from meshtui.core.changes.guards import ACTIONS
from meshtui.core.errors import Forbidden, MeshtuiError
from meshtui.core.model import state as s
from meshtui.core.model.objects import Pod
from meshtui.core.model.resources import BY_PLURAL, PODS
from meshtui.kube.api import Api
from meshtui.mesh.pace import Backoff, Pace, every

LABEL = "k8s-app"
AGENT = "cilium"
APISERVER = "clustermesh-apiserver"
QUESTIONS = ("config", "access", "agents", "kvstoremesh", "health")


@dataclass(slots=True)
class Prober:
    """All repeated questions to one cluster; what the cluster refuses becomes an event like what it answers."""

    api: Api
    cluster: s.Cluster
    emit: Callable[[s.Event], None]
    pace: Pace
    rng: random.Random
    asked: Callable[[str], None]
    """Called with a question's name whenever it was answered or refused."""
    namespaces: tuple[str, ...] = ()
    """Where rights are asked for; none: in the whole cluster."""
    _poke: dict[str, asyncio.Event] = field(default_factory=dict)
    _unsure: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._unsure = Backoff(self.pace, self.rng)

    async def run(self, questions: Collection[str] = QUESTIONS) -> None:
        """Ask `questions` for ever."""
        acts: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "config": (self.pace.config, self._config),
            "access": (self.pace.access, self._access),
            "agents": (self.pace.agents, self._agents),
            "kvstoremesh": (self.pace.agents, self._kvstoremesh),
            "health": (self.pace.health, self._health),
        }
        self._poke = {name: asyncio.Event() for name in questions}
        async with asyncio.TaskGroup() as group:
            for name in questions:
                seconds, act = acts[name]
                group.create_task(every(seconds, self._answered(name, act), self.rng, self._poke[name]))

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
            config = await read_config(self.api)
        except MeshtuiError as error:
            self.emit(s.ConfigRead(self.api.context, None, error))
        else:
            self.emit(s.ConfigRead(self.api.context, config))

    async def _access(self) -> None:
        """Ask what we may do. What could not be asked is unknown, neither allowed nor refused, and asked again soon."""
        found = dict(zip(ACTIONS, await asyncio.gather(*(self._denied(action) for action in ACTIONS)), strict=True))
        denied = {action: reason for action, reason in found.items() if isinstance(reason, str) and reason}
        unknown = {action: error for action, error in found.items() if isinstance(error, MeshtuiError)}
        self.emit(s.AccessRead(self.api.context, denied, unknown))
        if not unknown:
            self._unsure.reset()
        elif "access" in self._poke:
            asyncio.get_running_loop().call_later(self._unsure.next(), self._poke["access"].set)

    async def _denied(self, action: str) -> str | MeshtuiError:
        verb, plural, subresource, words = ACTIONS[action]
        # A right in one of the namespaces that are looked at is a right: the API server judges each change anyway.
        places = [{"namespace": name} for name in self.namespaces] or [{}]
        allowed = False
        for place in places if BY_PLURAL[plural].namespaced else [{}]:
            try:
                allowed = await self.api.allowed(verb, BY_PLURAL[plural], subresource=subresource, **place)
            except MeshtuiError as error:
                return error
            if allowed:
                break
        return "" if allowed else f"your credentials do not allow to {words}"

    async def _pods(self, app: str) -> list[Pod]:
        """Running pods of one of Cilium's apps: from the watch when it is live, else listed."""
        namespace = await namespace_of(self.api)
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
            pods = await self._pods(AGENT)
        except MeshtuiError:
            # The pods' own watch says so already.
            return
        if len(pods) > self.pace.agents_per_round:
            pods = self.rng.sample(pods, self.pace.agents_per_round)
        gate = asyncio.Semaphore(self.pace.agents_at_once)
        refused: list[Forbidden] = []
        await asyncio.gather(*(self._agent(pod, gate, refused) for pod in pods))

    async def _agent(self, pod: Pod, gate: asyncio.Semaphore, refused: list[Forbidden]) -> None:
        node = pod.spec.node_name
        async with gate:
            if refused:
                # One 403 stands for all agents: no point in asking hundreds of them.
                self.emit(s.AgentRead(self.api.context, node, None, refused[0]))
                return
            try:
                status = await read_agent(self.api, pod)
            except MeshtuiError as error:
                if isinstance(error, Forbidden):
                    refused.append(error)
                self.emit(s.AgentRead(self.api.context, node, None, error))
            else:
                self.emit(s.AgentRead(self.api.context, node, status))

    async def _kvstoremesh(self) -> None:
        try:
            remotes = await read_kvstoremesh(self.api, await self._pods(APISERVER))
        except MeshtuiError as error:
            self.emit(s.KvstoremeshRead(self.api.context, None, error))
        else:
            self.emit(s.KvstoremeshRead(self.api.context, remotes))

    async def _health(self) -> None:
        try:
            pods = await self._pods(AGENT)
            if pods:
                report = await read_health(self.api, self.rng.choice(pods))
                self.emit(s.HealthRead(self.api.context, report))
        except MeshtuiError as error:
            self.emit(s.HealthRead(self.api.context, None, error))


def _running(pod: Pod) -> bool:
    return pod.status.phase == "Running" and pod.metadata.deletion_timestamp is None
