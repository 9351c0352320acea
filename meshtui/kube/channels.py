"""WebSockets to an API server: the handshake with credentials, and its refusals as typed errors."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import Sequence
from urllib.parse import urlencode

from meshtui.core.errors import MeshtuiError
from meshtui.kube.api import Api
from meshtui.kube.call import Call
from meshtui.kube.http.client import Request
from meshtui.kube.http.connection import SWITCHED
from meshtui.kube.http.websocket import WebSocket, proof

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


async def dial(
    api: Api, call: Call, path: str, params: Sequence[tuple[str, str]], protocols: Sequence[str]
) -> WebSocket:
    """Open a WebSocket to `path`; raises the ClusterError that a refused or failed handshake stands for."""
    await api.connection.source.headers()
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = (
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", ", ".join(protocols)),
    )
    request = Request("GET", f"{path}?{urlencode(params)}", headers=upgrade)
    try:
        async with asyncio.timeout(api.request_timeout):
            response, body = await api.connection.switch(request)
            if response.status == SWITCHED:
                chosen = response.headers.get("sec-websocket-protocol", "")
                if response.headers.get("sec-websocket-accept") != proof(key) or chosen not in ("", *protocols):
                    response.drop()
                    raise OSError("the server's WebSocket is not the one that was asked for")
                return WebSocket(response.connection, response.rest, chosen)
    except MeshtuiError:
        raise
    except TimeoutError:
        raise api.late(call) from None
    except (ssl.SSLError, OSError) as error:
        raise await api.connection.explain(call, error) from None
    raise api.refusal(call, response.status, body, response.headers.get("location", ""))
