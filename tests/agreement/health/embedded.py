"""The embedded mesh under a clock moved by hand, read as a session reads it, judged every few simulated seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from meshtui.core.errors import ExecFailed, Forbidden, MeshtuiError, TimedOut
from meshtui.core.flows.flow import FlowRow
from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Cause, Judgement
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.ciliumstatus import AgentStatus, CiliumConfig, RemoteCluster
from meshtui.core.model.probes import parse_health
from meshtui.core.model.reduce import reduce
from meshtui.core.model.severity import Severity
from meshtui.core.model.troubleshoot import parse
from meshtui.hubble.rows import Decoder
from meshtui.sim import agents, controllers
from meshtui.sim.background import Background
from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath import request
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay.ring import Template
from meshtui.sim.world import SimCluster, World
from tests.sim.worlds import world

READ = (r.NODES, r.NAMESPACES, r.SERVICES, r.ENDPOINTSLICES, r.PODS, r.DEPLOYMENTS, r.DAEMONSETS, *r.POLICIES)
SERVICE = "default/rebel-base"
TROUBLESHOOT_SECONDS, HEALTH_SECONDS, AGENT_SECONDS = 60.0, 20.0, 10.0
Found = dict[Cause, str]


class Embedded:
    """A mesh, what is known of it, and the judge."""

    def __init__(
        self, *, requests: bool = True, may_exec: bool = True, flow_rate: int = 0, seed: int = 0, large: bool = False
    ) -> None:
        """`large`: every third round of requests carries a header of 6,000 bytes, as recorded for fault 06."""
        self.world: World = world("global", nodes=3, cilium_version="1.20", flow_rate=flow_rate, seed=seed)
        assert isinstance(self.world.clock, ManualClock)
        self.clock: ManualClock = self.world.clock
        self.requests = requests
        self.may_exec = may_exec
        self.large = large
        self.mesh = s.Mesh({name: s.Cluster(name, name[0].upper(), n) for n, name in enumerate(self.world.clusters)})
        self.judge = Judge(self.mesh)
        self.beside: Judge | None = None
        """Another judge of the same mesh, who sees the same from now on."""
        self.latest = Judgement()
        self.began = 0.0
        self.alarms: list[tuple[float, Found]] = []
        """(simulated seconds, what was alarming) whenever that changed."""
        self._decoders = {name: Decoder(name) for name in self.world.clusters}
        self._taken: dict[str, int] = {}
        self._known: dict[tuple[str, str], dict[str, tuple[str, Any]]] = {}
        self._rounds = 0
        self._due: dict[tuple[str, str], float] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Embedded]:
        """With controllers and kubelets at work."""
        async with contextlib.AsyncExitStack() as stack:
            for cluster in self.world.clusters.values():
                await stack.enter_async_context(controllers.running(cluster))
                background = Background(self.world, cluster)
                background.start()
                stack.callback(background.stop)
            yield self
            for task in self._tasks:
                task.cancel()

    def break_(self, fault: str, **values: Any) -> None:
        """Break something now."""
        inject(self.world, {"fault": fault, **{k.rstrip("_"): v for k, v in values.items()}})
        self.began = self.clock.monotonic()

    def mend(self, fault: str | None = None) -> None:
        """Mend everything, or one fault."""
        heal(self.world, fault)
        self.began = self.clock.monotonic()

    @property
    def since(self) -> float:
        """Simulated seconds since something was broken or mended."""
        return self.clock.monotonic() - self.began

    async def go(self, seconds: float, step: float = 2.0) -> Judgement:
        """Let time pass, reading and judging every `step` seconds."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end - 0.01:
            if self.requests:
                self._ask()
            await self.clock.advance(min(step, end - self.clock.monotonic()))
            self._read()
            self.latest = self.judge.judge(self.clock.now())
            if self.beside is not None:
                self.beside.judge(self.clock.now())
            found = self.found
            if not self.alarms or self.alarms[-1][1] != found:
                self.alarms.append((self.clock.monotonic(), found))
        return self.latest

    async def until(self, wanted: Found | None, most: float) -> float:
        """Let time pass until exactly that is alarming; seconds since the fault. Fails after `most`."""
        while self.since < most:
            await self.go(2.0)
            if self.found == wanted or (wanted is None and self.found):
                return self.since
        raise AssertionError(f"{self.since:.0f} s: {self.found} instead of {wanted}\n{self.told()}")

    @property
    def found(self) -> Found:
        """What is alarming by itself now."""
        alarms = [t for t in self.latest.troubles if t.because is None and t.severity is not Severity.INFO]
        return {trouble.cause: trouble.object for trouble in alarms}

    def told(self) -> str:
        """All there is to say, for a failing test."""
        lines = [
            f"{t.severity.name} {t.cause.name} {t.object}: {t.sentence} {t.evidence}" for t in self.latest.troubles
        ]
        lines += [
            f"{j.subject.what.value} {j.subject.context} {j.subject.name} {j.verdict.value}: {j.words}"
            for j in self.latest.all()
        ]
        return "\n".join(lines)

    # What a session does

    def _ask(self) -> None:
        self._rounds += 1
        big = self.large and self._rounds % 3 == 0
        headers, patience = ({"x-padding": "x" * 6000}, 3.0) if big else ({}, 1.0)
        for cluster in self.world.clusters.values():
            for pod in _clients(cluster)[:2]:
                work = request(self.world, cluster, pod, "rebel-base", 80, max_time=patience, headers=headers)
                task = asyncio.ensure_future(work)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _read(self) -> None:
        for cluster in self.world.clusters.values():
            self._cluster(cluster)
        self._flows()

    def _cluster(self, cluster: SimCluster) -> None:
        name, now = cluster.name, self.clock.now()
        faults = self.world.faults
        if faults.api_down(name) or (faults.of("api-frozen") and faults.of("api-frozen")[0].about(name)):
            error = TimedOut(f"{name} did not answer within 10 s", context=name)
            reduce(self.mesh, s.ApiChanged(name, s.Phase.STALE, now, error=error))
            return
        reduce(self.mesh, s.ApiChanged(name, s.Phase.LIVE, now, "1.36.2"))
        for resource in READ:
            self._list(cluster, resource, now)
        data = (cluster.store.get(("", "configmaps"), "kube-system", "cilium-config") or {})["data"]
        config = CiliumConfig(data["cluster-name"], int(data["cluster-id"]), data, (1, 20))
        reduce(self.mesh, s.ConfigRead(name, config))
        for node in list(self.mesh.clusters[name].nodes):
            self._agent(cluster, node, now)
        self._kvstoremesh(cluster, now)

    def _list(self, cluster: SimCluster, resource: r.Resource, now: float) -> None:
        """What a watch would have told: nothing when nothing changed."""
        known = self._known.get((cluster.name, resource.plural))
        fresh: dict[str, tuple[str, Any]] = {}
        for item in cluster.store.list((resource.group, resource.plural)):
            meta = item["metadata"]
            key = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
            was = (known or {}).get(key)
            version = f"{meta.get('uid')} {meta.get('resourceVersion')}"
            fresh[key] = was if was and was[0] == version else (version, msgspec.convert(item, resource.struct))
        if known is None or fresh != known:
            self._known[cluster.name, resource.plural] = fresh
            items = {item.key: item for _, item in fresh.values()}
            reduce(self.mesh, s.Listed(cluster.name, resource, items, now))

    def _every(self, name: str, what: str, seconds: float) -> bool:
        now = self.clock.monotonic()
        if now < self._due.get((name, what), 0.0):
            return False
        self._due[name, what] = now + seconds
        return True

    def _error(self, cluster: SimCluster, node: str, error: Exception | None) -> MeshtuiError:
        name = cluster.name
        if not self.may_exec:
            return Forbidden("cannot run a command", context=name, verb="create", resource="pods/exec")
        if self.world.faults.node_down(name, node):
            cause = "dial tcp 172.18.0.5:10250: connect: no route to host"
            return ExecFailed(f"cannot run a command on {node}", context=name, cause=cause)
        if isinstance(error, agents.Hangs):
            return TimedOut(f"the agent on {node} did not answer", context=name)
        return ExecFailed(f"no status from the agent on {node}", context=name, cause=f"container not found: {error}")

    def _agent(self, cluster: SimCluster, node: str, now: float) -> None:
        name = cluster.name
        ask = self._every(name, f"agent {node}", AGENT_SECONDS), self._every(name, f"health {node}", HEALTH_SECONDS)
        try:
            if not self.may_exec or self.world.faults.node_down(name, node):
                raise agents.NoAnswer("no")
            if ask[0]:
                status = msgspec.convert(agents.agent_status(self.world, cluster, node), AgentStatus)
                reduce(self.mesh, s.AgentRead(name, node, status, at=now))
            if ask[1]:
                report = parse_health(agents.health(self.world, cluster, node))
                reduce(self.mesh, s.HealthRead(name, report, at=now, node=node))
        except agents.NoAnswer as error:
            if ask[0]:
                reduce(self.mesh, s.AgentRead(name, node, None, self._error(cluster, node, error), now - 1.0))

    def _kvstoremesh(self, cluster: SimCluster, now: float) -> None:
        name = cluster.name
        if not self.may_exec:
            return
        failing = any(not tried.passed for tried in self.mesh.clusters[name].troubleshot.values())
        unwell = any(judged.verdict.bad for judged in self.latest.links.values())
        try:
            if self._every(name, "kvstoremesh", AGENT_SECONDS):
                remotes = msgspec.convert(agents.kvstoremesh_status(self.world, cluster), tuple[RemoteCluster, ...])
                reduce(self.mesh, s.KvstoremeshRead(name, remotes, at=now))
            if self._every(name, "troubleshoot", 15.0 if failing or unwell else TROUBLESHOOT_SECONDS):
                found = parse(agents.kvstoremesh_troubleshoot(self.world, cluster, []), now)
                reduce(self.mesh, s.TroubleshotRead(name, found, at=now))
        except agents.NoAnswer as error:
            failure = ExecFailed("no KVStoreMesh", context=name, cause=str(error))
            reduce(self.mesh, s.KvstoremeshRead(name, None, failure, now))

    def _flows(self) -> None:
        rows: list[FlowRow] = []
        for cluster in self.world.clusters.values():
            for node, ring in cluster.rings.items():
                events, _ = ring.all()
                key = f"{cluster.name}/{node}"
                known = self._taken.get(key, 0)
                fresh = [event for event in events if event.time_ns > known]
                if fresh:
                    self._taken[key] = max(event.time_ns for event in fresh)
                decoder = self._decoders[cluster.name]
                for event in fresh:
                    if isinstance(event.what, Template):
                        row = decoder.decode(event.what.response(event.time_ns, event.uuid))
                        assert isinstance(row, FlowRow), row
                        rows.append(row)
        rows.sort(key=lambda row: row.time_ns)
        for judge in (self.judge, self.beside):
            if judge is not None:
                judge.traffic.take(rows, self.judge.addresses.services)


def _clients(cluster: SimCluster) -> list[dict[str, Any]]:
    pods = cluster.store.list(("", "pods"), "default")
    return [pod for pod in pods if pod["metadata"].get("labels", {}).get("name") == "x-wing"]
