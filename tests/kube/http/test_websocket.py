"""WebSockets of every shape: in parts, too fast, wrong, cut, and how each end is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import yaml

from meshtui.core.errors import Unreachable
from meshtui.kube.api import Api
from meshtui.kube.channels import dial
from meshtui.kube.http.websocket import Closed, WebSocket, proof
from tests.kube.proxy import proxying
from tests.waiting import until

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GOODBYE = b"\x88\x02\x03\xe8"
PROTOCOL = "v4.channel.k8s.io"


def frame(data: bytes, *, opcode: int = 2, fin: bool = True) -> bytes:
    """One frame as a server sends it."""
    size = bytes([len(data)]) if len(data) < 126 else b"\x7f" + len(data).to_bytes(8, "big")
    return bytes([opcode | (0x80 if fin else 0)]) + size + data


class Server:
    """Agrees to every WebSocket, and goes on as the script says."""

    def __init__(self, script: Script, *, told: str = "", behind: bytes = b"") -> None:
        self.script = script
        self.told = told
        """Another proof than the right one."""
        self.behind = behind
        """What comes in one piece with the answer."""
        self.heads: list[str] = []

    async def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            key = next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
            answer = (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {self.told or proof(key)}\r\nSec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
            )
            writer.write(answer.encode() + self.behind)
            await self.script(reader, writer)
        writer.close()


@asynccontextmanager
async def reached(server: Server, folder: Path, **cluster: str) -> AsyncIterator[Api]:
    listening = await asyncio.start_server(server.accepted, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    document = {
        "clusters": [{"name": "k", "cluster": {"server": f"{place}/base", **cluster}}],
        "contexts": [{"name": "k", "context": {"cluster": "k"}}],
    }
    (folder / "config").write_text(yaml.safe_dump(document))
    try:
        async with await Api.connect("k", folder / "config", {}, request_timeout=30) as api:
            yield api
    finally:
        listening.close()


@asynccontextmanager
async def speaking(server: Server, folder: Path, **cluster: str) -> AsyncIterator[WebSocket]:
    async with reached(server, folder, **cluster) as api:
        call = api.connection.call("create", "pods/exec", "default", "x")
        socket = await dial(api, call, "/exec", [("command", "a b"), ("command", "ü&c")], (PROTOCOL,))
        try:
            yield socket
        finally:
            await socket.close()


def saying(*parts: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return script


async def test_what_came_with_the_answer_is_the_first_message(tmp_path):
    server = Server(saying(GOODBYE), behind=frame(b"first") + frame(b"second"))
    async with speaking(server, tmp_path) as socket:
        assert [message async for message in socket] == [b"first", b"second"]
        assert socket.subprotocol == PROTOCOL
        assert not socket.open
    assert server.heads[0].startswith("GET /base/exec?command=a+b&command=%C3%BC%26c HTTP/1.1\r\n")


async def test_parts_are_one_message_and_a_ping_between_them_is_answered(tmp_path):
    pongs: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = frame(b"one ", fin=False) + frame(b"?", opcode=9) + frame(b"whole", opcode=0) + frame(b"text", opcode=1)
        for byte in whole:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        pongs.append(await reader.readexactly(2 + 4 + 1))
        writer.write(GOODBYE)

    async with speaking(Server(script), tmp_path) as socket:
        assert [message async for message in socket] == [b"one whole", b"text"]
    assert [pong[0] for pong in pongs] == [0x8A]


async def test_who_takes_nothing_makes_the_server_wait_and_misses_nothing(tmp_path):
    part, many, sent = b"x" * 65536, 512, 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        for _ in range(many):
            writer.write(frame(part))
            await writer.drain()
            sent += 1
        writer.write(GOODBYE)

    async with speaking(Server(script), tmp_path) as socket:
        before = -1

        def stands() -> bool:
            nonlocal before
            before, was = sent, before
            return 0 < sent == was

        await until(stands, every=0.05)
        assert sent < many
        assert [len(message) async for message in socket] == [len(part)] * many


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b"", ""),
        (b"\x88\x07\x03\xf3gone!", "gone!"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", ""),
        (frame(b"part", fin=False), ""),
        (b"\x82\x7f" + (2**40).to_bytes(8, "big"), ""),
    ],
    ids=["cut", "a reason", "no frame", "half a message", "endless"],
)
async def test_an_end_that_is_no_goodbye_is_told(tmp_path, last, reason):
    async with speaking(Server(saying(frame(b"hello"), last)), tmp_path) as socket:
        messages = aiter(socket)
        assert await anext(messages) == b"hello"
        with pytest.raises(Closed) as caught:
            await anext(messages)
        assert str(caught.value) == reason
        with pytest.raises(Closed):
            await socket.send(b"too late")


async def test_a_server_that_never_answers_a_goodbye_is_left(tmp_path):
    held = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readexactly(2 + 4 + 2))[0] == 0x88
        with suppress(ConnectionError):
            while await reader.read(1024):
                pass
        held.set()

    async with speaking(Server(script), tmp_path) as socket:
        await socket.close()
        await until(held.is_set)


async def test_an_answer_to_somebody_elses_key_is_none(tmp_path):
    async with reached(Server(saying(), told=proof("another")), tmp_path) as api:
        with pytest.raises(Unreachable, match="not the one that was asked for"):
            await dial(api, api.connection.call("create", "pods/exec"), "/exec", [], (PROTOCOL,))


async def test_an_http_proxy_passes_on_what_it_must_not_read(tmp_path):
    """Where the server speaks plain HTTP, too."""
    server = Server(saying(GOODBYE), behind=frame(b"through"))
    async with (
        proxying("http", "ann:s3cr3t-pass") as proxy,
        speaking(server, tmp_path, **{"proxy-url": proxy.url}) as socket,
    ):
        assert [message async for message in socket] == [b"through"]
        assert len(proxy.met) == 1
    assert server.heads[0].startswith("GET /base/exec")
    assert "Proxy-Authorization" not in server.heads[0]
