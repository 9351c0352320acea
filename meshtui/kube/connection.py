"""How one API server is reached: HTTP client, TLS, proxy and credentials, shared by requests and websockets."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
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
from meshtui.kube.contexts import is_loopback
from meshtui.kube.credentials import Source
from meshtui.kube.failures import Call
from meshtui.kube.kubeconfig import Target

_LOOK_SECONDS = 1.0


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
        request.headers = httpx.Headers(kept + headers)


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
    proxy: str | None

    @classmethod
    async def open(
        cls, context: str, kubeconfig: Path | None, env: Mapping[str, str], *, seconds: float, clock: Clock
    ) -> Connection:
        """Read the kubeconfig and fetch the credentials. Raises ConfigError or CredentialFailed."""
        connection = await asyncio.to_thread(_prepare, context, kubeconfig, env, seconds, clock)
        await connection.source.headers()
        return connection

    async def send(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """Send; raises what httpx raises, and an OSError after `close`."""
        if self.http.is_closed:
            raise ConnectionAbortedError("this session has ended")
        return await self.http.send(request, stream=stream)

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
        """Close every connection."""
        await self.http.aclose()


def _prepare(context: str, kubeconfig: Path | None, env: Mapping[str, str], seconds: float, clock: Clock) -> Connection:
    """Everything that reads files or imports, and so would hold up the event loop."""
    target = files.target(files.load(kubeconfig, env), context)
    scheme = urlsplit(target.server).scheme
    if scheme not in {"http", "https"} or not urlsplit(target.server).hostname:
        raise ConfigError(
            f"context {clean(context)}: its server is not an address",
            cause=f"{clean(target.server)} should look like https://HOST:PORT",
            hint="kubectl config set-cluster NAME --server=https://HOST:PORT",
        )
    with contextlib.suppress(ImportError):
        # httpx loads it with the first request otherwise: 70 ms in which the screen stands still.
        import_module("anyio._backends._asyncio")
    secure = trust.server_context(target) if scheme == "https" else None
    source = Source(target, secure, env, timeout=seconds, clock=clock)
    proxy = _proxy(target)
    return Connection(
        context=context,
        server=target.server,
        timeout=seconds,
        source=source,
        http=_client(target, secure, proxy, source, seconds),
        tls=secure,
        server_name=target.cluster.text("tls-server-name"),
        proxy=proxy,
    )


def _client(
    target: Target, secure: ssl.SSLContext | None, proxy: str | None, source: Source, timeout: float
) -> httpx.AsyncClient:
    try:
        transport = sockets.own(
            httpx.AsyncHTTPTransport(
                verify=secure if secure is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                # One connection per watch, and a session may watch any number of namespaces.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=10),
                proxy=proxy,
                socket_options=KEEPALIVE,
            )
        )
    except (ValueError, ImportError) as error:
        raise ConfigError(
            f"context {clean(target.context)}: its proxy cannot be used",
            cause=clean(str(error)),
            hint="proxy-url takes http://HOST:PORT or https://HOST:PORT",
        ) from None
    server_name = target.cluster.text("tls-server-name")
    if server_name:
        transport = _Named(transport, server_name)  # type: ignore[assignment]
    return httpx.AsyncClient(
        base_url=target.server,
        transport=transport,
        auth=_Bearer(source),
        timeout=httpx.Timeout(timeout),
        headers={"User-Agent": "meshtui", "Accept": "application/json"},
        trust_env=False,
    )


class _Named(httpx.AsyncBaseTransport):
    """Asks for and checks the certificate of another name than the URL's host (tls-server-name)."""

    def __init__(self, inner: httpx.AsyncHTTPTransport, name: str) -> None:
        self._inner = inner
        self._name = name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": self._name}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _proxy(target: Target) -> str | None:
    """proxy-url, else the environment's proxy as kubectl takes it: never for this machine, not where NO_PROXY says."""
    if target.cluster.text("proxy-url"):
        return target.cluster.text("proxy-url")
    parts = urlsplit(target.server)
    if is_loopback(target.server) or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)
