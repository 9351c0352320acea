"""`kubectl logs`: what a container wrote, from where and how much of it the client asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from aiohttp import web

from meshtui.sim.api.commands import Write
from meshtui.sim.api.containers import container_of, running_pod
from meshtui.sim.api.errors import bad_request, invalid
from meshtui.sim.logs import Line, book
from meshtui.sim.logs.lines import stamp
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_TRUE = ("1", "true")
LOOK_SECONDS = 0.25
KILLED = 137
"""Exit code of a process whose container was stopped."""


async def serve(request: web.Request, cluster: SimCluster, namespace: str, name: str) -> web.StreamResponse:
    """The log of one container. Raises ApiError."""
    pod = running_pod(cluster, namespace, name)
    container = container_of(pod, request.query.get("container", ""))
    if request.query.get("previous") in _TRUE:
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    states = (pod.get("status") or {}).get("containerStatuses") or []
    waiting = next((s["state"]["waiting"] for s in states if s["name"] == container and "waiting" in s["state"]), None)
    if waiting is not None:
        reason = waiting.get("reason", "ContainerCreating")
        told = f'container "{container}" in pod "{name}" is waiting to start: {reason}'
        raise bad_request(told)
    written = book(cluster).lines(pod, container)
    chosen = _chosen(written, request.query, cluster.world.clock.now())
    timestamps = request.query.get("timestamps") in _TRUE
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    data = _text(chosen, timestamps=timestamps)
    limit = _number(request.query, "limitBytes")
    if data:
        await response.write(data if limit is None else data[:limit])
    if request.query.get("follow") in _TRUE:
        await follow(cluster, pod, container, response.write, written, timestamps=timestamps)
    await response.write_eof()
    return response


async def follow(
    cluster: SimCluster,
    pod: Object,
    container: str,
    write: Write,
    told: Sequence[Line] | None = None,
    *,
    timestamps: bool = False,
) -> None:
    """Write what a container says beyond the lines in `told` (None: all there are) until its pod is gone."""
    kept = book(cluster)
    known = set(kept.lines(pod, container) if told is None else told)
    meta = pod["metadata"]
    while (still := cluster.store.get(("", "pods"), meta["namespace"], meta["name"])) is not None:
        if still["metadata"]["uid"] != meta["uid"]:
            return
        lines = kept.lines(still, container)
        fresh = [line for line in lines if line not in known]
        if fresh:
            await write(_text(fresh, timestamps=timestamps))
            known = set(lines)
        await cluster.world.clock.sleep(LOOK_SECONDS)


def _text(lines: list[Line], *, timestamps: bool) -> bytes:
    return "".join(f"{stamp(line.time)} {line.text}\n" if timestamps else f"{line.text}\n" for line in lines).encode()


def _chosen(lines: list[Line], query: Mapping[str, str], now: float) -> list[Line]:
    """The lines since a time, and of those the last. Raises ApiError 422."""
    seconds, tail = _number(query, "sinceSeconds"), _number(query, "tailLines")
    since = now - seconds if seconds is not None else None
    if query.get("sinceTime"):
        if since is not None:
            causes = [
                ("FieldValueForbidden", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified", "")
            ]
            raise invalid("PodLogOptions", "", "", causes)
        try:
            since = datetime.fromisoformat(query["sinceTime"]).timestamp()
        except ValueError:
            raise bad_request(f'parsing time "{query["sinceTime"]}": it is no RFC 3339 time') from None
    if since is not None:
        lines = [line for line in lines if line.time >= since]
    return lines if tail is None else lines[max(0, len(lines) - tail) :]


def _number(query: Mapping[str, str], name: str) -> int | None:
    """A count among the parameters, None when it is not given. Raises ApiError."""
    text = query.get(name)
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
    if number < 0:
        causes = [("FieldValueInvalid", f"Invalid value: {number}: must be greater than or equal to 0", name)]
        raise invalid("PodLogOptions", "", "", causes)
    return number
