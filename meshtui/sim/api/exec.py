"""`pods/exec` over WebSocket: channels of v5 and v4, streamed output, exit codes and refusals."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from meshtui.sim.api.errors import ApiError, bad_request, not_found
from meshtui.sim.api.faults import down, hang_up
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_TRUE = ("1", "true", "True")
KILLED = 137
"""Exit code of a process whose container was stopped."""
LOOK_EVERY = 0.2
"""Seconds after which a running command notices that its pod or its API server is gone."""


def container_of(pod: Object, asked: str) -> str:
    """The container a request means. Raises ApiError 400."""
    name = pod["metadata"]["name"]
    spec = pod.get("spec", {})
    names: list[str] = [c["name"] for c in spec.get("containers") or []]
    inits: list[str] = [c["name"] for c in spec.get("initContainers") or []]
    if asked:
        if asked not in (*names, *inits):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) > 1:
        told = f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]"
        if inits:
            told += f" or one of the init containers: [{' '.join(inits)}]"
        raise bad_request(told)
    return names[0]


def running_pod(cluster: SimCluster, namespace: str, name: str) -> Object:
    """The pod. Raises ApiError 404."""
    pod = cluster.store.get(("", "pods"), namespace, name)
    if pod is None:
        raise not_found("pods", "", name)
    return pod


async def serve(request: web.Request, cluster: SimCluster, namespace: str, name: str) -> web.StreamResponse:
    """Run a command in a container for one WebSocket. Raises ApiError before the upgrade."""
    pod = running_pod(cluster, namespace, name)
    container = container_of(pod, request.query.get("container", ""))
    argv = request.query.getall("command", [])
    if not argv:
        raise bad_request("you must specify at least one command for the container")
    states = (pod.get("status") or {}).get("containerStatuses") or []
    if any(s["name"] == container and "running" not in s.get("state", {}) for s in states):
        message = f'unable to upgrade connection: container not found ("{container}")'
        raise ApiError(500, "InternalError", message)
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    chosen = next((p for p in PROTOCOLS if p in [o.strip() for o in offered.split(",")]), "")
    if offered and not chosen:
        raise ApiError(403, "Forbidden", "no known protocol")
    socket = web.WebSocketResponse(protocols=(chosen,) if chosen else (), max_msg_size=0, compress=False)
    await socket.prepare(request)
    session = _Session(socket, chosen, request.query)
    if not await session.run(cluster, pod, container, argv):
        hang_up(request)
    return socket


class _Stdin:
    """What the client sends to standard input; waiting for it can be cancelled and taken up again."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._ended = False

    def put(self, data: bytes) -> None:
        """More input."""
        if data:
            self._queue.put_nowait(data)

    def end(self) -> None:
        """No more input."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = None if self._ended else await self._queue.get()
        if data is None:
            self._ended = True
            raise StopAsyncIteration
        return data


class _Session:
    """One exec: frames in to standard input, output to frames out, then the status."""

    def __init__(self, socket: web.WebSocketResponse, protocol: str, query: Mapping[str, str]) -> None:
        self._socket = socket
        self._v5 = protocol.startswith("v5")
        self._tty = query.get("tty") in _TRUE
        self._wants = {
            STDIN: query.get("stdin") in _TRUE,
            STDOUT: query.get("stdout") in _TRUE,
            STDERR: query.get("stderr") in _TRUE and not self._tty,
        }
        self._input = _Stdin()

    async def run(self, cluster: SimCluster, pod: Object, container: str, argv: Sequence[str]) -> bool:
        """Run the command, cancelled when the client goes away; False when the API server went down meanwhile."""
        await self._socket.send_bytes(bytes([STDOUT]))
        if not self._wants[STDIN]:
            self._input.end()
        work = asyncio.create_task(self._execute(cluster, pod, container, list(argv)))
        reader = asyncio.create_task(self._read())
        fate = asyncio.create_task(_fate(cluster, pod))
        try:
            await asyncio.wait({work, reader, fate}, return_when=asyncio.FIRST_COMPLETED)
            if fate.done() and not fate.result():
                return False
            if (work.done() or fate.done()) and not self._socket.closed:
                status = work.result() if work.done() else self._status(_failed(KILLED, list(argv), v5=self._v5))
                await self._socket.send_bytes(bytes([STATUS]) + msgspec.json.encode(status))
                await self._finish(reader)
            return True
        finally:
            for task in (work, reader, fate):
                task.cancel()
            await asyncio.gather(work, reader, fate, return_exceptions=True)

    async def _finish(self, reader: asyncio.Task[None]) -> None:
        """Close; the reader must not hold the socket meanwhile."""
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        await self._socket.close(code=WSCloseCode.OK)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
                continue
            data = message.data.encode() if isinstance(message.data, str) else message.data
            if data[:1] == bytes([STDIN]):
                self._input.put(data[1:])
            elif self._v5 and data[:2] == bytes([CLOSE, STDIN]):
                self._input.end()

    async def _stdout(self, data: bytes) -> None:
        await self._write(STDOUT, data)

    async def _stderr(self, data: bytes) -> None:
        await self._write(STDOUT if self._tty else STDERR, data)

    async def _write(self, channel: int, data: bytes) -> None:
        if not self._wants[channel] or not data or self._socket.closed:
            return
        if self._tty:
            data = data.replace(b"\n", b"\r\n")
        await self._socket.send_bytes(bytes([channel]) + data)

    async def _execute(self, cluster: SimCluster, pod: Object, container: str, argv: list[str]) -> dict[str, Any]:
        from meshtui.sim import shell

        try:
            code = await shell.run(
                cluster.world, cluster, pod, container, argv, self._input, self._stdout, self._stderr
            )
        except shell.NotFoundInContainer as error:
            return self._status(_not_started(str(error), v5=self._v5))
        if code == 0:
            return self._status({"status": "Success"})
        return self._status(_failed(code, argv, v5=self._v5))

    def _status(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {}, **body} if self._v5 else body


async def _fate(cluster: SimCluster, pod: Object) -> bool:
    """Wait until the pod is gone (True) or the API server is down (False)."""
    meta = pod["metadata"]
    while not down(cluster):
        held = cluster.store.get(("", "pods"), meta.get("namespace", ""), meta["name"])
        if held is None or held["metadata"].get("uid") != meta.get("uid"):
            return True
        await asyncio.sleep(LOOK_EVERY)
    return False


def _failed(code: int, argv: list[str], *, v5: bool) -> dict[str, Any]:
    told = (
        f"command terminated with exit code {code}"
        if v5
        else f"error executing command [{' '.join(argv)}], exit code {code}"
    )
    return {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {told}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _not_started(message: str, *, v5: bool) -> dict[str, Any]:
    """An executable that is not there; `message` may be the runtime's words or just the name."""
    if "executable file not found" not in message:
        message = f'exec: "{message}": executable file not found in $PATH'
    if "OCI runtime" not in message:
        message = f"OCI runtime exec failed: exec failed: unable to start container process: {message}"
    if "failed to exec in container" not in message:
        message = f'failed to exec in container: failed to start exec "{secrets.token_hex(32)}": {message}'
    inner = message
    if not inner.startswith("Internal error occurred: "):
        inner = f"Internal error occurred: error executing command in container: {message}"
    if not v5:
        return {"status": "Failure", "message": inner, "reason": "InternalError", "code": 500}
    return {
        "status": "Failure",
        "message": f"Internal error occurred: {inner}",
        "reason": "InternalError",
        "details": {"causes": [{"message": inner}]},
        "code": 500,
    }
