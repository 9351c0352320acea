"""The session: N clusters' watches, questions and flows in, one `Mesh` and one `FlowStore` out; commands back."""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from meshtui.core.clock import Clock
from meshtui.core.errors import LoginAwaited, MeshtuiError
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.kube.logins import Logins, Terminal
from meshtui.mesh import debuglog
from meshtui.mesh.aliases import Aliases, of_those_shown
from meshtui.mesh.changes.agentrefresh import AgentRefresh
from meshtui.mesh.changes.pending import Pending
from meshtui.mesh.ondemand import OnDemand
from meshtui.mesh.pace import Pace
from meshtui.mesh.progress import Progress, told_when_broken
from meshtui.mesh.publisher import Publisher
from meshtui.mesh.scope import Scope, ServerFilter, Surroundings
from meshtui.mesh.targets import Target, home, new_mesh, own_namespaces, scoped, why_no_api

if TYPE_CHECKING:
    from meshtui.core.changes.plan import History, Outcome, Plan
    from meshtui.core.changes.planning import Ref
    from meshtui.core.findings.model import Finding
    from meshtui.core.flows.store import FlowStore
    from meshtui.core.health.model import Judgement
    from meshtui.core.health.pulse import Pulse
    from meshtui.core.load.spec import LoadEvent, LoadSpec, Tools
    from meshtui.core.services.evidence import Realised
    from meshtui.kube.api import Api
    from meshtui.mesh.changes.perform import Changes
    from meshtui.mesh.changes.plans import Plans
    from meshtui.mesh.changes.rollout import PolicyRollout
    from meshtui.mesh.cluster import ClusterTask
    from meshtui.mesh.describe import Reader
    from meshtui.mesh.flows.flows import MeshFlows
    from meshtui.mesh.flows.recorder import Recorder
    from meshtui.mesh.flows.source import FlowSourceTask
    from meshtui.mesh.judging import Judging
    from meshtui.mesh.load.runlog import RunLog


