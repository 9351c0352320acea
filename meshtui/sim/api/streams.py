"""The server's end of a SPDY/3.1 connection: streams that the client opens, over any bytes there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from meshtui.sim.api.spdy import (
    DATA,
    FIN,
    GOAWAY,
    PING,
    PROTOCOL_ERROR,
    RST_STREAM,
    SYN_STREAM,
    Decoder,
    Encoder,
    Frame,
)

Send = Callable[[bytes], Awaitable[None]]
CHUNK = 32768
"""Bytes of a DATA frame at most."""


class Stream:
    """One stream: what the client sends in it can be iterated, and it can be written to."""

    def __init__(self, number: int, headers: Mapping[str, str], send: Send) -> None:
        self.number = number
        self.headers = headers
        self._send = send
        self._received: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._ended = False
        self._closed = False

    def take(self, data: bytes) -> None:
        """More from the client."""
        if data:
            self._received.put_nowait(data)

    def end(self) -> None:
        """The client sends no more."""
        self._received.put_nowait(None)

    def drop(self) -> None:
        """The client wants no more of this stream, either way."""
        self._closed = True
        self.end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = None if self._ended else await self._received.get()
        if data is None:
            self._ended = True
            raise StopAsyncIteration
        return data

    async def write(self, data: bytes) -> None:
        """Send to the client; nothing happens once the stream is closed."""
        for at in range(0, len(data), CHUNK):
            if self._closed:
                return
            await self._send(Encoder.data(self.number, data[at : at + CHUNK]))

    async def close(self) -> None:
        """Nothing more will be written."""
        if not self._closed:
            self._closed = True
            await self._send(Encoder.data(self.number, fin=True))


class Connection:
    """All streams of one connection; `opened` is told of each after it was accepted."""

    def __init__(self, send: Send, opened: Callable[[Stream], None]) -> None:
        self._send = send
        self._opened = opened
        self._encoder = Encoder()
        self._streams: dict[int, Stream] = {}
        self._last = 0

    async def serve(self, received: AsyncIterator[bytes]) -> None:
        """Take frames until the client goes; raises ValueError for what is no SPDY."""
        decoder = Decoder()
        try:
            async for data in received:
                for frame in decoder.feed(data):
                    if frame.kind == GOAWAY:
                        return
                    await self._take(frame)
        finally:
            for stream in self._streams.values():
                stream.drop()

    async def go_away(self) -> None:
        """Say that this end is done."""
        await self._send(self._encoder.go_away(self._last))

    async def _take(self, frame: Frame) -> None:
        if frame.kind == SYN_STREAM:
            await self._open(frame)
        elif frame.kind == PING and frame.stream % 2:
            await self._send(self._encoder.ping(frame.stream))
        elif frame.kind in (DATA, RST_STREAM):
            stream = self._streams.get(frame.stream)
            if stream is None:
                return  # of a stream that is over already
            stream.take(frame.data if frame.kind == DATA else b"")
            if frame.kind == RST_STREAM:
                del self._streams[frame.stream]
                stream.drop()
            elif frame.flags & FIN:
                stream.end()

    async def _open(self, frame: Frame) -> None:
        if frame.stream % 2 == 0 or frame.stream <= self._last:
            await self._send(self._encoder.reset(frame.stream, PROTOCOL_ERROR))
            return
        self._last = frame.stream
        stream = self._streams[frame.stream] = Stream(frame.stream, frame.headers, self._send)
        await self._send(self._encoder.reply(frame.stream))
        if frame.flags & FIN:
            stream.end()
        self._opened(stream)
