"""Exec and attach over WebSocket: a byte before each message tells its channel (v5 and v4.channel.k8s.io)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from meshtui.sim.api.commands import KILLED, Input, Outcome, Work, fate
from meshtui.sim.api.errors import ApiError
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, STATUS, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_TRUE = ("1", "true", "True")


async def serve(request: web.Request, cluster: SimCluster, pod: Object, work: Work) -> tuple[web.StreamResponse, bool]:
    """Run `work` for one WebSocket; False when the API server went down meanwhile. Raises ApiError 403."""
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    chosen = next((p for p in PROTOCOLS if p in [o.strip() for o in offered.split(",")]), "")
    if offered and not chosen:
        raise ApiError(403, "Forbidden", "no known protocol")
    socket = web.WebSocketResponse(protocols=(chosen,) if chosen else (), max_msg_size=0, compress=False)
    await socket.prepare(request)
    return socket, await _Session(socket, chosen, request.query).run(cluster, pod, work)


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
        self._input = Input()

    async def run(self, cluster: SimCluster, pod: Object, work: Work) -> bool:
        """Run it, cancelled when the client goes away; False when the API server went down meanwhile."""
        await self._socket.send_bytes(bytes([STDOUT]))
        if not self._wants[STDIN]:
            self._input.end()
        task = self.start(work)
        reader = asyncio.create_task(self._read())
        end = asyncio.create_task(fate(cluster, pod))
        try:
            await asyncio.wait({task, reader, end}, return_when=asyncio.FIRST_COMPLETED)
            if end.done() and not end.result():
                return False
            if (task.done() or end.done()) and not self._socket.closed:
                status = (task.result() if task.done() else Outcome(KILLED)).status(v5=self._v5)
                await self._socket.send_bytes(bytes([STATUS]) + msgspec.json.encode(status))
                await self._finish(reader)
            return True
        finally:
            for each in (task, reader, end):
                each.cancel()
            await asyncio.gather(task, reader, end, return_exceptions=True)

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

    async def stdout(self, data: bytes) -> None:
        """Standard output."""
        await self._write(STDOUT, data)

    async def stderr(self, data: bytes) -> None:
        """Standard error, which a terminal has none of."""
        await self._write(STDOUT if self._tty else STDERR, data)

    async def _write(self, channel: int, data: bytes) -> None:
        if not self._wants[channel] or not data or self._socket.closed:
            return
        if self._tty:
            data = data.replace(b"\n", b"\r\n")
        await self._socket.send_bytes(bytes([channel]) + data)

    def start(self, work: Work) -> asyncio.Task[Outcome]:
        """The command as a task."""

        async def body() -> Outcome:
            return await work(self._input, self.stdout, self.stderr)

        return asyncio.create_task(body())
