"""A session that changes its mesh itself: the seam for testing commands without a cluster."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from meshtui.core.changes import planning, remedies
from meshtui.core.changes.plan import History, Outcome, Plan, Verb
from meshtui.core.changes.toggles import annotate
from meshtui.core.findings.model import Finding
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from meshtui.core.health.judge import Judge
from meshtui.core.health.pulse import EventCounts, Pulse
from meshtui.core.health.traffic import Traffic
from meshtui.core.load.spec import Answer, LoadEnded, LoadEvent, LoadSpec, LoadStarted, Request, Tools
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.services.evidence import Realised
from meshtui.hubble.jsonlines import read
from meshtui.mesh.load.runlog import RunLog
from tests.core.recorded import CLUSTERS, mesh_of

RECORDINGS = Path(__file__).parent.parent / "recordings"
NOW = 1_795_376_188.0


def recorded_mesh(step: int = 4, *, trusted: bool = True) -> s.Mesh:
    """The recorded mesh with its nodes, connected and live."""
    mesh = mesh_of(step)
    for name in CLUSTERS:
        mesh.clusters[name].trusted = trusted
        reduce(mesh, s.ApiChanged(name, s.Phase.LIVE, NOW, "1.36.2"))
        nodes = json.loads((RECORDINGS / "4-global" / name / "nodes.json").read_text())["items"]
        items = {n["metadata"]["name"]: msgspec.convert(n, o.Node) for n in nodes}
        reduce(mesh, s.Listed(name, r.NODES, items, NOW))
        relay = s.RelayChanged(
            name, NOW, s.Phase.LIVE, s.FlowSource.RELAY_DIRECT, "127.0.0.1:1", nodes_connected=2, rate=28.5
        )
        reduce(mesh, relay)
    return mesh


class NoAgents:
    """There are none here to take a policy up."""

    async def ready(self) -> None:
        pass

    async def wait(self, steps: Sequence[Any], patience: float) -> list[Any]:
        return []

    def stop(self) -> None:
        pass


class FakeSession:
    """Keeps what the dashboard asked for; a performed toggle stays pending until `confirm`."""

    def __init__(self, mesh: s.Mesh) -> None:
        self.mesh = mesh
        self.judge = Judge(mesh)
        self.judgement = self.judge.judge(NOW)
        self.flows = FlowStore(1000)
        self.event_counts, self.traffic = EventCounts(), Traffic()
        self.pending: set[tuple[str, str]] = set()
        self.performed: list[Plan] = []
        self.seen = asyncio.Event()
        self.specs: list[LoadSpec] = []
        self.answers: asyncio.Queue[Request | None] = asyncio.Queue()
        self.outcome_error: Any = None
        self.undo: Plan | None = None
        self.history = History()
        self.audit_problem: Any = None
        self.audit_path = Path("/state/audit.jsonl")
        self.realises: dict[str, Realised] = {}
        self._listeners: list[Callable[[s.Delta], None]] = []
        self._flow_listeners: list[Callable[[], None]] = []
        self.stopped = False
        self.runs = RunLog(None)
        self.tools_found: dict[tuple[str, str, str], Tools] = {}
        self.flow_source = "auto"
        self.flow_queries: list[str] = []

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True

    def subscribe(self, listener: Callable[[s.Delta], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def subscribe_flows(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._flow_listeners.append(listener)
        return lambda: self._flow_listeners.remove(listener)

    def emit(self, event: s.Event) -> None:
        delta = reduce(self.mesh, event)
        self.judgement = self.judge.judge(NOW)
        for listener in self._listeners:
            contextvars.Context().run(listener, delta)

    def deliver(self, rows: Sequence[Any]) -> None:
        self.flows.add(rows)
        self.event_counts.take(rows)
        self.traffic.take(rows, lambda address, port: ())
        # A Relay's thread hands its batches over: nothing of the app's context is set there.
        for listener in self._flow_listeners:
            contextvars.Context().run(listener)

    def pulses(self) -> dict[str, Pulse]:
        self.traffic.settle(NOW)
        return {c.context: self.event_counts.of(c.name, self.traffic, NOW) for c in self.mesh.clusters.values()}

    def plan_toggle(self, refs: Sequence[tuple[str, str]], what: str) -> Plan:
        return planning.toggle(self.mesh, refs, what)

    def plan_annotation(self, refs: Sequence[tuple[str, str]], what: str, value: str | None) -> Plan:
        return planning.annotation(self.mesh, refs, what, value)

    def plan_apply(self, contexts: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> Plan:
        return planning.apply(self.mesh, contexts, [dict(m) for m in manifests])

    def plan_delete(self, context: str, resource: r.Resource, namespace: str, name: str) -> Plan:
        return planning.delete(self.mesh, context, resource, namespace, name)

    def plan_undo(self) -> Plan | None:
        return self.undo

    def plan_again(self, plan: Plan, outcomes: tuple[Outcome, ...]) -> Plan | None:
        return remedies.again(self.mesh, plan, outcomes)

    def plan_fix(self, finding: Finding) -> Plan:
        return remedies.fix(self.mesh, finding)

    def plan_drill(self, context: str, service_key: str) -> Plan:
        return remedies.drill(self.mesh, self.history, context, service_key)

    async def realised(self, context: str) -> Realised:
        return self.realises.get(context, Realised(f"{context}-node"))

    def rollout(self, plan: Plan) -> Any:
        return NoAgents()

    async def changes_seen(self) -> None:
        if self.pending:
            self.seen = asyncio.Event()
            await self.seen.wait()

    async def perform(
        self, plan: Plan, *, confirmed: bool = False, typed: str = "", dry_run: bool = False
    ) -> tuple[Outcome, ...]:
        if dry_run:
            return tuple(Outcome(step) for step in plan.steps)
        self.performed.append(plan)
        if self.outcome_error is not None:
            return tuple(Outcome(step, self.outcome_error) for step in plan.steps)
        self.pending |= {(step.context, step.key) for step in plan.steps if step.verb is Verb.ANNOTATE}
        return tuple(Outcome(step) for step in plan.steps)

    def confirm(self) -> None:
        """What the watch does: bring back what was asked for."""
        for step in self.performed[-1].steps:
            if step.verb is not Verb.ANNOTATE:
                continue
            service = self.mesh.clusters[step.context].services[step.key]
            meta = service.metadata
            changed = annotate(service.annotations, step.after or {})
            meta = msgspec.structs.replace(meta, annotations=changed, resource_version=meta.resource_version + "1")
            self.pending.discard((step.context, step.key))
            if not self.pending:
                self.seen.set()
            new = msgspec.structs.replace(service, metadata=meta)
            self.emit(s.Changed(step.context, r.SERVICES, {step.key: new}, NOW))

    def set_flow_source(self, wanted: str, context: str = "") -> None:
        self.flow_source = wanted

    flow_reading = False

    def show_flow_reading(self, shown: bool) -> None:
        self.flow_reading = shown

    async def set_flow_query(self, flow_filter: Any) -> None:
        self.flow_queries.append(str(flow_filter))

    async def tools(self, context: str, namespace: str, pod: str) -> Tools:
        return self.tools_found.get((context, namespace, pod), Tools(curl=True))

    async def load(self, spec: LoadSpec) -> AsyncGenerator[LoadEvent, None]:
        self.specs.append(spec)
        yield LoadStarted(spec, "default/x-wing-1", NOW)
        while (request := await self.answers.get()) is not None:
            yield request
        yield LoadEnded(NOW)


def answer(number: int, cluster: str, seconds: float = 0.002) -> Request:
    """A request that `cluster` answered."""
    return Request(number, NOW, Answer.ANSWERED, 0, 200, seconds, body=f'{{"Cluster": "{cluster}"}}', cluster=cluster)


def timeout(number: int) -> Request:
    """A request nobody answered."""
    return Request(number, NOW, Answer.TIMED_OUT, 28, 0, 2.0)


def recorded_flows(name: str = "dropped", times: int = 1) -> list[FlowRow]:
    """Recorded flows of step 10: `dropped` or `others`; repeated ones get uuids of their own, a second apart."""
    lines = (RECORDINGS / "10-default-deny" / f"flows.{name}.jsonl").read_text().splitlines()
    rows = [item for item in read(lines, "koornacht") if isinstance(item, FlowRow)]
    return [
        dataclasses.replace(row, uuid=f"{row.uuid}-{n}", time_ns=row.time_ns + n * 10**9)
        for n in range(times)
        for row in rows
    ]
