"""Connections for httpx: closed even when cancelled in a TLS handshake, and sure of the name they must meet."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose certificate is asked for and checked, on every road: httpcore forgets it behind an HTTP proxy."""

    tls: ssl.SSLContext | None = None
    """The context that talks to the API server, not the one that talks to a proxy."""
    name: str = ""
    """tls-server-name; empty for the URL's host."""


class Sockets(httpcore.AsyncNetworkBackend):
    """httpcore's own connections, but none is left behind by a cancelled handshake."""

    def __init__(self, expected: Expected) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._expected = expected
        self._halfway: dict[_Stream, asyncio.Task[Any] | None] = {}
        """Connections to a proxy that has not yet let anybody through, and whose they are."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A TCP connection; raises what httpcore raises."""
        inner = await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        stream = _Stream(inner, self._expected, self._halfway)
        if self._expected.tls is not None:
            self._halfway[stream] = asyncio.current_task()
        return stream

    async def drop(self) -> None:
        """Close what the current task left halfway: httpcore forgets a connection that a SOCKS5 proxy refuses."""
        task = asyncio.current_task()
        for stream in [each for each, owner in self._halfway.items() if owner is task]:
            await stream.aclose()

    async def sleep(self, seconds: float) -> None:
        """Pause between httpcore's retries."""
        await self._inner.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(
        self, inner: httpcore.AsyncNetworkStream, expected: Expected, halfway: dict[_Stream, asyncio.Task[Any] | None]
    ) -> None:
        self._inner = inner
        self._expected = expected
        self._halfway = halfway

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        if ssl_context is self._expected.tls and self._expected.name:
            server_hostname = self._expected.name
        try:
            inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
            self._halfway.pop(self, None)
            return _Stream(inner, self._expected, self._halfway)
        except BaseException:
            # httpcore closes after errors alone: a cancelled handshake would leave its socket open for ever.
            await self.aclose()
            raise

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
    ) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        self._halfway.pop(self, None)
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def own(transport: httpx.AsyncHTTPTransport, connections: Sockets) -> httpx.AsyncHTTPTransport:
    """Let a transport connect through `Sockets`; httpx has no public way to say so (a test holds it)."""
    transport._pool._network_backend = connections  # noqa: SLF001
    return transport
