"""How a connection to a server is made: straight or through a proxy, in TLS where the address says so."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from meshtui.core.keepalive import KEEPALIVE
from meshtui.core.untold import Untold
from meshtui.kube.http.connection import Cut, HttpConnection
from meshtui.kube.proxies import Proxy

_OTHER_FAMILY_AFTER = 0.25
"""Seconds after which a host's next address is tried beside the first (RFC 8305)."""
_LONGEST_WORD = 64 * 1024


class ProxyError(OSError):
    """The proxy answered, and does not let us through."""


class Dialer(Untold, frozen=True):
    """The way to one server."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    name: str = ""
    """Whose certificate is asked for and checked, on every way; empty for the host's."""
    proxy: Proxy | None = None

    async def open(self, made: Callable[[], HttpConnection], *, tunnelled: bool = False) -> HttpConnection:
        """A connection that stands. Raises OSError, ssl.SSLError, ProxyError; a cancelled one leaves nothing open.

        `tunnelled` is for what an HTTP proxy must not read: it passes bytes on even where they are plain HTTP.
        """
        if self.proxy is None:
            connection = await self._straight(made)
        elif self.proxy.url.startswith("socks"):
            connection = await self._socks(self.proxy, made)
        else:
            connection = await self._by_http(self.proxy, made, tunnelled=tunnelled)
        if connection.transport is None:
            raise Cut("the connection was closed as soon as it stood")
        return connection

    @property
    def whole_address(self) -> bool:
        """Whether requests must name the server: a proxy that carries plain HTTP reads them itself."""
        return self.proxy is not None and self.tls is None and not self.proxy.url.startswith("socks")

    @property
    def _tls(self) -> dict[str, Any]:
        return {"ssl": self.tls, "server_hostname": self.name or self.host} if self.tls is not None else {}

    async def _straight(self, made: Callable[[], HttpConnection]) -> HttpConnection:
        loop = asyncio.get_running_loop()
        # One address needs no race, and a cancelled race of Python 3.11 loses a socket that has just connected.
        delay = None if _is_address(self.host) else _OTHER_FAMILY_AFTER
        if self.tls is None:
            _, connection = await loop.create_connection(made, self.host, self.port, happy_eyeballs_delay=delay)
            return _kept_alive(connection)
        # TLS in a second step: what is cancelled before its handshake has begun would leave the socket open.
        transport, _ = await loop.create_connection(asyncio.Protocol, self.host, self.port, happy_eyeballs_delay=delay)
        return await self._secured(transport, made)

    async def _secured(self, transport: asyncio.Transport, made: Callable[[], HttpConnection]) -> HttpConnection:
        """The server's TLS, if it wants any, over a connection that stands; it ends when that fails."""
        loop = asyncio.get_running_loop()
        inner: asyncio.Transport | None = transport
        try:
            connection = made()
            if self.tls is None:
                transport.set_protocol(connection)
            else:
                inner = await loop.start_tls(transport, connection, self.tls, server_hostname=self.name or self.host)
        except BaseException:
            transport.abort()
            raise
        # Python 3.11 gives None for a connection that was lost right behind its handshake.
        if inner is not None and not connection.closed.done():
            connection.connection_made(inner)
        return _kept_alive(connection)

    async def _socks(self, proxy: Proxy, made: Callable[[], HttpConnection]) -> HttpConnection:
        from python_socks import ProxyError as Refusal
        from python_socks.async_.asyncio import Proxy as Socks

        # Its own name for a resolver that leaves names to the proxy is a flag, not a scheme.
        way = Socks.from_url(proxy.url.replace("socks5h://", "socks5://", 1), rdns=True)
        try:
            taken = await way.connect(self.host, self.port)
        except Refusal as error:
            raise ProxyError(str(error)) from error
        try:
            _, connection = await asyncio.get_running_loop().create_connection(made, sock=taken, **self._tls)
        except BaseException:
            taken.close()
            raise
        return _kept_alive(connection)

    async def _by_http(self, proxy: Proxy, made: Callable[[], HttpConnection], *, tunnelled: bool) -> HttpConnection:
        loop = asyncio.get_running_loop()
        parts = urlsplit(proxy.url)
        host, port = parts.hostname or "", parts.port or 80
        secure: dict[str, Any] = {"ssl": proxy.tls, "server_hostname": host} if proxy.tls else {}
        if self.tls is None and not tunnelled:
            _, connection = await loop.create_connection(made, host, port, **secure)
            return _kept_alive(connection)
        transport, asking = await loop.create_connection(_Connect, host, port, **secure)
        try:
            transport.write(_connect(self.host, self.port, proxy.authorization))
            await asking.let_through
        except BaseException:
            transport.abort()
            raise
        return await self._secured(transport, made)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _kept_alive(connection: HttpConnection) -> HttpConnection:
    raw = connection.transport.get_extra_info("socket") if connection.transport is not None else None
    if raw is not None:
        for level, option, value in KEEPALIVE:
            raw.setsockopt(level, option, value)
    return connection


def _connect(host: str, port: int, authorization: str) -> bytes:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    login = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    return f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\nUser-Agent: meshtui\r\n{login}\r\n".encode()


class _Connect(asyncio.Protocol):
    """Reads a proxy's answer to CONNECT, which has no body when it is a yes."""

    def __init__(self) -> None:
        self.let_through: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._said = bytearray()

    def data_received(self, data: bytes) -> None:
        self._said += data
        head, found, _ = bytes(self._said).partition(b"\r\n\r\n")
        if self.let_through.done() or not (found or len(self._said) > _LONGEST_WORD):
            return
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
        if found and len(words) > 1 and words[0].startswith("HTTP/1.") and words[1].startswith("2"):
            self.let_through.set_result(None)
        else:
            self.let_through.set_exception(ProxyError(" ".join(words[1:])[:200]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.let_through.done():
            self.let_through.set_exception(error or Cut("the proxy closed the connection"))
