"""A way to one port that counts who passes and can be closed, so that a test sees and breaks connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Gate:
    """Passes connections on to `onward`."""

    def __init__(self, onward: int) -> None:
        self.onward = onward
        self.port = 0
        """Where it listens."""
        self.closed = False
        self.met = self.open = 0
        """Connections so far, and those that their client has not ended."""
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        if self.closed:
            writer.close()
            return
        self.met, self.open = self.met + 1, self.open + 1
        there, onward = await asyncio.open_connection("127.0.0.1", self.onward)
        both = {writer, onward}
        self._writers |= both
        back = asyncio.ensure_future(pipe(there, writer))
        try:
            await pipe(reader, onward)
            self.open -= 1
            await back
        finally:
            self._writers -= both

    def close(self) -> None:
        """Break every connection, and let none through."""
        self.closed = True
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def gated(onward: int) -> AsyncIterator[Gate]:
    """A gate on a port of its own."""
    gate = Gate(onward)
    async with listening(gate.serve) as gate.port:
        yield gate


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A port of its own where each connection is served."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read until its end; then the writer is closed."""
    with suppress(ConnectionError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
