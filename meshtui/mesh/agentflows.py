"""Flows straight from the agents, by exec of `hubble observe` in each: for a cluster that has no Relay."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshtui.core import state as s
from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, ExecFailed, MeshtuiError
from meshtui.core.flow import FlowRow
from meshtui.core.resources import PODS
from meshtui.hubble.jsonlines import JsonLines
from meshtui.hubble.rows import Lost
from meshtui.hubble.status import RateMeter
from meshtui.kube.api import Api
from meshtui.kube.exec import open_exec
from meshtui.mesh.pace import Backoff, Pace

NAMESPACE = "kube-system"
CONTAINER = "cilium-agent"
LABEL = "k8s-app=cilium"
AGENTS = 64
"""At most so many agents are followed: each costs a connection through the API server."""

Filters = Sequence[Mapping[str, Any]]


def command(whitelist: Filters, blacklist: Filters) -> list[str]:
    """`hubble observe` as the agent's container has it, following, with our filters."""
    words = ["hubble", "observe", "--follow", "--output", "jsonpb"]
    for option, filters in (("--allowlist", whitelist), ("--denylist", blacklist)):
        for document in filters:
            words += [option, json.dumps(dict(document), separators=(",", ":"))]
    return words


@dataclass(slots=True)
class AgentFlows:
    """Follows every agent of one cluster until cancelled."""

    api: Api
    emit: Callable[[s.Event], None]
    deliver: Callable[[list[FlowRow]], None]
    clock: Clock
    rng: random.Random
    pace: Pace
    _live: set[str] = field(default_factory=set)
    _errors: dict[str, MeshtuiError] = field(default_factory=dict)
    _received: int = 0

    async def run(self, whitelist: Filters, blacklist: Filters) -> None:
        """Raises a ClusterError when the agents cannot be listed; a single agent's failure is told and retried."""
        words = command(whitelist, blacklist)
        pods, _ = await self.api.list_all(PODS, NAMESPACE, label_selector=LABEL)
        running = [pod.name for pod in pods.values() if pod.status.phase == "Running"][:AGENTS]
        if not running:
            raise ExecFailed("no agent to ask for flows", context=self.api.context, cause="no cilium pod is running")
        async with asyncio.TaskGroup() as group:
            for pod in running:
                group.create_task(self._follow(pod, words), name=f"agent flows {self.api.context} {pod}")
            group.create_task(self._tell_rate())

    async def _follow(self, pod: str, words: list[str]) -> None:
        backoff = Backoff(self.pace, self.rng)
        while True:
            try:
                await self._read(pod, words, backoff)
            except ClusterError as error:
                self._errors[pod] = error
            self._live.discard(pod)
            self._tell()
            await asyncio.sleep(backoff.next())

    async def _read(self, pod: str, words: list[str], backoff: Backoff) -> None:
        reader = JsonLines(self.api.context)
        complaint = b""
        async with open_exec(self.api, NAMESPACE, pod, words, container=CONTAINER) as stream:
            self._live.add(pod)
            self._errors.pop(pod, None)
            self._tell()
            async for channel, data in stream:
                if channel == "stderr":
                    complaint = (complaint + data)[-400:]
                    continue
                backoff.reset()
                self._take(reader, data)
        cause = str(stream.error) if stream.error else complaint.decode("utf-8", "replace").strip()
        raise ExecFailed(
            f"{pod} stopped telling flows", context=self.api.context, cause=cause or f"exit code {stream.exit_code}"
        )

    def _take(self, reader: JsonLines, data: bytes) -> None:
        items = reader.feed(data)
        rows = [item for item in items if isinstance(item, FlowRow)]
        lost = sum(item.count for item in items if isinstance(item, Lost))
        self._received += len(rows)
        if rows:
            self.deliver(rows)
        if lost:
            self.emit(s.RelayChanged(self.api.context, self.clock.now(), lost=lost))

    async def _tell_rate(self) -> None:
        meter = RateMeter(self.clock.monotonic())
        while True:
            await asyncio.sleep(1.0)
            rate = round(meter.rate(self.clock.monotonic(), self._received), 1)
            self.emit(s.RelayChanged(self.api.context, self.clock.now(), rate=rate))

    def _tell(self) -> None:
        error = next(iter(self._errors.values()), None)
        self.emit(
            s.RelayChanged(
                self.api.context,
                self.clock.now(),
                phase=s.Phase.LIVE if self._live else s.Phase.FAILED,
                source=s.FlowSource.AGENTS,
                address=f"{len(self._live)} agents",
                error=None if self._live else error,
                nodes_connected=len(self._live),
                nodes_unavailable=tuple(sorted(self._errors)),
            )
        )
