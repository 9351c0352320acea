"""What the dashboard needs of a session: the seam between `tui` and `mesh.session`, and the one tests stand on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

from meshtui.core.changes.plan import History, Outcome, Plan
from meshtui.core.errors import MeshtuiError
from meshtui.core.findings.model import Finding
from meshtui.core.flows.store import FlowStore
from meshtui.core.health.model import Judgement
from meshtui.core.health.pulse import Pulse
from meshtui.core.load.spec import LoadEvent, LoadSpec, Tools
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.services.evidence import Realised
from meshtui.mesh.changes.rollout import PolicyRollout
from meshtui.mesh.describe import Reader
from meshtui.mesh.load.runlog import RunLog


class SessionPort(Protocol):
    """The part of `mesh.session.Session` that the dashboard uses."""

    @property
    def mesh(self) -> Mesh:
        """The mesh as it is known now."""
        ...

    @property
    def judgement(self) -> Judgement:
        """What is claimed, observed and the verdict, as of a second ago at most."""
        ...

    def pulses(self) -> Mapping[str, Pulse]:
        """Context → drops, requests and latency of a cluster's last minutes."""
        ...

    @property
    def flows(self) -> FlowStore:
        """All flows kept."""
        ...

    @property
    def pending(self) -> AbstractSet[tuple[str, str]]:
        """(context, service key) of changes the watch has not confirmed yet."""
        ...

    @property
    def audit_problem(self) -> MeshtuiError | None:
        """Why the result of a change that was made is missing from the audit log."""
        ...

    async def start(self) -> None:
        """Begin to watch; returns before clusters have answered."""
        ...

    async def stop(self) -> None:
        """End every watcher, stream and forward."""
        ...

    def subscribe(self, listener: Callable[[Delta], None]) -> Callable[[], None]:
        """Call `listener` with what changed, on the event loop; returns how to stop that."""
        ...

    def subscribe_flows(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when flows arrived, on the event loop; returns how to stop that."""
        ...

    def plan_toggle(self, refs: Sequence[tuple[str, str]], what: str) -> Plan:
        """Plan the next value of `global`, `shared` or `affinity` for these (context, service key)."""
        ...

    def plan_annotation(self, refs: Sequence[tuple[str, str]], what: str, value: str | None) -> Plan:
        """Plan to set `global`, `shared` or `affinity` to a value, or to delete it with None."""
        ...

    def plan_apply(self, contexts: Sequence[str], manifests: Sequence[Mapping[str, Any]]) -> Plan:
        """Plan to apply manifests in each context."""
        ...

    def plan_delete(self, context: str, resource: Resource, namespace: str, name: str) -> Plan:
        """Plan to delete one object."""
        ...

    def plan_undo(self) -> Plan | None:
        """Plan to take back the last change, None when there is none."""
        ...

    def plan_again(self, plan: Plan, outcomes: tuple[Outcome, ...]) -> Plan | None:
        """Plan anew what met a conflict, None when nothing is left to be done."""
        ...

    def plan_fix(self, finding: Finding) -> Plan:
        """Plan the annotations that would mend a finding."""
        ...

    def plan_drill(self, context: str, service_key: str) -> Plan:
        """Plan to scale a service's workloads in one cluster to zero, or back."""
        ...

    @property
    def history(self) -> History:
        """Changes made in this session."""
        ...

    @property
    def audit_path(self) -> Path | None:
        """Where the audit log is."""
        ...

    def rollout(self, plan: Plan) -> PolicyRollout:
        """Follow a plan's policies until every agent has them; begin before it is carried out."""
        ...

    async def realised(self, context: str) -> Realised:
        """What one agent of a cluster has in its datapath."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads single objects and logs."""
        ...

    async def changes_seen(self) -> None:
        """Wait until every change asked for is seen, refused, or has run out of time."""
        ...

    async def perform(
        self, plan: Plan, *, confirmed: bool = False, typed: str = "", dry_run: bool = False
    ) -> tuple[Outcome, ...]:
        """Carry out a plan. Raises Refused when consent is missing."""
        ...

    @property
    def flow_source(self) -> str:
        """Where flows are read from: `auto`, `relay` or `agents`."""
        ...

    def set_flow_source(self, wanted: str, context: str = "") -> None:
        """Read flows from Relays or agents."""
        ...

    @property
    def flow_reading(self) -> bool:
        """Whether flows of those who read a Relay are asked for."""
        ...

    def show_flow_reading(self, shown: bool) -> None:
        """Ask for them as well, or leave them out."""
        ...

    async def set_flow_query(self, flow_filter: Any) -> None:
        """Ask every source of flows for what matches (`core.flows.filter.FlowFilter`)."""
        ...

    def load(self, spec: LoadSpec) -> AsyncGenerator[LoadEvent, None]:
        """Run a load test; events arrive as answers do; closing it stops the run."""
        ...

    @property
    def runs(self) -> RunLog:
        """Load tests made before, across restarts."""
        ...

    async def tools(self, context: str, namespace: str, pod: str) -> Tools:
        """Whether a load test can run in a pod."""
        ...


Report = Callable[[str], None]
"""Takes a few words on what is being done before there is a session."""
Opening = Callable[[Report, AsyncExitStack], Awaitable[SessionPort]]
"""Makes the session, after the first paint; what must end with the app is put on the stack."""
