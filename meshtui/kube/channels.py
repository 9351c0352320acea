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
from meshtui.kube.http.client import Ask
from meshtui.kube.http.line import SWITCHED
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
    ask = Ask("GET", f"{path}?{urlencode(params)}", headers=upgrade)
    try:
        async with asyncio.timeout(api.request_timeout):
            answer, body = await api.connection.switch(ask)
            if answer.status == SWITCHED:
                chosen = answer.headers.get("sec-websocket-protocol", "")
                if answer.headers.get("sec-websocket-accept") != proof(key) or chosen not in ("", *protocols):
                    answer.drop()
                    raise OSError("the server's WebSocket is not the one that was asked for")
                return WebSocket(answer.line, answer.rest, chosen)
    except MeshtuiError:
        raise
    except TimeoutError:
        raise api.late(call) from None
    except (ssl.SSLError, OSError) as error:
        raise await api.connection.explain(call, error) from None
    raise api.refusal(call, answer.status, body, answer.headers.get("location", ""))
