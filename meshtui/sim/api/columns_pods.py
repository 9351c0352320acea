"""Table columns of pods: the status and restarts that kubectl makes of a pod's many states."""

from __future__ import annotations

from typing import Any

from meshtui.sim.api.columns import Column, Kind, age, name_of, since
from meshtui.sim.store import Object


def reason(obj: Object) -> str:
    """What the STATUS column says."""
    status = obj.get("status") or {}
    told = str(status.get("reason") or status.get("phase") or "Unknown")
    states = status.get("containerStatuses") or []
    running = False
    for container in reversed(states):
        state = container.get("state") or {}
        if "waiting" in state and state["waiting"].get("reason"):
            told = str(state["waiting"]["reason"])
        elif "terminated" in state:
            ended = state["terminated"]
            told = str(ended.get("reason") or f"ExitCode:{ended.get('exitCode', 0)}")
        elif container.get("ready") and "running" in state:
            running = True
    if told == "Completed" and running:
        told = "Running" if _is(status, "Ready") else "NotReady"
    if obj["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return told


def _is(status: Object, condition: str) -> bool:
    return any(c["type"] == condition and c["status"] == "True" for c in status.get("conditions") or [])


def _restarts(states: list[Object], now: float) -> str:
    count = sum(s.get("restartCount", 0) for s in states)
    ends = [((s.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for s in states]
    last = max((e for e in ends if e), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def _row(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec", {}), obj.get("status") or {}
    states = status.get("containerStatuses") or []
    ready = sum(1 for s in states if s.get("ready"))
    gates = spec.get("readinessGates") or []
    gated = f"{sum(_is(status, g['conditionType']) for g in gates)}/{len(gates)}" if gates else "<none>"
    return [
        name_of(obj),
        f"{ready}/{len(spec.get('containers') or [])}",
        reason(obj),
        _restarts(states, now),
        age(obj, now),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        gated,
    ]


PODS = Kind(
    (
        Column("Name"),
        Column("Ready"),
        Column("Status"),
        Column("Restarts"),
        Column("Age"),
        Column("IP", priority=1),
        Column("Node", priority=1),
        Column("Nominated Node", priority=1),
        Column("Readiness Gates", priority=1),
    ),
    _row,
)
