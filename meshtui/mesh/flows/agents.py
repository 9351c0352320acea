"""Flows straight from the agents, by exec of `hubble observe` in each: for a cluster that has no Relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from meshtui.cilium.agents import CONTAINER
from meshtui.cilium.place import namespace_of
from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, ExecFailed, Forbidden, MeshtuiError, NotFound
from meshtui.core.flows.account.account import Reading
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import FlowStore
from meshtui.core.model import state as s
from meshtui.core.model.resources import PODS
from meshtui.hubble.jsonlines import JsonLines
from meshtui.hubble.rows import Item, Lost
from meshtui.kube.api import Api
from meshtui.kube.exec import open_exec
from meshtui.mesh.flows.agentcounts import read_count
from meshtui.mesh.flows.survey import RING, Survey
from meshtui.mesh.pace import Backoff, Pace

LABEL = "k8s-app=cilium"
AGENTS = 64
"""At most so many agents are followed: each costs a connection through the API server."""

_OVERLAP_NS = 5_000_000_000
"""An agent that comes back is asked again for the last seconds; the store drops the repeats."""

_FIRST_SECONDS = 1.0
"""How long all others wait for the answer to the first: whether commands may be run at all."""
_ASKED_AT_ONCE = 8
"""Agents that are asked for their counts at the same time."""

Filters = Sequence[Mapping[str, Any]]


def command(whitelist: Filters, blacklist: Filters) -> list[str]:
    """`hubble observe` as the agent's container has it, following, with our filters."""
    words = ["hubble", "observe", "--follow", "--output", "jsonpb"]
    for option, filters in (("--allowlist", whitelist), ("--denylist", blacklist)):
        for document in filters:
            words += [option, json.dumps(dict(document), separators=(",", ":"))]
    return words


