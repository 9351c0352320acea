"""Serves dashboards to browsers: textual-serve's pages and sockets, behind a token, one process for each visitor."""

from __future__ import annotations

import asyncio
import hmac
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve import server as textual_server

COOKIE = "meshtui"
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' blob:; style-src 'self' 'unsafe-inline'; "
    "font-src 'self' data:; img-src 'self' data:; connect-src 'self' ws: wss:; worker-src blob:; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_ELSEWHERE = re.compile(r"<link[^>]*https?://[^>]*>")
"""The page's font comes with textual-serve; nobody else is to learn that this page was opened."""
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, repr=False)
class Served:
    """What is served, where, and to whom."""

    command: str
    """Starts one visitor's dashboard."""
    host: str
    port: int
    """0 takes a free one."""
    public_url: str
    """How browsers reach it, where that is not host and port: a proxy's address."""
    tls: tuple[str, str] | None
    """Files of the certificate and its key."""
    token: str
    most: int
    """Visitors at once."""


class Server(textual_server.Server):
    """textual-serve's server, with a door. Its address is not known before its socket is."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.command, served.host, served.port, "meshtui", served.public_url or None)
        self._served = served
        self._visitors = 0

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command line does."""

    async def app(self) -> web.Application:
        """textual-serve's application with the door in front of all its routes."""
        made = await self._make_app()
        made.middlewares.append(self._door)
        return made

    @web.middleware
    async def _door(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Whoever has the token comes in once by the address, then by a cookie no script can read."""
        token = self._served.token
        if hmac.compare_digest(request.query.get("token", "").encode(), token.encode()):
            # Out of the address bar, the history and what is sent as a referrer.
            answer = web.HTTPFound(request.path)
            secure = request.secure or self._served.public_url.startswith("https")
            answer.set_cookie(COOKIE, token, httponly=True, samesite="Strict", secure=secure, path="/")
            answer.headers.update(_HEADERS)
            raise answer
        if not hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
            return web.Response(status=401, text="meshtui: open the address that `meshtui serve` printed.\n")
        if request.path == "/ws":
            return await self._visit(request, handler)
        response = await handler(request)
        if isinstance(response, web.Response) and response.text is not None:
            response.text = _ELSEWHERE.sub("", response.text)
        response.headers.update(_HEADERS)
        return response

    async def _visit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """One dashboard for one visitor; other sites' pages may not open one."""
        origin = request.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc not in (request.host, urlsplit(self.public_url).netloc):
            return web.Response(status=403, text="meshtui: that page may not do this.\n")
        if self._visitors >= self._served.most:
            return web.Response(status=503, text="meshtui: too many visitors.\n")
        self._visitors += 1
        try:
            return await handler(request)
        finally:
            self._visitors -= 1


async def serve(served: Served, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `ready` gets the address to open. Raises OSError when the port is taken."""
    server = Server(served)
    runner = web.AppRunner(await server.app(), access_log=None)
    await runner.setup()
    try:
        context = None
        if served.tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*served.tls)
        site = web.TCPSite(runner, served.host, served.port, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        host = f"[{served.host}]" if ":" in served.host else served.host
        server.public_url = served.public_url or f"{'https' if context else 'http'}://{host}:{port}"
        ready(f"{server.public_url}/?token={served.token}")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
