"""How one API server is reached: HTTP client, TLS, proxy and credentials, shared by requests and websockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from msgspec import Struct, field

from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, ConfigError
from meshtui.core.model.clocks import date_told, proven_offset
from meshtui.core.text import clean
from meshtui.core.untold import Untold
from meshtui.kube import failures
from meshtui.kube import kubeconfig as files
from meshtui.kube import tls as trust
from meshtui.kube.call import Call
from meshtui.kube.credentials import Source
from meshtui.kube.http.client import Client, Request
from meshtui.kube.http.connection import Response
from meshtui.kube.http.dialer import Dialer
from meshtui.kube.kubeconfig import Overrides, Target
from meshtui.kube.logins import Logins
from meshtui.kube.proxies import Proxy, proxy_of
from meshtui.kube.secrets import Secrets

_LOOK_SECONDS = 1.0
_UNAUTHORIZED = 401
_PORTS = {"http": 80, "https": 443}
_RESPONSE = TypeVar("_RESPONSE")


class Connection(Struct):
    """Everything needed to talk to one API server."""

    context: str
    server: str
    timeout: float
    source: Source
    http: Client
    tls: ssl.SSLContext | None
    server_name: str
    """tls-server-name: the name the certificate must carry, empty for the URL's host."""
    proxy: Proxy | None
    secrets: Secrets
    """What must not be told of this context."""
    clock: Clock
    ahead: float | None = None
    """Seconds that the server's clock is ahead of ours, by its newest answer; None before one told its time."""

    @classmethod
    async def open(cls, options: ConnectionOptions) -> Connection:
        """Read the kubeconfig and fetch the credentials. Raises ConfigError or CredentialFailed."""
        connection = await asyncio.to_thread(_prepare, options)
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

    async def fetch(self, request: Request) -> tuple[Response, bytes]:
        """Send; the answer with its whole body. Raises OSError, ssl.SSLError, CredentialFailed, ConfigError."""
        return await self._shown(partial(self.http.fetch, request), lambda found: found[0])

    async def stream(self, request: Request) -> Response:
        """Send; the answer whose body is yet to come: drop it at its end. Raises as `fetch`."""
        return await self._shown(partial(self.http.stream, request), lambda found: found)

    async def switch(self, request: Request) -> tuple[Response, bytes]:
        """Ask for another protocol: the answer, and a refusal's whole body; see `Client.switch`. Raises as `fetch`."""
        return await self._shown(partial(self.http.switch, request), lambda found: found[0])

    async def _shown(
        self,
        send: Callable[[list[tuple[str, str]]], Awaitable[_RESPONSE]],
        response_of: Callable[[_RESPONSE], Response],
    ) -> _RESPONSE:
        """With the credentials of the moment; on 401 they are renewed and it is tried once more."""
        headers, used = await self.source.headers(), self.source.generation
        sent = self.clock.now()
        found = await send(headers)
        date = date_told(response_of(found).headers.get("date", ""))
        if date is not None:
            self.ahead = proven_offset(date, sent, self.clock.now())
        if response_of(found).status != _UNAUTHORIZED or not await self.source.renew(used):
            return found
        response_of(found).leave()
        return await send(await self.source.headers())

    async def explain(self, call: Call, error: BaseException) -> ClusterError:
        """The typed error for a request without an answer, after a second look at a connection that was cut.

        TLS 1.3 tells a client that its certificate is rejected only after the handshake, and the reset that
        follows mostly swallows the alert: a handshake that sends nothing more gets to see it.
        """
        if failures.is_cut(error) and self.source.certificate and self.tls is not None and self.proxy is None:
            alert = await self._alert()
            if alert is not None:
                return failures.from_transport(call, alert)
        return failures.from_transport(call, error)

    async def _alert(self) -> ssl.SSLError | None:
        try:
            async with asyncio.timeout(min(_LOOK_SECONDS, self.timeout)):
                await self.http.listen()
        except ssl.SSLError as error:
            return error
        except OSError:
            pass
        return None

    async def close(self) -> None:
        """Close every connection, and end a plugin that nobody else waits for."""
        self.source.close()
        await self.http.close()


class ConnectionOptions(Untold, frozen=True):
    """What decides how one context's API server is reached."""

    context: str
    kubeconfig: Path | None
    env: Mapping[str, str]
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


def _prepare(options: ConnectionOptions) -> Connection:
    """Everything that reads files or imports, and so would hold up the event loop."""
    target = files.target(files.load(options.kubeconfig, options.env), options.context, options.overrides)
    scheme = _scheme(target)
    secrets = Secrets()
    secrets.keep_user(target.user.value)
    for key in ("server", "proxy-url"):
        secrets.keep_url(target.cluster.text(key).strip())
    secure = trust.server_context(target) if scheme == "https" else None
    source = Source(
        target, secure, options.env, secrets, timeout=options.seconds, clock=options.clock, logins=options.logins
    )
    proxy = proxy_of(target, options.env)
    if proxy is not None:
        secrets.keep_url(proxy.url)
    parts, name = urlsplit(target.server), target.cluster.text("tls-server-name")
    dialer = Dialer(parts.hostname or "", parts.port or _PORTS[scheme], secure, name, proxy)
    return Connection(
        context=options.context,
        server=target.server,
        timeout=options.seconds,
        source=source,
        http=Client(dialer, target.server),
        tls=secure,
        server_name=name,
        proxy=proxy,
        secrets=secrets,
        clock=options.clock,
    )