def rfc3339(time_ns: int) -> str:
    """A time as `hubble observe --since` takes it."""
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AgentFlows(Struct):
    """Follows every agent of one cluster until cancelled."""

    api: Api
    emit: Callable[[s.Event], None]
    deliver: Callable[[list[FlowRow]], None]
    clock: Clock
    rng: random.Random
    pace: Pace
    store: FlowStore
    since_ns: int | None = None
    """Where another source of the same nodes left off; None: from now on."""
    left_off_ns: int | None = None
    """Until when all agents have told everything, once they are no longer followed."""
    _live: set[str] = field(default_factory=set)
    _ever: set[str] = field(default_factory=set)
    """Agents that were followed at least once."""
    _errors: dict[str, MeshtuiError] = field(default_factory=dict)
    _lost_where: Counter[str] = field(default_factory=Counter)
    _newest_ns: dict[str, int] = field(default_factory=dict)
    """Pod → time of its newest event that came."""
    _nodes: dict[str, str] = field(default_factory=dict)
    """Pod → `cluster/node`, once one of its flows has told."""
    _asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_ASKED_AT_ONCE))
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once an agent was followed, or was not to be had."""
    _overlooked: int = 0
    """Agents beyond AGENTS."""

    async def run(self, whitelist: Filters, blacklist: Filters) -> None:
        """A single agent's failure is told and retried.

        Raises a ClusterError when the agents cannot be listed, Forbidden when no command may be run in them: one
        refusal stands for all of them.
        """
        words = command(whitelist, blacklist)
        namespace = await namespace_of(self.api)
        pods, _ = await self.api.list_all(PODS, namespace, label_selector=LABEL)
        running = [pod.name for pod in pods.values() if pod.status.phase == "Running"]
        running, self._overlooked = running[:AGENTS], len(running[AGENTS:])
        if not running:
            raise NotFound("no agent to ask for flows", context=self.api.context, cause="no cilium pod is running")
        async with asyncio.TaskGroup() as group:
            for number, pod in enumerate(running):
                group.create_task(self._follow(pod, words), name=f"agent flows {self.api.context} {pod}")
                if not number:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_FIRST_SECONDS):
                            await self._answered.wait()

    async def _follow(self, pod: str, words: list[str]) -> None:
        backoff = Backoff(self.pace, self.rng)
        source = f"{self.api.context} {pod}"
        lost_at = self.since_ns
        try:
            while True:
                since = ["--since", rfc3339(lost_at - _OVERLAP_NS)] if lost_at is not None else []
                try:
                    await self._read(pod, [*words, *since], backoff, source)
                except Forbidden:
                    raise
                except ClusterError as error:
                    self._errors[pod] = error
                    if pod in self._live:
                        lost_at = self._left_off(pod, self._now_ns())
                        self.store.open_gap(source, self._now_ns(), error.cause)
                self._live.discard(pod)
                self._answered.set()
                self._tell()
                await asyncio.sleep(backoff.next())
        finally:
            # Whoever reads in its stead begins where the first of them stopped.
            now_ns = self._now_ns()
            stopped_ns = self.store.away_since(source) or (now_ns if pod in self._ever else self.since_ns)
            if stopped_ns is not None:
                stopped_ns = self._left_off(pod, stopped_ns)
                self.left_off_ns = min(self.left_off_ns or stopped_ns, stopped_ns)
            self.store.close_gap(source, now_ns)

    async def _read(self, pod: str, words: list[str], backoff: Backoff, source: str) -> None:
        reader = JsonLines(self.api.context)
        complaint = b""
        namespace = await namespace_of(self.api)
        async with open_exec(self.api, namespace, pod, words, container=CONTAINER) as stream:
            self._live.add(pod)
            self._ever.add(pod)
            self._errors.pop(pod, None)
            self._answered.set()
            self.store.close_gap(source, self._now_ns())
            self._tell()
            async with self._survey(pod, source).running():
                async for channel, data in stream:
                    if channel == "stderr":
                        complaint = (complaint + data)[-400:]
                        continue
                    backoff.reset()
                    # JSON takes ten times as long as protobuf: not on the loop that draws.
                    self._take(pod, await asyncio.to_thread(reader.feed, data))
        cause = str(stream.error) if stream.error else complaint.decode("utf-8", "replace").strip()
        raise ExecFailed(
            f"{pod} stopped telling flows", context=self.api.context, cause=cause or f"exit code {stream.exit_code}"
        )

    def _left_off(self, pod: str, at_ns: int) -> int:
        """From when on an agent's events may be missing at `at_ns`: a break is noticed later than it happens."""
        return min(self._newest_ns.get(pod, at_ns), at_ns)

    def _survey(self, pod: str, source: str) -> Survey:
        async def read() -> list[Reading]:
            async with self._asking:
                return await read_count(self.api, pod, self._now_ns)

        return Survey(source, read, self.store, self.pace, self.rng)

    def _take(self, pod: str, items: list[Item]) -> None:
        rows = [item for item in items if isinstance(item, FlowRow)]
        lost = [item for item in items if isinstance(item, Lost)]
        if rows:
            self.deliver(rows)
            self._newest_ns[pod] = max(self._newest_ns.get(pod, 0), max(row.time_ns for row in rows))
            if self._nodes.get(pod) != rows[-1].node:
                self._nodes[pod] = rows[-1].node
                self._tell()
        if lost:
            for item in lost:
                self._lost_where[f"{item.node or pod}: {item.where}"] += item.count
                if item.where == RING:
                    self.store.account.tell_lost(item.node, item.count, self._now_ns())
            count = sum(item.count for item in lost)
            where = tuple(sorted(self._lost_where.items()))
            self.emit(s.RelayChanged(self.api.context, self.clock.now(), lost=count, lost_where=where))

    def _now_ns(self) -> int:
        return int(self.clock.now() * 1e9)

    def _tell(self) -> None:
        error = next(iter(self._errors.values()), None)
        self.emit(
            s.RelayChanged(
                self.api.context,
                self.clock.now(),
                phase=s.Phase.LIVE if self._live else s.Phase.FAILED,
                source=s.FlowSource.AGENTS,
                address=f"{len(self._live)} agent{'' if len(self._live) == 1 else 's'}",
                error=None if self._live else error,
                nodes_connected=len(self._live),
                nodes_unavailable=(
                    *sorted(self._errors),
                    *([f"{self._overlooked} more agents than can be followed"] if self._overlooked else []),
                ),
                held_up=False,
                nodes=tuple(sorted(self._nodes[pod] for pod in self._live if pod in self._nodes)),
            )
        )
