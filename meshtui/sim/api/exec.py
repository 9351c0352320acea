"""`pods/exec` and `pods/attach`: what is asked for, and the wire it is asked for on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from meshtui.sim.api import exec_spdy, exec_websocket, logs
from meshtui.sim.api.commands import Outcome, Work, Write, execute
from meshtui.sim.api.containers import container_of, must_run, running_pod
from meshtui.sim.api.errors import bad_request
from meshtui.sim.api.faults import hang_up
from meshtui.sim.api.upgrade import wants_spdy
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_TRUE = ("1", "true", "True")


async def serve(
    request: web.Request, cluster: SimCluster, namespace: str, name: str, *, attach: bool = False
) -> web.StreamResponse:
    """Run a command in a container, or attach to its process. Raises ApiError before the upgrade."""
    pod = running_pod(cluster, namespace, name)
    container = container_of(pod, request.query.get("container", ""))
    work = _attached(cluster, pod, container) if attach else _command(request, cluster, pod, container)
    must_run(pod, container)
    spdy = wants_spdy(request)
    if not spdy and request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    if not any(request.query.get(stream) in _TRUE for stream in ("stdin", "stdout", "stderr")):
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr")
    wire = exec_spdy.serve if spdy else exec_websocket.serve
    response, alive = await wire(request, cluster, pod, work)
    if not alive:
        hang_up(request)
    return response


def _command(request: web.Request, cluster: SimCluster, pod: Object, container: str) -> Work:
    argv = request.query.getall("command", [])
    if not argv:
        raise bad_request("you must specify at least one command for the container")

    async def work(stdin: AsyncIterator[bytes], stdout: Write, stderr: Write) -> Outcome:
        return await execute(cluster, pod, container, argv, stdin, stdout, stderr)

    return work


def _attached(cluster: SimCluster, pod: Object, container: str) -> Work:
    """What the container's process says from now on; it never reads its standard input."""

    async def work(stdin: AsyncIterator[bytes], stdout: Write, stderr: Write) -> Outcome:
        del stdin, stderr
        await logs.follow(cluster, pod, container, stdout)
        return Outcome(logs.KILLED)

    return work
