"""Answers of every shape, whole, in parts and cut; how connections are shared, kept and left."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from meshtui.kube.http.client import MOST, Client, Request
from meshtui.kube.http.connection import Cut, Silent
from meshtui.kube.http.dialer import Dialer

Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Reads heads of requests and lets `answer` write what it likes."""

    def __init__(self, answer: Handler) -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.connections = 0
        self.open = 0
        self.port = 0

    async def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                await self.answer(head, writer)
        writer.close()
        self.open -= 1


@asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[tuple[Server, Client]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.accepted, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    client = Client(Dialer("127.0.0.1", server.port, None), f"http://127.0.0.1:{server.port}")
    try:
        yield server, client
    finally:
        await client.close()
        listening.close()


def saying(*parts: bytes, close: bool = False) -> Handler:
    """Each part in a segment of its own."""

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return answer


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PACKED = gzip.compress(b"hello")
SHAPES = {
    "length": ((WHOLE,), False),
    "byte by byte": (tuple(bytes([byte]) for byte in WHOLE), False),
    "chunked": ((CHUNKED, b"2\r\nhe\r\n3\r\nllo\r\n", b"0\r\n\r\n"), False),
    "until the end": ((b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"), True),
    "HTTP/1.0": ((b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",), True),
    "provisional first": ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", WHOLE), False),
    "packed": (
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED), PACKED),
        False,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_answer_of_every_shape_is_whole_twice(shape: str) -> None:
    parts, close = SHAPES[shape]
    async with serving(saying(*parts, close=close)) as (server, client):
        for _ in range(2):
            answer, body = await client.fetch(Request("GET", "/x"), [])
            assert (answer.status, body) == (200, b"hello")
        assert server.connections == (2 if close else 1)


CUTS = {
    "no head": (b"HTTP/1.1 200",),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",),
    "half a chunk": (CHUNKED + b"9\r\nhello",),
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n\r\n",),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 600_000,),
    "packed wrongly": (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",),
}


@pytest.mark.parametrize("cut", CUTS)
async def test_an_answer_that_is_none_is_told_and_its_connection_left(cut: str) -> None:
    async with serving(saying(*CUTS[cut], close=True)) as (server, client):
        with pytest.raises(Cut):
            await client.fetch(Request("GET", "/x"), [])
        await until(lambda: not server.open)


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110 - the server is a stranger to events
            await asyncio.sleep(0.001)


async def test_lists_of_a_near_server_follow_each_other_on_few_connections() -> None:
    async with serving(saying(WHOLE)) as (server, client):
        await asyncio.gather(*(client.fetch(Request("GET", f"/{n}"), []) for n in range(20)))
        assert len(server.heads) == 20
        assert server.connections < MOST


async def test_requests_that_must_wait_go_side_by_side_and_never_over_too_many() -> None:
    gate = asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(WHOLE)

    async with serving(answer) as (server, client):
        asked = [asyncio.ensure_future(client.fetch(Request("GET", f"/{n}"), [])) for n in range(2 * MOST)]
        await until(lambda: len(server.heads) >= MOST)
        gate.set()
        await asyncio.gather(*asked)
        assert (server.connections, len(server.heads)) == (MOST, 2 * MOST)


async def test_who_gives_up_waiting_takes_no_connection_from_others() -> None:
    gate = asyncio.Event()

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(WHOLE)

    async with serving(answer) as (server, client):
        asked = [asyncio.ensure_future(client.fetch(Request("GET", f"/{n}"), [])) for n in range(3 * MOST)]
        await until(lambda: len(server.heads) >= MOST)
        for each in asked[MOST : 2 * MOST]:
            each.cancel()
        gate.set()
        kept = [*asked[:MOST], *asked[2 * MOST :]]
        assert all(body == b"hello" for _, body in await asyncio.wait_for(asyncio.gather(*kept), 10))


async def test_a_full_house_whose_connections_all_end_lets_the_others_in() -> None:
    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
        writer.close()

    async with serving(answer) as (_, client):
        asked = (client.fetch(Request("GET", f"/{n}"), []) for n in range(3 * MOST))
        answers = await asyncio.wait_for(asyncio.gather(*asked), 10)
    assert [body for _, body in answers] == [b"hello"] * 3 * MOST


async def test_what_stands_in_a_path_or_a_header_begins_no_other_line() -> None:
    async with serving(saying(WHOLE)) as (server, client):
        await client.fetch(Request("GET", "/a b\r\nEvil: 1", {"q": "c\r\nd"}), [("X", "e\r\nEvil: 2")])
        lines = server.heads[0].decode().split("\r\n")
    assert lines[0] == "GET /a%20b%0D%0AEvil:%201?q=c%0D%0Ad HTTP/1.1"
    assert not [line for line in lines if line.startswith("Evil")]


async def test_a_stream_is_read_as_it_comes_and_told_when_it_falls_silent() -> None:
    async with serving(saying(CHUNKED, b"3\r\none\r\n")) as (server, client):
        answer = await client.stream(Request("GET", "/x"), [])
        chunks = answer.chunks(0.05)
        assert await anext(chunks) == b"one"
        with pytest.raises(Silent):
            await anext(chunks)
        answer.drop()
        await until(lambda: not server.open)


async def test_a_stream_that_nobody_reads_makes_the_server_wait() -> None:
    sent = 0

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(CHUNKED)
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()
            sent += 0x10000

    async with serving(answer) as (_, client):
        got = await client.stream(Request("GET", "/x"), [])
        before = -1
        while before != sent:  # until it stands still
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 64 * 1024 * 1024
        chunks = got.chunks(5)
        taken = 0
        while taken <= before:
            taken += len(await anext(chunks))
        assert sent > before
        got.drop()
