"""`pods/portforward`: SPDY, SPDY in a WebSocket, or a pair of WebSocket channels for each port (v4.channel.k8s.io)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiohttp import WSCloseCode, WSMsgType, web

from meshtui.sim.api import forward, tunnel
from meshtui.sim.api.containers import running_pod
from meshtui.sim.api.errors import ApiError, bad_request
from meshtui.sim.api.ports import refusal, target
from meshtui.sim.api.upgrade import Upgraded, negotiated, wants_spdy
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

PROTOCOL = "v4.channel.k8s.io"


async def serve(request: web.Request, cluster: SimCluster, namespace: str, name: str) -> web.StreamResponse:
    """Forward ports of a pod for one client. Raises ApiError before the upgrade."""
    pod = running_pod(cluster, namespace, name)
    if wants_spdy(request):
        connection = await Upgraded.accept(request, negotiated(request, (forward.PROTOCOL,)))
        await forward.Forwarder(connection.send, cluster, pod).run(connection)
        return connection.response
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    offered = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if tunnel.PROTOCOL in offered:
        socket = web.WebSocketResponse(protocols=(tunnel.PROTOCOL,), max_msg_size=0, compress=False)
        await socket.prepare(request)
        await tunnel.run(socket, cluster, pod)
        return socket
    if PROTOCOL not in offered:
        raise ApiError(403, "Forbidden", "unknown subprotocol")
    ports = _ports(request)
    socket = web.WebSocketResponse(protocols=(PROTOCOL,), max_msg_size=0, compress=False)
    await socket.prepare(request)
    await _Forward(socket, cluster, pod, ports).run()
    return socket


def _ports(request: web.Request) -> list[int]:
    texts = [t for value in request.query.getall("ports", []) for t in value.split(",")]
    if not texts:
        raise bad_request('query parameter "port" is required')
    if not all(t.isdigit() and 0 < int(t) < 65536 for t in texts):
        raise bad_request(f'unable to parse "{texts[0]}" as a port')
    return [int(t) for t in texts]


class _Forward:
    """The connections of one WebSocket."""

    def __init__(self, socket: web.WebSocketResponse, cluster: SimCluster, pod: Object, ports: Sequence[int]) -> None:
        self._socket = socket
        self._cluster = cluster
        self._pod = pod
        self._ports = list(ports)
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._early: dict[int, list[bytes]] = {}

    async def run(self) -> None:
        """Forward until every connection, or the client, has ended."""
        for index, port in enumerate(self._ports):
            for channel in (2 * index, 2 * index + 1):
                await self._socket.send_bytes(bytes([channel]) + port.to_bytes(2, "little"))
        pumps = [asyncio.create_task(self._pump(i, p)) for i, p in enumerate(self._ports)]
        connected = asyncio.create_task(_all(pumps))
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait({connected, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # No await before this: the client's going cancels the handler at any of them.
            for task in (connected, *pumps, reader):
                task.cancel()
            for writer in self._writers.values():
                writer.close()
            await asyncio.gather(connected, *pumps, reader, return_exceptions=True)
            await self._socket.close(code=WSCloseCode.OK)

    async def _pump(self, index: int, port: int) -> None:
        """Connect one port and pass its bytes to the socket until it ends."""
        place = target(self._cluster, self._pod, port)
        try:
            if place is None:
                raise ConnectionRefusedError
            reader, writer = await asyncio.open_connection(*place)
        except OSError:
            text = refusal(self._pod, port).encode()
            await self._socket.send_bytes(bytes([2 * index + 1]) + text)
            return
        self._writers[2 * index] = writer
        for data in self._early.pop(2 * index, []):
            writer.write(data)
        while data := await reader.read(65536):
            await self._socket.send_bytes(bytes([2 * index]) + data)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not WSMsgType.BINARY or len(message.data) < 2:
                continue
            channel, data = message.data[0], message.data[1:]
            writer = self._writers.get(channel)
            if writer is None:
                self._early.setdefault(channel, []).append(data)
                continue
            writer.write(data)
            await writer.drain()


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)
