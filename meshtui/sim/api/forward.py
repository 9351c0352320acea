"""Port-forward over SPDY: a pair of streams for each TCP connection, told together by their request id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from meshtui.sim.api.ports import refusal, target
from meshtui.sim.api.streams import Connection, Send, Stream
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

CHUNK = 32768
PROTOCOL = "portforward.k8s.io"


class Forwarder:
    """All forwarded connections of one client."""

    def __init__(self, send: Send, cluster: SimCluster, pod: Object) -> None:
        self._connection = Connection(send, self._opened)
        self._cluster = cluster
        self._pod = pod
        self._half: dict[str, Stream] = {}
        """Streams that still wait for their other half, by request id."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, received: AsyncIterator[bytes]) -> None:
        """Forward until the client ends."""
        try:
            await self._connection.serve(received)
        except ValueError:
            return
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _opened(self, stream: Stream) -> None:
        """Pair a stream with its other half; both there, connect."""
        kind, request = stream.headers.get("streamtype"), stream.headers.get("requestid", "")
        other = self._half.pop(request, None)
        if other is None or other.headers.get("streamtype") == kind:
            self._half[request] = stream
            return
        error, data = (stream, other) if kind == "error" else (other, stream)
        task = asyncio.create_task(self._connect(error, data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, error: Stream, data: Stream) -> None:
        text = data.headers.get("port", "")
        port = int(text) if text.isdigit() else 0
        place = target(self._cluster, self._pod, port)
        try:
            if place is None:
                raise ConnectionRefusedError
            reader, writer = await asyncio.open_connection(*place)
        except OSError:
            await error.write(refusal(self._pod, port).encode())
        else:
            await _bridge(data, reader, writer)
        await data.close()
        await error.close()


async def _bridge(stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    feeder = asyncio.create_task(_feed(stream, writer))
    try:
        while data := await reader.read(CHUNK):
            await stream.write(data)
    except ConnectionError:
        return
    finally:
        feeder.cancel()
        writer.close()
        await asyncio.gather(feeder, return_exceptions=True)


async def _feed(stream: Stream, writer: asyncio.StreamWriter) -> None:
    async for data in stream:
        writer.write(data)
        await writer.drain()
    writer.write_eof()
