"""SPDY tunnelled through a WebSocket, as newer `kubectl port-forward`s do it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from meshtui.sim.api.forward import Forwarder
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOL = "SPDY/3.1+portforward.k8s.io"


async def run(socket: web.WebSocketResponse, cluster: SimCluster, pod: Object) -> None:
    """Forward until the client ends."""

    async def send(data: bytes) -> None:
        if not socket.closed:
            await socket.send_bytes(data)

    try:
        await Forwarder(send, cluster, pod).run(_messages(socket))
    finally:
        await socket.close()


async def _messages(socket: web.WebSocketResponse) -> AsyncIterator[bytes]:
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            yield message.data
