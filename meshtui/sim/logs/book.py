"""A cluster's logs: what happened that containers tell of, kept in order, read as each container's lines."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from meshtui.sim.datapath.view import PODS, POLICIES, View, view
from meshtui.sim.logs.agent import Agent
from meshtui.sim.logs.lines import Line
from meshtui.sim.logs.others import STARTS
from meshtui.sim.world import SimCluster

Object = dict[str, Any]
KEPT = 2000
"""Happenings remembered; a kubelet rotates its files as well."""
AGENT = "cilium-agent"
WIRED = 0.6
"""Seconds from a pod's creation to its endpoint, of those that were there from the start."""
SETTLED = 2.3
"""Seconds after its start at which an agent has imported what was there before it."""


@dataclass(frozen=True, slots=True)
class _Happening:
    """A policy that came, changed, went or was refused, or a pod that got or lost its endpoint."""

    time: float
    kind: str
    obj: Object
    revision: int = 0
    why: str = ""


class LogBook:
    """What was said in one cluster."""

    def __init__(self, cluster: SimCluster) -> None:
        self._cluster = cluster
        self._clock = cluster.world.clock
        # Apart, so that thousands of pods do not push the policies out.
        self._policies: deque[_Happening] = deque(maxlen=KEPT)
        self._pods: deque[_Happening] = deque(maxlen=KEPT)
        known = view(cluster)
        before = [p for gvr in POLICIES for p in cluster.store.list(gvr)]
        for number, policy in enumerate(sorted(before, key=_made), known.revision - len(before) + 1):
            self._policies.append(_Happening(_made(policy), "policy", policy, number))
            self._judged(policy, None, _made(policy))
        for pod in cluster.store.list(PODS):
            if _address(pod) and not pod["spec"].get("hostNetwork"):
                self._pods.append(_Happening(_made(pod) + WIRED, "pod", pod))
        cluster.store.subscribe(self._changed)

    def _changed(self, kind: str, gvr: tuple[str, str], obj: Object, old: Object | None) -> None:
        now = self._clock.now()
        if gvr in POLICIES:
            if kind == "DELETED":
                self._policies.append(_Happening(now, "policy gone", obj, view(self._cluster).revision))
            elif old is None or any(old.get(f) != obj.get(f) for f in ("spec", "specs")):
                self._policies.append(_Happening(now, "policy", obj, view(self._cluster).revision))
            self._judged(obj, old, now)
        elif gvr == PODS and not obj["spec"].get("hostNetwork"):
            had, has = _address(old), _address(obj) if kind != "DELETED" else ""
            if has and not had:
                self._pods.append(_Happening(now, "pod", obj))
            elif had and not has:
                self._pods.append(_Happening(now, "pod gone", obj))

    def _judged(self, obj: Object, old: Object | None, now: float) -> None:
        """Remember that a policy was found invalid."""
        why = _refusal(obj)
        if why and why != _refusal(old):
            self._policies.append(_Happening(now, "refused", obj, why=why))

    def lines(self, pod: Object, container: str) -> list[Line]:
        """Everything a container has written so far, in order."""
        since = _started(pod, container)
        if since is None:
            return []
        if container == AGENT:
            lines = self._agent(pod, since)
        else:
            start = STARTS.get(container)
            lines = start(view(self._cluster), since) if start else iter(())
        now = self._clock.now()
        return sorted((line for line in lines if line.time <= now), key=lambda line: line.time)

    def _agent(self, pod: Object, since: float) -> Iterator[Line]:
        known = view(self._cluster)
        node = str(pod["spec"].get("nodeName", ""))
        agent = Agent(known, node)
        yield from agent.start(since)
        for happening in self._seen(known, node, since):
            yield from _told(agent, happening)

    def _seen(self, known: View, node: str, since: float) -> Iterator[_Happening]:
        """What an agent that started at `since` met: what was there already as if it came right after its start."""
        happened = (*self._policies, *self._pods)
        gone = {h.obj["metadata"].get("uid") for h in happened if h.kind.endswith(" gone") and h.time < since}
        for happening in happened:
            if happening.kind.startswith("pod") and happening.obj["spec"].get("nodeName") != node:
                continue
            if happening.time >= since:
                yield happening
            elif happening.obj["metadata"].get("uid") not in gone:
                at = since + SETTLED
                yield _Happening(at, happening.kind, happening.obj, happening.revision, happening.why)


def _told(agent: Agent, happening: _Happening) -> Iterator[Line]:
    match happening.kind:
        case "policy":
            yield from agent.policy(happening.time, happening.obj, happening.revision)
        case "policy gone":
            yield from agent.policy(happening.time, happening.obj, happening.revision, removed=True)
        case "refused":
            yield agent.refused(happening.time, happening.obj, happening.why)
        case "pod":
            yield from agent.endpoint(happening.time, happening.obj)
        case _:
            yield from agent.gone(happening.time, happening.obj)


def book(cluster: SimCluster) -> LogBook:
    """The cluster's log book, opened when first asked for."""
    return cluster.part(LogBook, lambda: LogBook(cluster))


def _address(pod: Object | None) -> str:
    return str((pod or {}).get("status", {}).get("podIP", ""))


def _made(obj: Object) -> float:
    return _seconds(obj["metadata"].get("creationTimestamp", ""))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _refusal(obj: Object | None) -> str:
    conditions = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((str(c.get("message", "")) for c in conditions if c["type"] == "Valid" and c["status"] == "False"), "")


def _started(pod: Object, container: str) -> float | None:
    """When a container's process began, None while it does not run."""
    status = pod.get("status") or {}
    for state in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        if state["name"] == container:
            running = (state.get("state") or {}).get("running")
            # The API tells whole seconds; processes do not start at whole seconds.
            fraction = zlib.crc32(f"{pod['metadata'].get('uid')}/{container}".encode()) / (1 << 32)
            return _seconds(running.get("startedAt", "")) + fraction if running else None
    return None
