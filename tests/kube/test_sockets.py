"""No cancelled or timed-out handshake leaves a connection behind, over HTTP or WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from meshtui.core.errors import TimedOut
from meshtui.kube.api import Api
from meshtui.kube.exec import run
from tests.gate import gated
from tests.kube.fake import FakeApi
from tests.waiting import GUARD, until

ASKS: dict[str, Callable[[Api], Awaitable[object]]] = {
    "request": lambda api: api.version(),
    "websocket": lambda api: run(api, "default", "x-wing", ["true"]),
}


@asynccontextmanager
async def mute() -> AsyncIterator[tuple[int, asyncio.Queue[asyncio.StreamReader]]]:
    """A server that accepts connections, reads the client's hello and never says a word."""
    met: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(1)
        met.put_nowait(reader)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], met
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> None:
    """The client has closed its side."""
    async with asyncio.timeout(GUARD):
        with suppress(ConnectionError):
            while await reader.read(4096):
                pass


@pytest.mark.parametrize("what", ASKS)
async def test_a_cancelled_handshake_closes_its_connection(what: str, tmp_path: Path) -> None:
    async with mute() as (port, met):
        path = FakeApi(port=port).kubeconfig(tmp_path)
        async with await Api.connect("k", path, {}, request_timeout=30) as api:
            asking = asyncio.ensure_future(ASKS[what](api))
            reader = await met.get()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await ended(reader)


@pytest.mark.parametrize("what", ASKS)
async def test_a_handshake_that_takes_too_long_closes_its_connection(what: str, tmp_path: Path) -> None:
    async with mute() as (port, met):
        path = FakeApi(port=port).kubeconfig(tmp_path)
        async with await Api.connect("k", path, {}, request_timeout=0.2) as api:
            with pytest.raises(TimedOut):
                await ASKS[what](api)
            await ended(await met.get())


async def succeed(socket: web.WebSocketResponse, request: web.Request) -> None:
    await socket.send_bytes(b'\x03{"metadata":{},"status":"Success"}')


@pytest.mark.parametrize("cancels", [1, 2])
@pytest.mark.parametrize("what", ASKS)
async def test_at_whatever_turn_it_is_cancelled_no_connection_stays(
    what: str, cancels: int, fake: FakeApi, tmp_path: Path
) -> None:
    """From the loop's first turn to the last: in the dial, the handshakes, the goodbye; once, and again at once."""
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    fake.sockets["/api/v1/namespaces/default/pods/x-wing/exec"] = succeed
    async with gated(fake.port) as gate:
        fake.port = gate.port
        path, turns, done = fake.kubeconfig(tmp_path), 0, False
        while not done:
            async with await Api.connect("k", path, {}, request_timeout=30) as api:
                asking = asyncio.ensure_future(ASKS[what](api))
                for _ in range(turns):
                    await asyncio.sleep(0)
                done = not asking.cancel()
                for _ in range(cancels - 1):
                    await asyncio.sleep(0)
                    asking.cancel()
                await asyncio.wait([asking])
                kept = api.connection.http.kept
                await until(lambda most=kept: gate.open <= most, what=f"cancelled after {turns} turns", limit=5)
            await until(lambda: not gate.open, what=f"cancelled after {turns} turns", limit=5)
            turns += 1
        assert gate.met > 1
        await asking
