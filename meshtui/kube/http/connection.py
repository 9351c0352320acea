"""One connection to a server: one request at a time, its answer parsed by httptools as it arrives."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from typing import cast

import httptools

SWITCHED = 101
"""The status of an answer after which the connection speaks another protocol."""
_LONGEST_HEAD = 256 * 1024
MOST_WAITING = 1024 * 1024
"""Bytes of an answer that nobody takes, after which the server is made to wait."""
_GZIP = 32 + zlib.MAX_WBITS
"""gzip and zlib, told apart by their first bytes."""


class Cut(ConnectionError):
    """The connection ended before the answer did, or what came was no HTTP."""


class Silent(OSError):
    """Nothing came of an answer for as long as was said."""


class HttpConnection(asyncio.Protocol):
    """One connection. Everything here belongs on the event loop."""

    def __init__(self, ended: Callable[[HttpConnection], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.kept = False
        """Whether the last answer is whole and another request may follow."""
        self.closed = asyncio.get_running_loop().create_future()
        """Done when the socket is gone."""
        self._ended = ended
        self._response: Response | None = None
        self._parser: httptools.HttpResponseParser | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self.transport = cast("asyncio.Transport", transport)

    @property
    def usable(self) -> bool:
        """Whether another request may follow."""
        return self.kept and self.transport is not None and not self.transport.is_closing()

    def send(self, head: bytes, body: bytes = b"", *, switches: bool = False) -> Response:
        """Send one request; `switches` for one that asks for another protocol. Raises Cut when the connection is gone.

        After the answer SWITCHED nothing is read until another protocol is put in this one's place.
        """
        if self.transport is None or self.transport.is_closing():
            raise Cut("the connection was closed meanwhile")
        self.kept = False
        self._response = Response(self, switches=switches)
        self._parser = httptools.HttpResponseParser(self._response)
        self._response.parser = self._parser
        self.transport.write(head + body)
        return self._response

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; a server that talks unasked is left."""
        response, parser = self._response, self._parser
        if response is None or parser is None or response.whole:
            self.drop()
            return
        try:
            parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(Cut(f"the answer is no HTTP: {error}"))
        except httptools.HttpParserUpgrade as upgrade:
            if response.status == SWITCHED:
                self.pause()
                response.rest = data[upgrade.args[0] :]
            else:
                self._fail(Cut("the server wants another protocol"))
        else:
            if response.longest_waiting > MOST_WAITING:
                self.pause()

    def eof_received(self) -> None:
        """The server is done: an answer without a length is whole by that."""
        if self._response is not None:
            self._response.end_of_connection()

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone, whoever ended it."""
        if self._response is not None:
            self._response.end_of_connection(error)
        self._response = self._parser = self.transport = None
        self.kept = False
        if not self.closed.done():
            self.closed.set_result(None)
        self._ended(self)

    def pause(self) -> None:
        """Let the server wait."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        """Take what comes."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def drop(self) -> None:
        """Close without a word."""
        self.kept = False
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, error: Cut) -> None:
        if self._response is not None:
            self._response.end_of_connection(error)
        self.drop()


class Response:
    """The answer to one request, as it comes. httptools calls the methods that begin with `on_`."""

    def __init__(self, connection: HttpConnection, *, switches: bool = False) -> None:
        self.parser: httptools.HttpResponseParser | None = None
        self.connection = connection
        self.switches = switches
        """Whether another protocol was asked for."""
        self.rest = b""
        """What came behind the answer SWITCHED, in the other protocol."""
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case; the last of several."""
        self.whole = False
        self.longest_waiting = 0
        self._length = 0
        self._keep = False
        self._chunks: list[bytes] = []
        self._error: BaseException | None = None
        self._news = asyncio.Event()
        self._headed = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._length += len(name) + len(value)
        if self._length > _LONGEST_HEAD:
            raise ValueError("a head without end")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Status and headers are known; what is only provisional (100) is passed over."""
        assert self.parser is not None
        status = self.parser.get_status_code()
        if 100 <= status < 200 and not (self.switches and status == SWITCHED):
            self.headers.clear()
            return
        self.status, self._headed = status, True
        self._keep = self.parser.should_keep_alive()
        self._news.set()

    def on_body(self, data: bytes) -> None:
        """Bytes of the body."""
        self._chunks.append(data)
        self.longest_waiting += len(data)
        self._news.set()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        if self._headed:
            self.whole = True
            self.connection.kept = self._keep and self.status != SWITCHED
            self.parser = None
            self._news.set()

    def end_of_connection(self, error: BaseException | None = None) -> None:
        """Nothing more will come."""
        if self.whole or self._error is not None:
            return
        lengthless = not {"content-length", "transfer-encoding"} & self.headers.keys()
        if self._headed and lengthless and error is None:
            self.whole = True
        elif isinstance(error, Exception):
            self._error = error
        else:
            self._error = Cut("the connection was closed before the answer was whole")
        self.parser = None
        self._news.set()

    async def head(self) -> None:
        """Wait for status and headers. Raises Cut, OSError or ssl.SSLError."""
        while not self._headed:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def body(self) -> bytes:
        """All of the body, unpacked. Raises as `head`."""
        # Nobody takes parts of it: there is nothing to wait for.
        while not self.whole:
            if self._error is not None:
                raise self._error
            self.longest_waiting = 0
            self.connection.resume()
            await self._wait()
        body = b"".join(self._chunks)
        self._chunks.clear()
        return _unpacked(body) if self._packed else body

    async def chunks(self, idle: float) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises as `head`, and Silent after `idle` seconds without any."""
        unpack = zlib.decompressobj(_GZIP).decompress if self._packed else None
        while True:
            chunks, self._chunks, self.longest_waiting = self._chunks, [], 0
            if chunks:
                self.connection.resume()
                data = b"".join(chunks)
                yield unpack(data) if unpack is not None else data
                continue
            if self._error is not None:
                raise self._error
            if self.whole:
                return
            try:
                async with asyncio.timeout(idle):
                    await self._wait()
            except TimeoutError:
                raise Silent(f"nothing came for {idle:g} s") from None

    def leave(self) -> None:
        """Nobody wants the rest: the connection goes, unless it is whole and kept for others."""
        if not self.whole:
            self.drop()

    def drop(self) -> None:
        """The connection goes."""
        self.connection.drop()

    @property
    def _packed(self) -> bool:
        return self.headers.get("content-encoding", "") in ("gzip", "deflate")

    async def _wait(self) -> None:
        self._news.clear()
        await self._news.wait()


def _unpacked(body: bytes) -> bytes:
    try:
        return zlib.decompress(body, _GZIP)
    except zlib.error as error:
        raise Cut(f"the answer cannot be unpacked: {error}") from None
