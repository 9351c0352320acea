"""`kubectl port-forward`: SPDY tunnelled through a WebSocket, a pair of streams per TCP connection."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from meshtui.sim.api.ports import refusal, target
from meshtui.sim.api.spdy import DATA, FIN, GOAWAY, PING, RST_STREAM, SYN_STREAM, Decoder, Encoder, Frame
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOL = "SPDY/3.1+portforward.k8s.io"


class Tunnel:
    """All forwarded connections of one `kubectl port-forward`."""

    def __init__(self, socket: web.WebSocketResponse, cluster: SimCluster, pod: Object) -> None:
        self._socket = socket
        self._cluster = cluster
        self._pod = pod
        self._encoder = Encoder()
        self._errors: dict[str, int] = {}
        """Error stream of each request id."""
        self._inputs: dict[int, asyncio.Queue[bytes | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve frames until the client ends."""
        decoder = Decoder()
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.BINARY:
                    continue
                for frame in decoder.feed(message.data):
                    if frame.kind == GOAWAY:
                        return
                    await self._frame(frame)
        except ValueError:
            return
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._socket.close()

    async def _frame(self, frame: Frame) -> None:
        if frame.kind == SYN_STREAM:
            await self._open(frame)
        elif frame.kind == PING and frame.stream % 2:
            await self._send(self._encoder.ping(frame.stream))
        elif frame.kind in (DATA, RST_STREAM) and frame.stream in self._inputs:
            if frame.kind == DATA and frame.data:
                self._inputs[frame.stream].put_nowait(frame.data)
            if frame.kind == RST_STREAM or frame.flags & FIN:
                self._inputs[frame.stream].put_nowait(None)

    async def _open(self, frame: Frame) -> None:
        await self._send(self._encoder.reply(frame.stream))
        request = frame.headers.get("requestid", "")
        if frame.headers.get("streamtype") == "error":
            self._errors[request] = frame.stream
            return
        port = frame.headers.get("port", "")
        self._inputs[frame.stream] = asyncio.Queue()
        task = asyncio.create_task(self._connect(frame.stream, request, int(port) if port.isdigit() else 0))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, stream: int, request: str, port: int) -> None:
        """Bridge one data stream to the port it names."""
        error = self._errors.pop(request, 0)
        place = target(self._cluster, self._pod, port)
        try:
            if place is None:
                raise ConnectionRefusedError
            reader, writer = await asyncio.open_connection(*place)
        except OSError:
            await self._send(self._encoder.data(error, refusal(self._pod, port).encode(), fin=True))
            await self._send(self._encoder.reset(stream))
            return
        feeder = asyncio.create_task(self._feed(stream, writer))
        try:
            while data := await reader.read(32768):
                await self._send(self._encoder.data(stream, data))
            await self._send(self._encoder.data(stream, fin=True))
            await self._send(self._encoder.data(error, fin=True))
        finally:
            feeder.cancel()
            writer.close()
            self._inputs.pop(stream, None)

    async def _feed(self, stream: int, writer: asyncio.StreamWriter) -> None:
        while (data := await self._inputs[stream].get()) is not None:
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _send(self, data: bytes) -> None:
        if not self._socket.closed:
            await self._socket.send_bytes(data)
