"""Carries out plans: consent, audit log, one request per step, pending marks, history."""

from __future__ import annotations

import asyncio
import getpass
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.changes import audit, guards, planning, remedies
from meshtui.core.changes.plan import History, Outcome, Plan, Step, Verb
from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, Conflict, MeshtuiError, Refused, Unreachable
from meshtui.core.model.state import Changed, Event, Mesh
from meshtui.mesh.changes.auditlog import AuditLog
from meshtui.mesh.changes.pending import Pending

if TYPE_CHECKING:
    from meshtui.kube.api import Api

_log = logging.getLogger(__name__)
AT_ONCE = 8
"""Requests under way at the same time in one plan."""


class _Named(Struct, frozen=True):
    """What the audit log calls a change."""

    change: str
    undoes: str
    dry_run: bool


class Changes:
    """The way out: plans become requests. One per session."""

    def __init__(
        self,
        mesh: Mesh,
        api_of: Callable[[str], Api | None],
        pending: Pending,
        log: AuditLog,
        emit: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        self.history = History()
        self.log_problem: Refused | None = None
        """Set when a result could not be added to the audit log after its change was made."""
        self._mesh = mesh
        self._api_of = api_of
        self._pending = pending
        self._log = log
        self._emit = emit
        self._clock = clock
        self._undoing: Plan | None = None
        self._undone: Plan | None = None
        """The undo carried out last."""

    def recall(self) -> None:
        """Before this session's changes, those of earlier ones that touch its clusters alone. Raises Refused."""
        kept = self._log.recall()
        here = [each for each in kept if all(step.context in self._mesh.clusters for step in each[0].steps)]
        self.history.done[:0] = here

    def plan_undo(self) -> Plan | None:
        """The plan that takes back the last change still standing; None when there is none."""
        if not self.history.done:
            return None
        self._undoing = planning.undo(self._mesh, *self.history.done[-1])
        return self._undoing

    def plan_again(self, plan: Plan, outcomes: tuple[Outcome, ...]) -> Plan | None:
        """What of `plan` met a conflict, from what is there now; None when nothing is left to be done."""
        new = remedies.again(self._mesh, plan, outcomes)
        # An undo that met a conflict is still to be undone: it is planned as one again.
        return self.plan_undo() if new is not None and plan is self._undone else new

    async def perform(self, plan: Plan, *, confirmed: bool, typed: str, dry_run: bool) -> tuple[Outcome, ...]:
        """Carry out every step and say for each what became of it, in the plan's order.

        Raises what `guards.require` raises, and Refused when the audit log cannot be written; then nothing was sent.
        """
        guards.require(self._mesh, plan, confirmed=confirmed, typed=typed, dry_run=dry_run)
        named = _Named(f"{int(self._clock.now() * 1000):x}-{os.getpid():x}", plan.undoes, dry_run)
        await self._record([(step, None) for step in plan.steps], named)
        undoing = plan is self._undoing
        _log.debug("%s%s", plan.title, " (dry run)" if dry_run else "")
        gate = asyncio.Semaphore(AT_ONCE)
        done = await asyncio.gather(*(self._step(step, gate, dry_run, undoing) for step in plan.steps))
        outcomes = tuple(replace(outcome, change=named.change) for outcome in done)
        try:
            await self._record([(outcome.step, outcome) for outcome in outcomes], named)
        except Refused as error:
            self.log_problem = error
        if not dry_run:
            self.history.tried.append((plan, outcomes))
            self._undone = plan if undoing else None
            self._remember(plan, outcomes, undoing)
        return outcomes

    def _remember(self, plan: Plan, outcomes: tuple[Outcome, ...], undoing: bool) -> None:
        if not undoing:
            if any(outcome.changed for outcome in outcomes):
                self.history.done.append((plan, outcomes))
            return
        self._undoing = None
        done_plan, done = self.history.done.pop()
        back = {(o.step.context, o.step.resource, o.step.key) for o in outcomes if o.error is None}
        left = tuple(o for o in done if o.error is None and (o.step.context, o.step.resource, o.step.key) not in back)
        if left:
            self.history.done.append((done_plan, left))

    async def _record(self, items: list[tuple[Step, Outcome | None]], named: _Named) -> None:
        at, user = self._clock.now(), _user()
        entries = [
            audit.entry(
                step, outcome, at=at, user=user, dry_run=named.dry_run, change=named.change, undoes=named.undoes
            )
            for step, outcome in items
        ]
        await asyncio.to_thread(self._log.append, entries)

    async def _step(self, step: Step, gate: asyncio.Semaphore, dry_run: bool, force: bool) -> Outcome:
        outcome = await self._sent(step, gate, dry_run, force)
        return replace(outcome, at=self._clock.now())

    async def _sent(self, step: Step, gate: asyncio.Semaphore, dry_run: bool, force: bool) -> Outcome:
        api = self._api_of(step.context)
        if api is None:
            return Outcome(step, _not_connected(self._mesh, step))
        if not dry_run:
            self._pending.begin(step)
        try:
            async with gate:
                written = await _send(api, step, dry_run, force)
        except Conflict as error:
            self._pending.failed(step)
            return Outcome(step, await self._explained(api, step, error))
        except MeshtuiError as error:
            self._pending.failed(step)
            return Outcome(step, error)
        except BaseException:
            self._pending.failed(step)
            raise
        if not dry_run:
            self._pending.accepted(step)
        return Outcome(step, None, written.metadata.resource_version if written is not None else "")

    async def _explained(self, api: Api, step: Step, error: Conflict) -> Conflict:
        """The conflict with what stands there now, which also is shown at once."""
        try:
            now = await api.get(step.resource, step.name, step.namespace)
        except ClusterError:
            return error
        self._emit(Changed(step.context, step.resource, {now.key: now}, self._clock.now()))
        if step.verb is not Verb.ANNOTATE:
            return error
        values = ", ".join(
            f"{key} is {now.annotations[key]!r}" if key in now.annotations else f"{key} is absent"
            for key in step.after or {}
        )
        return Conflict(
            error.title,
            context=error.context,
            verb=error.verb,
            resource=error.resource,
            status=error.status,
            cause=f"someone else changed it meanwhile: {values}",
            hint=error.hint or "look again, then repeat",
        )


async def _send(api: Api, step: Step, dry_run: bool, force: bool) -> Any:
    """Make the request; the object as the API server has it now, None where its answer is no object of ours."""
    after: Mapping[str, Any] = step.after or {}
    if step.verb is Verb.ANNOTATE:
        metadata: dict[str, Any] = {"annotations": dict(after)}
        if step.resource_version:
            metadata["resourceVersion"] = step.resource_version
        return await api.patch(step.resource, step.name, step.namespace, {"metadata": metadata}, dry_run=dry_run)
    if step.verb is Verb.SCALE:
        await api.scale(step.resource, step.name, step.namespace, int(after["replicas"]), dry_run=dry_run)
        return None
    if step.verb is Verb.DELETE:
        await api.delete(step.resource, step.name, step.namespace, dry_run=dry_run)
        return None
    manifest = dict(after)
    if step.namespace:
        manifest["metadata"] = {**manifest.get("metadata", {}), "namespace": step.namespace}
    return await api.apply(step.resource, manifest, dry_run=dry_run, force=force)


def _not_connected(mesh: Mesh, step: Step) -> MeshtuiError:
    cluster = mesh.clusters[step.context]
    return cluster.api.error or Unreachable(
        f"{step.context} is not connected", context=step.context, hint="wait until it is, then repeat"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
