"""Requests to one server over kept connections: a request waits a moment for one that is busy before it opens another.

Lists of a near server follow each other on few connections, whose TLS handshakes cost more than they do; those of a
server far away go out side by side.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from meshtui.kube.http.connection import SWITCHED, HttpConnection, Response
from meshtui.kube.http.dialer import Dialer

PATIENCE = 0.01
"""Seconds that a request waits for a connection to become free before one more is opened."""
MOST = 8
"""Connections for requests that end by themselves; each watch has one of its own."""
_CLOSING = 1.0
_log = logging.getLogger("meshtui.kube.http")


class Request(Struct, frozen=True):
    """One request, without its credentials."""

    method: str
    path: str
    """Below the server's own path; may hold a query."""
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    headers: Sequence[tuple[str, str]] = ()
    """What this request says beside what every one does."""

    @property
    def target(self) -> str:
        """Path and query as they go over the wire: nothing in them can begin another line."""
        path = quote(self.path, safe="/:@!$&'()*+,;=?%~")
        return f"{path}{'&' if '?' in path else '?'}{urlencode(self.params)}" if self.params else path


class Client:
    """Everything here belongs on one event loop."""

    def __init__(self, dialer: Dialer, server: str) -> None:
        """`server` is the URL below which every path stands, as `kubeconfig.server_of` gives it."""
        self.is_closed = False
        self._dialer = dialer
        self._server = server
        address = server.partition("://")[2]
        self._place, slash, base = address.partition("/")
        self._base = server if dialer.whole_address else slash + base
        self._connections: set[HttpConnection] = set()
        self._idle: list[HttpConnection] = []
        self._plain = 0
        """Connections, standing or on their way, of requests that end by themselves."""
        self._opened = 0.0
        """When the last of them was begun."""
        self._waiting: deque[asyncio.Future[HttpConnection | None]] = deque()

    async def fetch(self, request: Request, headers: Sequence[tuple[str, str]]) -> tuple[Response, bytes]:
        """The answer and its whole body. Raises OSError (Cut among them) and ssl.SSLError."""
        connection = await self._take()
        try:
            response = connection.send(self._head(request, headers), request.body)
            await response.head()
            body = await response.body()
        except BaseException:
            connection.drop()
            raise
        finally:
            self._free(connection)
        self._log(request, response)
        return response, body

    async def stream(self, request: Request, headers: Sequence[tuple[str, str]]) -> Response:
        """The answer, its body yet to come: whoever has it drops it at its end. Raises as `fetch`."""
        connection = self._kept() or await self._open()
        try:
            response = connection.send(self._head(request, headers), request.body)
            await response.head()
        except BaseException:
            connection.drop()
            raise
        self._log(request, response)
        return response

    async def switch(self, request: Request, headers: Sequence[tuple[str, str]]) -> tuple[Response, bytes]:
        """The answer to a request for another protocol: a refusal with its whole body, or SWITCHED.

        With SWITCHED, `response.connection` belongs to whoever asked, until `close` drops it. Raises as `fetch`.
        """
        tunnelled = self._dialer.whole_address
        kept = None if tunnelled else self._kept()
        connection = kept or await self._open(tunnelled=tunnelled)
        try:
            response = connection.send(self._head(request, headers, tunnelled=tunnelled), switches=True)
            await response.head()
            body = b"" if response.status == SWITCHED else await response.body()
        except (ConnectionError, ssl.SSLEOFError):
            connection.drop()
            if kept is None:
                raise
            # A kept connection may have been closed just now: the next one is tried, in the end a new one.
            return await self.switch(request, headers)
        except BaseException:
            connection.drop()
            raise
        self._log(request, response)
        if response.status != SWITCHED:
            connection.drop()
        return response, body

    async def listen(self) -> None:
        """Open one connection and send nothing, until the server ends it. Raises as `fetch`."""
        connection = await self._open()
        try:
            await connection.send(b"").head()
        finally:
            connection.drop()

    @property
    def kept(self) -> int:
        """Connections for what ends by itself, busy and idle, at most `MOST`."""
        return self._plain

    async def close(self) -> None:
        """Drop every connection; returns when their sockets are gone."""
        self.is_closed = True
        connections = list(self._connections)
        for connection in connections:
            connection.drop()
        if connections:
            await asyncio.wait([connection.closed for connection in connections], timeout=_CLOSING)

    def _kept(self) -> HttpConnection | None:
        """An idle connection, from now on somebody's own."""
        kept = self._idle.pop() if self._idle else None
        if kept is not None:
            self._left()
        return kept if kept is not None and kept.usable else None

    async def _take(self) -> HttpConnection:
        """A connection of this request's own until it is freed."""
        while self._idle:
            kept = self._idle.pop()
            if kept.usable:
                return kept
            self._plain -= 1
        if self._plain and (freed := await self._freed()) is not None:
            return freed
        self._plain += 1
        self._opened = asyncio.get_running_loop().time()
        try:
            return await self._open()
        except BaseException:
            self._left()
            raise

    async def _freed(self) -> HttpConnection | None:
        """A connection that another request leaves; None when it is time to open one more."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[HttpConnection | None] = loop.create_future()
        self._waiting.append(waiter)
        try:
            while not waiter.done():
                due = None if self._plain >= MOST else self._opened + PATIENCE - loop.time()
                if due is not None and due <= 0:
                    return None
                await asyncio.wait((waiter,), timeout=due)
            return waiter.result()
        except BaseException:
            if waiter.done():
                self._pass_on(waiter.result())
            raise
        finally:
            if not waiter.done():
                self._waiting.remove(waiter)

    def _free(self, connection: HttpConnection) -> None:
        """Whoever waits gets it, or it is kept; one that cannot be used again counts no more."""
        if connection.usable and not self.is_closed:
            self._pass_on(connection)
        else:
            connection.drop()
            self._left()

    def _left(self) -> None:
        """One connection less: whoever waits may open its own."""
        self._plain -= 1
        if self._waiting:
            self._pass_on(None)

    def _pass_on(self, connection: HttpConnection | None) -> None:
        if self._waiting:
            self._waiting.popleft().set_result(connection)
        elif connection is not None:
            self._idle.append(connection)

    async def _open(self, *, tunnelled: bool = False) -> HttpConnection:
        if self.is_closed:
            raise ConnectionAbortedError("this session has ended")
        connection = await self._dialer.open(lambda: HttpConnection(self._gone), tunnelled=tunnelled)
        if self.is_closed:  # meanwhile, and so it is in nobody's list
            connection.drop()
            raise ConnectionAbortedError("this session has ended")
        self._connections.add(connection)
        return connection

    def _gone(self, connection: HttpConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
            self._plain -= 1

    def _head(self, request: Request, headers: Sequence[tuple[str, str]], *, tunnelled: bool = False) -> bytes:
        ours = [
            ("Host", self._place),
            ("User-Agent", "meshtui"),
            ("Accept", "application/json"),
            ("Accept-Encoding", "gzip"),
        ]
        base = self._base
        if tunnelled:
            base = self._server.removeprefix(f"http://{self._place}")
        elif self._dialer.whole_address and self._dialer.proxy is not None and self._dialer.proxy.authorization:
            ours.append(("Proxy-Authorization", self._dialer.proxy.authorization))
        if request.body:
            ours += [("Content-Type", request.content_type), ("Content-Length", str(len(request.body)))]
        ours += request.headers
        lines = [f"{request.method} {base}{request.target} HTTP/1.1", *(f"{key}: {value}" for key, value in ours)]
        # Names of people are UTF-8 on the wire; what could end a line would begin a header of somebody else's.
        lines += [f"{key}: {value}".replace("\r", " ").replace("\n", " ") for key, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _log(self, request: Request, response: Response) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info("HTTP Request: %s %s%s %d", request.method, self._server, request.target, response.status)
