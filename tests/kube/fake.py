"""A small API server for tests: recorded lists, scripted watches, WebSockets, refusals, over real sockets and TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any

import trustme
import yaml
from aiohttp import WSMsgType, web

TOKEN = "sesame-opens-the-door"
Script = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


def failure(code: int, reason: str, message: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


@dataclass
class Cut:
    """Ends a scripted watch without a proper end."""


@dataclass
class Hold:
    """Keeps a scripted watch open until set."""

    until: asyncio.Event = field(default_factory=asyncio.Event)


Watch = list[bytes | dict[str, Any] | Cut | Hold]


@dataclass
class FakeApi:
    """What it serves, and what it was asked."""

    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Path → a whole list; it is paged by `limit`."""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: dict[str, deque[tuple[int, bytes]]] = field(default_factory=dict)
    """`METHOD path` → answers to give first, (0, b"") for the normal one; the last one stays."""
    watches: dict[str, deque[Watch]] = field(default_factory=dict)
    """Path → one script per watch; without one, a watch is held open."""
    sockets: dict[str, Script] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    anonymous: bool = False
    protocols: tuple[str, ...] = PROTOCOLS
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    port: int = 0
    authority: trustme.CA = field(default_factory=trustme.CA)
    scheme: str = "https"
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    date: Callable[[], float] = time.time
    """What its clock says, seconds since the epoch."""

    @property
    def server(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def refuse(self, route: str, *answers: tuple[int, dict[str, Any] | bytes]) -> None:
        encoded = [(code, a if isinstance(a, bytes) else json.dumps(a).encode()) for code, a in answers]
        self.refusals.setdefault(route, deque()).extend(encoded)

    def asked(self, method: str, path: str, **query: str) -> list[web.Request]:
        return [
            r
            for r in self.requests
            if r.method == method and r.path == path and all(r.query.get(k) == v for k, v in query.items())
        ]

    def kubeconfig(
        self,
        folder: Path,
        *,
        user: dict[str, Any] | None = None,
        cluster: dict[str, Any] | None = None,
        name: str = "k",
    ) -> Path:
        ca = folder / f"{name}-ca.pem"
        self.authority.cert_pem.write_to_path(str(ca))
        document = {
            "clusters": [{"name": name, "cluster": {"server": self.server, "certificate-authority": ca.name}}],
            "users": [{"name": name, "user": {"token": TOKEN} if user is None else user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        document["clusters"][0]["cluster"] |= cluster or {}
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, with the time by this server's clock."""
        response = await self.answer(request)
        if not response.prepared:
            response.headers["Date"] = formatdate(self.date(), usegmt=True)
        return response

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        body = await request.read()
        self.bodies.append(json.loads(body) if body else None)
        if not self._known(request):
            return web.json_response(failure(401, "Unauthorized", "Unauthorized"), status=401)
        queue = self.refusals.get(f"{request.method} {request.path}")
        if queue:
            code, answer = queue[0]
            if len(queue) > 1 or not code:
                queue.popleft()
            if code:
                return web.Response(status=code, body=answer, content_type="application/json")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        if request.query.get("watch") == "true":
            return await self._watch(request)
        return self._answer(request)

    def _known(self, request: web.Request) -> bool:
        if self.anonymous:
            return True
        transport = request.transport
        if transport is not None and transport.get_extra_info("peercert"):
            return True
        return request.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens

    def _answer(self, request: web.Request) -> web.Response:
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        found = self.lists.get(request.path)
        if found is None:
            return web.Response(status=404, text="404 page not found\n")
        items = found["items"]
        start = int(request.query.get("continue", "0"))
        end = start + (int(request.query.get("limit", "0")) or len(items) + 1)
        metadata = dict(found.get("metadata") or {})
        if end < len(items):
            metadata["continue"] = str(end)
        return web.json_response({**found, "metadata": metadata, "items": items[start:end]})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        scripts = self.watches.get(request.path)
        script = scripts.popleft() if scripts else [Hold()]
        with contextlib.suppress(ConnectionError):
            for step in script:
                if isinstance(step, Hold):
                    await self._wait(step.until)
                elif isinstance(step, Cut):
                    request.transport.abort()
                    return response
                else:
                    line = step if isinstance(step, bytes) else json.dumps(step).encode()
                    await response.write(line.rstrip(b"\n") + b"\n")
            await response.write_eof()
        return response

    async def _wait(self, event: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self.closing.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        script = self.sockets.get(request.path)
        if script is None:
            return web.json_response(failure(404, "NotFound", 'pods "nope" not found'), status=404)
        socket = web.WebSocketResponse(protocols=self.protocols, max_msg_size=0)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError):
            await script(socket, request)
            await socket.close()
        return socket


@contextlib.asynccontextmanager
async def serving(fake: FakeApi, secure: ssl.SSLContext | None = None) -> AsyncIterator[FakeApi]:
    """Serve over TLS with a certificate of the fake's own authority, unless told otherwise."""
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{tail:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    if secure is None and fake.scheme == "https":
        secure = server_tls(fake.authority)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure)
    await site.start()
    fake.port = site._server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        fake.closing.set()
        await runner.cleanup()


def server_tls(authority: trustme.CA, *names: str, **options: Any) -> ssl.SSLContext:
    """A server's context: optionally for other names, expired, or asking for client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1",)), **options).configure_cert(context)
    return context


def frames(recorded: list[dict[str, Any]]) -> Script:
    """Plays the frames of a recorded WebSocket session."""

    async def play(socket: web.WebSocketResponse, request: web.Request) -> None:
        for frame in recorded:
            if "channel" in frame:
                data = bytes.fromhex(frame["hex"]) if "hex" in frame else frame["data"].encode()
                await socket.send_bytes(bytes([frame["channel"]]) + data)

    return play


async def echo_until_closed(socket: web.WebSocketResponse, request: web.Request) -> None:
    """A v5 `cat`: what comes on stdin goes to stdout; closing stdin ends it with success."""
    async for message in socket:
        if message.type is not WSMsgType.BINARY:
            break
        if message.data == b"\xff\x00":
            await socket.send_bytes(b'\x03{"metadata":{},"status":"Success"}')
            return
        await socket.send_bytes(b"\x01" + message.data[1:])
