"""`kubectl logs`: simulated containers say nothing; following one lasts as long as its pod."""

from __future__ import annotations

from aiohttp import web

from meshtui.sim.api.commands import Write
from meshtui.sim.api.containers import container_of, running_pod
from meshtui.sim.api.errors import bad_request
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_TRUE = ("1", "true")
LOOK_SECONDS = 0.5
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
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    if request.query.get("follow") in _TRUE:
        await follow(cluster, pod, container, response.write, response.write)
    await response.write_eof()
    return response


async def follow(cluster: SimCluster, pod: Object, container: str, stdout: Write, stderr: Write) -> None:
    """Write what a container says until its pod is gone."""
    del container, stdout, stderr
    meta = pod["metadata"]
    while (still := cluster.store.get(("", "pods"), meta["namespace"], meta["name"])) is not None:
        if still["metadata"]["uid"] != meta["uid"]:
            return
        await cluster.world.clock.sleep(LOOK_SECONDS)
