"""How one API server is reached: HTTP client, TLS, proxy and credentials, shared by requests and websockets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, ConfigError
from meshtui.core.keepalive import KEEPALIVE
from meshtui.core.text import clean
from meshtui.kube import failures, sockets
from meshtui.kube import kubeconfig as files
from meshtui.kube import tls as trust
from meshtui.kube.call import Call
from meshtui.kube.credentials import Source
from meshtui.kube.kubeconfig import Overrides, Target
from meshtui.kube.logins import Logins
from meshtui.kube.proxies import Proxy, proxy_of
from meshtui.kube.secrets import Secrets

_LOOK_SECONDS = 1.0
# They log a proxy's credentials and a server's headers at DEBUG; `--debug` may have asked for the requests before.
for _loud in ("httpcore", "httpx", "hpack"):
    if logging.getLogger(_loud).level == logging.NOTSET:
        logging.getLogger(_loud).setLevel(logging.WARNING)


class _Bearer(httpx.Auth):
    """Adds the credentials of the moment; on 401 has them renewed and tries once more."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        await self._set(request)
        used = self._source.generation
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED and await self._source.renew(used):
            await self._set(request)
            yield request

    async def _set(self, request: httpx.Request) -> None:
        headers = await self._source.headers()
        ours = {name.lower() for name, _ in headers}
        kept = [(key, value) for key, value in request.headers.multi_items() if key.lower() not in ours]
        # Names of people are UTF-8 on the wire; httpx takes nothing but ASCII as text.
        request.headers = httpx.Headers([(key.encode(), value.encode()) for key, value in kept + headers])


@dataclass(slots=True)
class Connection:
    """Everything needed to talk to one API server."""

    context: str
    server: str
    timeout: float
    source: Source
    http: httpx.AsyncClient
    tls: ssl.SSLContext | None
    server_name: str
    """tls-server-name: the name the certificate must carry, empty for the URL's host."""
    proxy: Proxy | None
    sockets: sockets.Sockets
    secrets: Secrets
    """What must not be told of this context."""

    @classmethod
    async def open(cls, way: Way) -> Connection:
        """Read the kubeconfig and fetch the credentials. Raises ConfigError or CredentialFailed."""
        connection = await asyncio.to_thread(_prepare, way)
        try:
            await connection.source.headers()
        except BaseException:
            await connection.close()
            raise
        return connection

    def call(self, verb: str, resource: str, namespace: str = "", name: str = "", timeout: float | None = None) -> Call:
        """One request, for the words about its failure."""
        seconds = self.timeout if timeout is None else timeout
        proxy = self.proxy.shown if self.proxy else ""
        return Call(self.context, self.server, verb, resource, namespace, name, seconds, proxy, self.secrets)

    async def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send; raises what httpx raises, and an OSError after `close`."""
        if self.http.is_closed:
            raise ConnectionAbortedError("this session has ended")
        try:
            return await self.http.send(request, stream=stream)
        except BaseException:
            await self.sockets.drop()
            raise

    async def explain(self, call: Call, error: BaseException) -> ClusterError:
        """The typed error for a request without an answer, after a second look at a connection that was cut.

        TLS 1.3 tells a client that its certificate is rejected only after the handshake, and the reset that
        follows mostly swallows the alert: a handshake that sends nothing more gets to see it.
        """
        if failures.is_cut(error) and self.source.certificate and self.tls is not None and self.proxy is None:
            alert = await self._alert(self.tls)
            if alert is not None:
                return failures.from_transport(call, alert)
        return failures.from_transport(call, error)

    async def _alert(self, secure: ssl.SSLContext) -> ssl.SSLError | None:
        parts = urlsplit(self.server)
        writer = None
        try:
            async with asyncio.timeout(min(_LOOK_SECONDS, self.timeout)):
                reader, writer = await asyncio.open_connection(
                    parts.hostname,
                    parts.port or 443,
                    ssl=secure,
                    server_hostname=self.server_name or parts.hostname,
                )
                await reader.read(1)
        except ssl.SSLError as error:
            return error
        except OSError:
            pass
        finally:
            if writer is not None:
                writer.transport.abort()
        return None

    async def close(self) -> None:
        """Close every connection, and end a plugin that nobody else waits for."""
        self.source.close()
        await self.http.aclose()


@dataclass(frozen=True, slots=True)
class Way:
    """What decides how one context's API server is reached."""

    context: str
    kubeconfig: Path | None
    env: Mapping[str, str] = field(repr=False)
    seconds: float
    clock: Clock
    overrides: Overrides = field(default_factory=Overrides)
    logins: Logins | None = None


def _scheme(target: Target) -> str:
    """`http` or `https`. Raises ConfigError for a server that is no address."""
    try:
        parts = urlsplit(target.server)
        scheme, whole = parts.scheme, bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        scheme, whole = "", False
    if scheme not in {"http", "https"} or not whole:
        raise ConfigError(
            f"context {clean(target.context)}: its server is not an address",
            cause=f"{clean(target.server)} should look like https://HOST:PORT",
            hint="kubectl config set-cluster NAME --server=https://HOST:PORT",
        )
    return scheme


def _prepare(way: Way) -> Connection:
    """Everything that reads files or imports, and so would hold up the event loop."""
    target = files.target(files.load(way.kubeconfig, way.env), way.context, way.overrides)
    scheme = _scheme(target)
    secrets = Secrets()
    secrets.keep_user(target.user.value)
    for key in ("server", "proxy-url"):
        secrets.keep_url(target.cluster.text(key).strip())
    with contextlib.suppress(ImportError):
        # httpx loads it with the first request otherwise: 70 ms in which the screen stands still.
        import_module("anyio._backends._asyncio")
    secure = trust.server_context(target) if scheme == "https" else None
    source = Source(target, secure, way.env, secrets, timeout=way.seconds, clock=way.clock, logins=way.logins)
    proxy = proxy_of(target, way.env)
    if proxy is not None:
        secrets.keep_url(proxy.url)
    connections = sockets.Sockets(sockets.Expected(secure, target.cluster.text("tls-server-name")))
    return Connection(
        context=way.context,
        server=target.server,
        timeout=way.seconds,
        source=source,
        http=_client(target, secure, proxy, source, way.seconds, connections),
        tls=secure,
        server_name=target.cluster.text("tls-server-name"),
        proxy=proxy,
        sockets=connections,
        secrets=secrets,
    )


def _client(
    target: Target,
    secure: ssl.SSLContext | None,
    proxy: Proxy | None,
    source: Source,
    timeout: float,
    connections: sockets.Sockets,
) -> httpx.AsyncClient:
    transport = sockets.own(
        httpx.AsyncHTTPTransport(
            verify=secure if secure is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            # One connection per watch, and a session may watch any number of namespaces.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=10),
            proxy=None if proxy is None else httpx.Proxy(proxy.url, ssl_context=proxy.tls),
            socket_options=KEEPALIVE,
        ),
        connections,
    )
    return httpx.AsyncClient(
        base_url=target.server,
        transport=transport,
        auth=_Bearer(source),
        timeout=httpx.Timeout(timeout),
        headers={"User-Agent": "meshtui", "Accept": "application/json"},
        trust_env=False,
    )
