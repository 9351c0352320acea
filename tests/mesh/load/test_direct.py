"""Requests from this machine over real sockets: HTTP/1.1 and HTTP/2, every way to fail, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from meshtui.core.load import summarise
from meshtui.core.load.spec import Answer, LoadEnded, LoadSpec, LoadStarted, Request
from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.mesh.load.direct import run_direct
from meshtui.mesh.session import Session


@asynccontextmanager
async def listening(handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    open_now: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for writer in open_now:
            writer.close()
            with contextlib.suppress(ConnectionError, OSError):
                await writer.wait_closed()


def saying(body: bytes, headers: str = "", seen: list[bytes] | None = None):
    async def handle(reader, writer):
        request = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(request)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)
        await writer.drain()

    return handle


async def handle_http2(reader, writer):
    """A server that speaks nothing but HTTP/2."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                connection.send_headers(event.stream_id, [(":status", "200"), ("x-cluster", "Tion")])
                connection.send_data(event.stream_id, b"two", end_stream=True)
        writer.write(connection.data_to_send())
        await writer.drain()


async def run(spec: LoadSpec) -> tuple[list[Request], LoadEnded]:
    events = [event async for event in run_direct(spec, SystemClock())]
    assert isinstance(events[0], LoadStarted)
    ended = events[-1]
    assert isinstance(ended, LoadEnded)
    return [event for event in events if isinstance(event, Request)], ended


async def test_ten_requests_name_who_answered_and_use_a_connection_each() -> None:
    seen: list[bytes] = []
    async with listening(saying(b'{"Cluster": "Koornacht"}', seen=seen)) as url:
        requests, ended = await run(LoadSpec(url, headers={"X-One": "1"}))
    assert ended.problem == ""
    assert sorted(request.number for request in requests) == list(range(1, 11))
    assert {(r.answer, r.status, r.cluster, r.attribution) for r in requests} == {
        (Answer.ANSWERED, 200, "koornacht", "body")
    }
    assert len({request.local_port for request in requests}) == 10
    assert len(seen) == 10
    assert all(b"x-one: 1" in request.lower() for request in seen)


@pytest.mark.parametrize("tls", [False, True])
async def test_http2_is_spoken_with_and_without_tls(tls: bool) -> None:
    context = None
    if tls:
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2"])
        authority.issue_cert("127.0.0.1").configure_cert(context)
    async with listening(handle_http2, context) as url:
        spec = LoadSpec(url, count=3, concurrency=3, http2=True, insecure=True, cluster_header="x-cluster")
        requests, _ = await run(spec)
        assert {(r.answer, r.cluster, r.body) for r in requests} == {(Answer.ANSWERED, "tion", "two")}
        if tls:
            requests, _ = await run(LoadSpec(url, count=1))
            assert requests[0].answer is Answer.FAILED
            assert "certificate" in requests[0].story.lower()
        else:
            requests, _ = await run(LoadSpec(url, count=1, max_time=1))
            assert requests[0].answer is not Answer.ANSWERED


async def test_failures_are_told_apart() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        requests, _ = await run(LoadSpec(nobody, count=2))
    assert [(r.answer, bool(r.story)) for r in requests] == [(Answer.REFUSED, True)] * 2
    requests, _ = await run(LoadSpec("http://no-such-name.invalid/", count=1))
    assert requests[0].answer is Answer.DNS_FAILED

    async def hold(reader, writer):
        await reader.read()

    async with listening(hold) as url:
        requests, _ = await run(LoadSpec(url, count=3, concurrency=3, max_time=0.2))
    assert summarise(requests).timeouts == 3

    async def hang_up(reader, writer):
        await reader.readuntil(b"\r\n\r\n")

    async with listening(hang_up) as url:
        requests, _ = await run(LoadSpec(url, count=1))
    assert requests[0].answer is Answer.RESET


@pytest.mark.parametrize("body", [b"\x1b[2J\x00\xff" * 1000, b"x" * 10_000_000, b""])
async def test_bodies_are_kept_short(body: bytes) -> None:
    async with listening(saying(body)) as url:
        requests, _ = await run(LoadSpec(url, count=2))
    assert [request.answer for request in requests] == [Answer.ANSWERED] * 2
    assert {len(request.body) for request in requests} == {min(len(body), 2048)}


async def test_a_session_without_clusters_runs_from_here_and_stops_at_once() -> None:
    session = Session((), Settings())
    async with listening(saying(b"ok")) as url:
        count = 0
        async with aclosing(session.load(LoadSpec(url, count=0, rate=50))) as events:
            async for event in events:
                count += isinstance(event, Request)
                if count == 3:
                    break
        assert not [task for task in asyncio.all_tasks() if "_work" in repr(task) or "_crew" in repr(task)]


async def test_a_url_that_is_none_is_a_problem() -> None:
    events = [event async for event in run_direct(LoadSpec("gopher://x"), SystemClock())]
    (ended,) = events
    assert isinstance(ended, LoadEnded)
    assert "not an http" in ended.problem
