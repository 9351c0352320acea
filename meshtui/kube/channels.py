"""WebSockets to an API server: the handshake with credentials, and its refusals as typed errors."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from meshtui.core.errors import ClusterError, MeshtuiError
from meshtui.core.keepalive import KEEPALIVE
from meshtui.kube.api import Api
from meshtui.kube.call import Call

MAX_FRAME = 64 * 1024 * 1024
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255

# websockets logs handshake headers at DEBUG, the bearer token among them.
_SILENT = logging.getLogger("meshtui.kube.channels")
_SILENT.setLevel(logging.CRITICAL + 1)


class _Straight(connect):
    """Follows no redirect: credentials are for the server of the kubeconfig and for no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    api: Api, call: Call, path: str, params: Sequence[tuple[str, str]], protocols: Sequence[str]
) -> ClientConnection:
    """Open a WebSocket to `path`; raises the ClusterError that a refused or failed handshake stands for."""
    await api.connection.source.headers()
    try:
        async with asyncio.timeout(api.request_timeout):
            used = -1
            while True:
                try:
                    return await _connect(api, path, params, protocols)
                except InvalidStatus as error:
                    source = api.connection.source
                    again = error.response.status_code == 401 and used < 0
                    used = source.generation
                    if again and await source.renew(used):
                        continue
                    raise _refused(api, call, error) from None
    except MeshtuiError:
        raise
    except TimeoutError:
        raise api.late(call) from None
    except (InvalidHandshake, ssl.SSLError, OSError, EOFError) as error:
        raise await api.connection.explain(call, error) from None


async def _connect(
    api: Api, path: str, params: Sequence[tuple[str, str]], protocols: Sequence[str]
) -> ClientConnection:
    link = api.connection
    base = "ws" + link.server.removeprefix("http")
    options: dict[str, Any] = {"ssl": link.tls} if link.tls else {}
    if link.tls is not None and link.server_name:
        options["server_hostname"] = link.server_name
    if link.proxy is not None and link.proxy.tls is not None:
        options["proxy_ssl"] = link.proxy.tls
    socket_ = await _Straight(
        f"{base}{path}?{urlencode(params)}",
        subprotocols=[Subprotocol(name) for name in protocols],
        # It writes headers as Latin-1; names of people are UTF-8 on the wire.
        additional_headers=[(key, value.encode().decode("latin-1")) for key, value in await link.source.headers()],
        user_agent_header="meshtui",
        compression=None,
        proxy=link.proxy.url if link.proxy is not None else None,
        open_timeout=None,
        # A consumer that pauses must not look like a dead peer; TCP keepalive finds those.
        ping_interval=None,
        close_timeout=1,
        max_size=MAX_FRAME,
        logger=_SILENT,
        **options,
    )
    raw = socket_.transport.get_extra_info("socket")
    if raw is not None:
        for level, option, value in KEEPALIVE:
            raw.setsockopt(level, option, value)
    return socket_


def _refused(api: Api, call: Call, error: InvalidStatus) -> ClusterError:
    response = error.response
    location = response.headers.get("Location", "")
    return api.refusal(call, response.status_code, bytes(response.body or b""), location)