class Session:
    """All clusters of one run of meshtui. Everything here belongs on the event loop that called `start`."""

    def __init__(
        self,
        targets: Sequence[Target],
        settings: Settings,
        *,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        scope: Scope | None = None,
        pace: Pace | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        self.targets = tuple(targets)
        self.settings = settings = scoped(settings, targets)
        """With the namespaces to show where nobody named any."""
        self.logins = Logins(tell=self._login, terminal=terminal)
        self.clock: Clock = clock or SystemClock()
        self.mesh: Mesh = new_mesh(targets, settings)
        self._pace = pace or Pace()
        self._recorder: Recorder | None = None
        self._rng = rng or random.Random()
        self.scope = scope or Scope()
        self._news: Publisher[Delta] = Publisher(Delta, Delta.merge)
        wanted = settings, self.scope, self.clock, self._pace, self._rng
        self._on_demand = OnDemand(self.mesh, *wanted, self.emit, self._changed, self._flow_sources)
        self._pending = Pending(self.mesh, self._news.post, self._pace.pending)
        self._aliases = Aliases([target.context for target in self.targets])
        self._clusters: dict[str, ClusterTask] = {}
        self._agent_refresh = AgentRefresh(self._clusters, self._pace.after_change)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._progress = Progress()

    @property
    def mesh_flows(self) -> MeshFlows:
        """The clusters' flows: who delivers them, what is asked for, who records them."""
        return self._on_demand.flows

    @property
    def flows(self) -> FlowStore:
        """All clusters' flows."""
        return self.mesh_flows.store

    @property
    def judging(self) -> Judging:
        """Is it broken? The one judgement of all that is known."""
        return self._on_demand.judging

    @property
    def runs(self) -> RunLog:
        """Load tests made before, across restarts."""
        return self._on_demand.runs

    @property
    def audit_path(self) -> Path | None:
        """Where the audit log is; None when there is no state directory to keep it in."""
        return self._on_demand.audit.path

    def recall(self) -> None:
        """Take changes of earlier sessions that still stand from the audit log into the history. Raises Refused."""
        self._changes.recall()

    @cached_property
    def _changes(self) -> Changes:
        return self._on_demand.changes(self._api_of, self._pending)

    async def _run(self, target: Target) -> None:
        # HTTP, gRPC and WebSocket cost a third of a second to load: off the loop, so that the screen paints first.
        loaded = await asyncio.to_thread(importlib.import_module, "meshtui.mesh.cluster")
        source = await asyncio.to_thread(self._on_demand.source, target.context)
        cluster: ClusterTask = loaded.new_task(target, self._surroundings(), source)
        self._clusters[target.context] = cluster
        if source is not None:
            self.mesh_flows.join(source)
        await cluster.run()

    def _surroundings(self) -> Surroundings:
        made, clock, doubted = self._progress.made, self.clock, self._on_demand.doubted
        wanted = self.mesh, self.settings, self.scope, self._pace, self.emit
        return Surroundings(*wanted, made, clock, self._rng, self.logins, doubted, self._aliases)

    async def changes_seen(self) -> None:
        """Wait until every change asked for is seen, refused, or has run out of time."""
        await self._pending.settled()

    @property
    def home(self) -> str:
        """The namespace of a name that comes without one. Raises UsageError where the contexts' differ."""
        return home(self.settings, self.targets)

    def _login(self, context: str, awaited: LoginAwaited) -> None:
        """A plugin is at work for a context and has something to say."""
        cluster = self._clusters.get(context)
        if cluster is not None:
            cluster.told_of_login(awaited)

    def take_terminal(self, terminal: Terminal) -> None:
        """Plugins that must ask a person may borrow this one."""
        self.logins.terminal = terminal

    def log_in(self, context: str) -> None:
        """Try to reach a cluster again now, even where a login failed a moment ago."""
        cluster = self._clusters.get(context)
        if cluster is not None:
            cluster.log_in()

    @property
    def judgement(self) -> Judgement:
        """What is claimed, observed and the verdict, as of a second ago at most."""
        return self.judging.latest

    def pulses(self) -> dict[str, Pulse]:
        """Context → drops, requests and latency of a cluster's last minutes."""
        return self.judging.pulses()

    @property
    def pending(self) -> set[Ref]:
        """(context, service key) of changes the watch has not shown yet: live, read only."""
        return self._pending.refs

    @property
    def reader(self) -> Reader:
        """Reads single objects and logs."""
        from meshtui.mesh.describe import Reader

        return Reader(self.api)

    @property
    def history(self) -> History:
        """Changes made in this session, newest last."""
        return self._changes.history

    @property
    def audit_problem(self) -> MeshtuiError | None:
        """Why the result of a change is missing from the audit log; None when all is well."""
        return self._changes.log_problem

    async def start(self) -> None:
        """Begin with every cluster; returns as soon as what that takes is loaded."""
        loop = asyncio.get_running_loop()
        await self._on_demand.load()
        self._on_demand.start()
        for target in self.targets:
            task = loop.create_task(self._run(target), name=f"cluster {target.context}")
            task.add_done_callback(partial(told_when_broken, self.emit, self.clock))
            self._tasks[target.context] = task

    async def stop(self) -> None:
        """End every task, thread and connection; returns when they are gone."""
        self._agent_refresh.close()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._on_demand.stop()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)
        self._news.close()
        self._pending.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def subscribe(self, listener: Callable[[Delta], None]) -> Callable[[], None]:
        """Call `listener` with what changed, at most 20 times a second; the returned function ends it."""
        return self._news.subscribe(of_those_shown(self.mesh, listener))

    @property
    def flow_reading(self) -> bool:
        """Whether flows of those who read a Relay are asked for."""
        return self.mesh_flows.reading_shown

    def show_flow_reading(self, shown: bool) -> None:
        """Ask for the flows of those who read a Relay, this session among them, or leave them out."""
        self.mesh_flows.show_reading(shown)

    def subscribe_flows(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when flows arrived, at most 20 times a second; the returned function ends it."""
        return self.mesh_flows.subscribe(listener)

    def _flow_sources(self) -> Iterable[FlowSourceTask]:
        return [cluster.flows for cluster in self._clusters.values() if cluster.flows is not None]

    def emit(self, event: s.Event) -> None:
        """Take one event: the only way anything gets into the mesh."""
        debuglog.note(event)
        delta = reduce(self.mesh, event)
        if isinstance(event, s.AliasFound):
            self._clusters.pop(event.context, None)
            self.targets = tuple(target for target in self.targets if target.context != event.context)
        if delta:
            self._pending.seen(delta)
            self._on_demand.note(delta)
            self._news.post(delta)
        self._on_demand.consider(event)
        self._progress.made()

    def look_again(self) -> None:
        """Ask every cluster now for what is otherwise asked now and then, and list what was absent or refused."""
        for cluster in self._clusters.values():
            cluster.again()

    def _changed(self, delta: Delta) -> None:
        """The judgement is another one."""
        self._news.post(delta)
        self._progress.made()

    def _is_settled(self) -> bool:
        return len(self._clusters) == len(self.targets) and all(each.settled for each in self._clusters.values())

    async def until(self, done: Callable[[], bool], most: float) -> bool:
        """Wait until `done`, which is asked whenever something was told or judged, at most so many seconds."""
        return await self._progress.until(done, most)

    async def settled(self, timeout: float) -> bool:  # noqa: ASYNC109 - the brief for callers is a plain deadline
        """Wait until every cluster has answered or failed once; False after `timeout` seconds without a login."""
        return await self._progress.settled(self._is_settled, self.logins, timeout)

    @property
    def unasked(self) -> dict[str, frozenset[str]]:
        """Context → questions of `probes.QUESTIONS` in this session's scope that nobody has answered or refused yet."""
        return {context: cluster.unasked for context, cluster in self._clusters.items()}

    def _api_of(self, context: str) -> Api | None:
        cluster = self._clusters.get(context)
        return cluster.api if cluster else None

    def api(self, context: str) -> Api:
        """The API server of a context; raises why there is none now, UsageError for a context not in the session."""
        if (api := self._api_of(context)) is not None:
            return api
        raise why_no_api(self.mesh, context)

    @cached_property
    def _plans(self) -> Plans:
        from meshtui.mesh.changes.plans import Plans

        return Plans(self.mesh, self.history, own_namespaces(self.settings, self.targets), self.flows)

    def plan_toggle(self, refs: Sequence[Ref], what: str) -> Plan:
        """Toggle `global` or `shared`, or move `affinity` on, on (context, service key)s that end up equal."""
        return self._plans.toggle(refs, what)

    def plan_annotation(self, refs: Sequence[Ref], what: str, value: str | None) -> Plan:
        """Set an annotation, or delete it with None. Raises UsageError for a value Cilium would not take as meant."""
        return self._plans.annotation(refs, what, value)

    def plan_annotations(self, refs: Sequence[Ref], wanted: Mapping[str, str | None]) -> Plan:
        """Set or delete several annotations with one request per object. Raises UsageError as `plan_annotation`."""
        return self._plans.annotations(refs, wanted)

    def plan_scale(self, context: str, namespace: str, name: str, replicas: int) -> Plan:
        """Scale a Deployment."""
        return self._plans.scale(context, namespace, name, replicas)

    def plan_apply(self, contexts: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> Plan:
        """Apply manifests in every context. Raises UsageError for one that is no object meshtui knows."""
        return self._plans.apply(contexts, manifests)

    def plan_delete(self, context: str, resource: Resource, namespace: str, name: str) -> Plan:
        """Delete one object."""
        return self._plans.delete(context, resource, namespace, name)

    def plan_undo(self) -> Plan | None:
        """Take back the last change that still stands; None when there is none."""
        return self._changes.plan_undo()

    def plan_again(self, plan: Plan, outcomes: tuple[Outcome, ...]) -> Plan | None:
        """What of a plan met a conflict, planned anew from what is there now; None when nothing is left to do."""
        return self._changes.plan_again(plan, outcomes)

    def plan_fix(self, finding: Finding) -> Plan:
        """Write the annotations that would mend a finding."""
        return self._plans.fix(finding)

    def plan_drill(self, context: str, service_key: str) -> Plan:
        """Scale a service's workloads in one cluster to zero, or back to what they were."""
        return self._plans.drill(context, service_key)

    async def realised(self, context: str) -> Realised:
        """What one node's agent of a cluster has in its datapath; a failure is part of the result."""
        from meshtui.mesh.realised import realised

        return await realised(self.api, self.mesh.clusters[context], self.clock)

    async def perform(
        self, plan: Plan, *, confirmed: bool = False, typed: str = "", dry_run: bool = False
    ) -> tuple[Outcome, ...]:
        """Carry out a plan; each step's outcome in order. Raises Refused or Forbidden when it may not be done."""
        outcomes = await self._changes.perform(plan, confirmed=confirmed, typed=typed, dry_run=dry_run)
        if not dry_run:
            self._agent_refresh.expect(outcomes)
        return outcomes

    def rollout(self, plan: Plan) -> PolicyRollout:
        """Follow a plan's policies until every agent has them; begin before it is carried out."""
        return self._on_demand.rollout(self.api, plan.steps)

    def load(self, spec: LoadSpec) -> AsyncGenerator[LoadEvent, None]:
        """Run a load test: LoadStarted, Requests as they end, LoadEnded. Closing it stops the run.

        From a workload of `spec.context`; without one from this machine.
        """
        from meshtui.mesh.load.opening import opened

        return self._on_demand.heard(opened(self.api, spec, self.settings, self.clock, self._rng), spec)

    async def tools(self, context: str, namespace: str, pod: str) -> Tools:
        """Whether a load test can run in a pod; a failure is part of the result."""
        from meshtui.mesh.load.tools import told_tools

        return await told_tools(self.api, context, namespace, pod)

    async def set_flow_query(self, flow_filter: ServerFilter) -> None:
        """Ask every Relay for what matches; what its filters cannot express stays to be filtered here."""
        whitelist, blacklist, _ = flow_filter.to_server()
        if self.scope.judged:
            self.judging.suspend(bool(whitelist or blacklist))
        self.mesh_flows.set_query(flow_filter)

    def record(self, path: Path) -> None:
        """Write every flow from now on into a new file, as `hubble observe -o jsonpb` does. Raises UsageError."""
        from meshtui.mesh.flows.recorder import Recorder

        self._recorder = Recorder(path)
        self.mesh_flows.record(self._recorder.take)

    @property
    def recording(self) -> str:
        """How the recording stands, in words; empty without one."""
        return self._recorder.told if self._recorder is not None else ""

    @property
    def flow_source(self) -> str:
        """Where flows are read from: `auto`, `relay` or `agents`."""
        return self.mesh_flows.wanted_source or self.settings.flow_source

    def set_flow_source(self, wanted: str, context: str = "") -> None:
        """Read flows from `relay`s, from the `agents`, or (`auto`) from agents where there is no Relay."""
        self.mesh_flows.set_source(wanted, context)
