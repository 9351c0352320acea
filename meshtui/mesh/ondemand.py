"""The parts of a session that not every verb opens: each is loaded when it is asked for first.

The rule: what not every verb uses is imported by the method that opens it, here, in `session` and in `probes`, and
never at the top of those files. tests/test_imports.py lists what each verb must not load.
"""

from __future__ import annotations

import asyncio
import importlib
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from meshtui.core.clock import Clock
from meshtui.core.model.state import Delta, Event, Mesh
from meshtui.core.settings import Settings
from meshtui.mesh.pace import Pace
from meshtui.mesh.scope import Scope

if TYPE_CHECKING:
    from meshtui.core.changes.plan import Step
    from meshtui.core.load.spec import LoadEvent, LoadSpec
    from meshtui.kube.api import Api
    from meshtui.mesh.changes.auditlog import AuditLog
    from meshtui.mesh.changes.pending import Pending
    from meshtui.mesh.changes.perform import Changes
    from meshtui.mesh.changes.rollout import PolicyRollout
    from meshtui.mesh.flows.flows import MeshFlows
    from meshtui.mesh.flows.source import FlowSourceTask
    from meshtui.mesh.judging import Judging
    from meshtui.mesh.load.runlog import RunLog


class OnDemand(Struct, dict=True, eq=False):
    """What a scope wants is open from `start` to `stop`, and what somebody opens beside. On the event loop only."""

    mesh: Mesh
    settings: Settings
    scope: Scope
    clock: Clock
    pace: Pace
    rng: random.Random
    emit: Callable[[Event], None]
    changed: Callable[[Delta], None]
    """Called when the judgement is another one."""
    sources: Callable[[], Iterable[FlowSourceTask]]
    running: bool = False

    @cached_property
    def flows(self) -> MeshFlows:
        """The clusters' flows."""
        from meshtui.mesh.flows.flows import MeshFlows

        capacity = self.settings.flow_capacity
        flows = MeshFlows(self.mesh, capacity, self.clock, self.emit, self.sources, self.pace)
        flows.reading_shown = self.scope.reading
        flows.calm_seconds = 0.0 if self.scope.once else flows.calm_seconds
        if self.scope.judged:
            flows.record(self.judging.take)
            flows.inbox.whole = True
        if self.running:
            flows.start()
        return flows

    @cached_property
    def judging(self) -> Judging:
        """The judgement of all that is known."""
        from meshtui.mesh.judging import Judging

        judging = Judging(self.mesh, self.clock, self.changed, self.pace.judge)
        if self.running:
            judging.start()
        return judging

    @cached_property
    def runs(self) -> RunLog:
        """What is kept of load tests."""
        from meshtui.mesh.load.runlog import RunLog

        return RunLog(self.settings.state_directory)

    @cached_property
    def audit(self) -> AuditLog:
        """What is kept of changes."""
        from meshtui.mesh.changes.auditlog import AuditLog

        return AuditLog(self.settings.state_directory)

    def changes(self, api_of: Callable[[str], Api | None], pending: Pending) -> Changes:
        """The way out."""
        from meshtui.mesh.changes.perform import Changes

        return Changes(self.mesh, api_of, pending, self.audit, self.emit, self.clock)

    def rollout(self, api_of: Callable[[str], Api], steps: Iterable[Step]) -> PolicyRollout:
        """What follows a change of policies through the agents."""
        from meshtui.mesh.changes.rollout import PolicyRollout

        return PolicyRollout(self.mesh, api_of, steps)

    def source(self, context: str) -> FlowSourceTask | None:
        """A context's source of flows, not yet running; None where flows are not wanted. Loads gRPC."""
        if not self.scope.flows:
            return None
        from meshtui.core.flows.assignment import shares
        from meshtui.mesh.flows.lookback import Lookback
        from meshtui.mesh.flows.relaytls import told_of
        from meshtui.mesh.flows.source import FlowSourceTask

        told, flows = told_of(self.settings, context), self.flows
        shared = flows.store, flows.inbox, self.clock, self.rng, self.pace
        source = FlowSourceTask(context, told, self.emit, *shared, self.settings.flow_source)
        source.lookback = Lookback(lambda: shares(self.mesh)[context].own) if self.scope.once else None
        return source

    async def load(self) -> None:
        """Import what `start` opens, in a thread: with gRPC it would hold the loop for a tenth of a second."""
        wanted = ["meshtui.mesh.flows.flows"] if self.scope.flows else []
        wanted += ["meshtui.mesh.judging"] if self.scope.judged else []
        for name in wanted:
            await asyncio.to_thread(importlib.import_module, name)

    def start(self) -> None:
        """Open what is wanted."""
        for part in self._open():
            part.start()
        self.running = True

    def stop(self) -> None:
        """Close what is open."""
        self.running = False
        for part in self._open():
            part.stop()

    def note(self, delta: Delta) -> None:
        """The mesh changed."""
        if self.scope.judged:
            self.judging.note(delta)

    def consider(self, event: Event) -> None:
        """Something was told."""
        if self.scope.flows:
            self.flows.consider(event)
        if self.scope.judged:
            self.judging.consider(event)

    def heard(self, events: AsyncGenerator[LoadEvent, None], spec: LoadSpec) -> AsyncGenerator[LoadEvent, None]:
        """A load test's events, which are evidence where there is a judgement."""
        from meshtui.mesh.load.evidence import telling

        return telling(events, self.mesh, spec, self.judging.traffic.load_results.take) if self.scope.judged else events

    def doubted(self, context: str) -> bool:
        """Whether a link from or to a cluster is not known to be well."""
        return self.scope.judged and self.judging.doubted(context)

    def _open(self) -> list[MeshFlows | Judging]:
        flows = [self.flows] if self.scope.flows or "flows" in self.__dict__ else []
        return [*flows, *([self.judging] if self.scope.judged or "judging" in self.__dict__ else [])]
