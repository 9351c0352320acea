"""HTTP connections that become SPDY/3.1: the handshake, and the raw bytes after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

from aiohttp import web
from aiohttp.http_websocket import WebSocketReader

SPDY = "SPDY/3.1"
VERSION_HEADER = "X-Stream-Protocol-Version"
ACCEPTED_HEADER = "X-Accepted-Stream-Protocol-Versions"
HIGH_WATER = 1 << 20
"""Received bytes nobody took yet, above which the socket is read no further."""


def wants_spdy(request: web.Request) -> bool:
    """Whether a request asks for its connection to become SPDY, in the words that the real server looks for."""
    upgrade = request.headers.get("Upgrade", "").lower()
    return "upgrade" in request.headers.get("Connection", "").lower() and SPDY.lower() in upgrade


def negotiated(request: web.Request, served: Sequence[str]) -> str:
    """The first protocol of the client's that is served. Raises an HTTP refusal."""
    offered = [p.strip() for value in request.headers.getall(VERSION_HEADER, []) for p in value.split(",")]
    if not offered:
        raise web.HTTPBadRequest(text=f"unable to upgrade: {VERSION_HEADER} is required\n")
    for protocol in offered:
        if protocol in served:
            return protocol
    told = f"client supports [{' '.join(offered)}], server accepts [{' '.join(served)}]"
    refusal = web.HTTPForbidden(text=f"unable to upgrade: unable to negotiate protocol: {told}\n")
    for protocol in served:
        refusal.headers.add(ACCEPTED_HEADER, protocol)
    raise refusal


class Upgraded:
    """A connection after its 101: what arrives can be iterated, and bytes can be sent."""

    def __init__(self, request: web.Request, response: web.StreamResponse) -> None:
        self._request = request
        self.response = response
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._held = 0

    @classmethod
    async def accept(cls, request: web.Request, protocol: str) -> Upgraded:
        """Answer 101 and take the connection over."""
        headers = {"Connection": "Upgrade", "Upgrade": SPDY, VERSION_HEADER: protocol}
        response = web.StreamResponse(status=101, headers=headers)
        taken = cls(request, response)
        # aiohttp hands what arrives on an upgraded connection to whatever has a WebSocket reader's two methods.
        request.protocol.set_parser(cast("WebSocketReader", taken))
        await response.prepare(request)
        response.force_close()
        request.protocol.keep_alive(False)
        return taken

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Called by the HTTP server with what arrived."""
        self._chunks.put_nowait(bytes(data))
        self._held += len(data)
        if self._held > HIGH_WATER and self._request.transport is not None:
            self._request.transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        """Called by the HTTP server when the client has gone."""
        self._chunks.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._chunks.get()
        if data is None:
            raise StopAsyncIteration
        full = self._held > HIGH_WATER
        self._held -= len(data)
        if full and self._held <= HIGH_WATER and self._request.transport is not None:
            self._request.transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting while the client does not read. Raises ConnectionError when it has gone."""
        await self.response.write(data)
