"""Exec and port-forward over SPDY/3.1 on a raw TLS socket: the bytes that client-go sends, and what must come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshtui.sim.api.spdy import DICTIONARY
from tests.conftest import RECORDINGS
from tests.sim.api.test_streams import pod_of
from tests.waiting import GUARD

EXEC = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")


class Spdy:
    """A client's end of one connection, frames by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._deflate = zlib.compressobj(0, zdict=DICTIONARY)
        self.head = b""

    async def ask(self, path: str, protocols: tuple[str, ...], upgrade: str = "SPDY/3.1") -> int:
        """Send the request of an upgrade; the answer's status."""
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: Upgrade", f"Upgrade: {upgrade}"]
        lines += [f"X-Stream-Protocol-Version: {p}" for p in protocols]
        self.writer.write("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        self.head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), GUARD)
        return int(self.head.split()[1])

    def open(self, stream: int, **headers: str) -> None:
        """SYN_STREAM, its header block stored uncompressed."""
        block = struct.pack(">I", len(headers))
        for text in (t.encode() for pair in headers.items() for t in pair):
            block += struct.pack(">I", len(text)) + text
        body = struct.pack(">IIH", stream, 0, 0) + self._deflate.compress(block) + self._deflate.flush(2)
        self.writer.write(b"\x80\x03\x00\x01\x00" + len(body).to_bytes(3, "big") + body)

    async def frame(self) -> bytes:
        """The next frame, whole."""
        head = await asyncio.wait_for(self.reader.readexactly(8), GUARD)
        return head + await self.reader.readexactly(int.from_bytes(head[5:8], "big"))

    async def until(self, kind: bytes) -> list[bytes]:
        """Frames up to the first that begins so."""
        found: list[bytes] = []
        while not found or not found[-1].startswith(kind):
            found.append(await self.frame())
        return found


def data_of(frames: list[bytes], stream: int) -> bytes:
    return b"".join(f[8:] for f in frames if f[:4] == struct.pack(">I", stream))


@pytest.fixture
async def spdy(api: Any) -> AsyncIterator[Any]:
    """Makes connections to the first cluster's API server, as its administrator."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect() -> Spdy:
            host, _, port = api.server.removeprefix("https://").partition(":")
            context = api.session.connector._ssl
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
            stack.callback(writer.close)
            return Spdy(reader, writer)

        yield connect


async def exec_path(api: Any, *argv: str, query: str = "stdout=true&stderr=true") -> str:
    pod = await pod_of(api, "name=x-wing")
    commands = "&".join(f"command={a}" for a in argv)
    return f"/api/v1/namespaces/default/pods/{pod}/exec?{query}&{commands}"


async def test_exec_byte_by_byte(api, spdy):
    client = await spdy()
    path = await exec_path(api, "sh", "-c", "echo%20out;%20echo%20err%20>%262;%20exit%203")
    assert await client.ask(path, EXEC) == 101
    head = client.head.decode().lower()
    assert "upgrade: spdy/3.1\r\n" in head
    assert "connection: upgrade\r\n" in head
    assert "x-stream-protocol-version: v4.channel.k8s.io\r\n" in head
    assert "content-length" not in head
    assert "transfer-encoding" not in head
    client.open(1, streamtype="error")
    client.open(3, streamtype="stdout")
    client.open(5, streamtype="stderr")
    frames = await client.until(b"\x80\x03\x00\x07")
    replies = [f for f in frames if f.startswith(b"\x80\x03\x00\x02")]
    assert [f[8:12] for f in replies] == [b"\0\0\0\1", b"\0\0\0\3", b"\0\0\0\5"]
    assert b"\x00\x00\x00\x03\x00\x00\x00\x04out\n" in frames
    assert b"\x00\x00\x00\x05\x00\x00\x00\x04err\n" in frames
    # What each stream ends with: an empty DATA frame under the FIN flag.
    for stream in (1, 3, 5):
        assert struct.pack(">II", stream, 0x01000000) in frames
    assert frames[-1] == b"\x80\x03\x00\x07\x00\x00\x00\x08\x00\x00\x00\x05\x00\x00\x00\x00"
    recorded = json.loads((RECORDINGS / "protocol" / "websocket.json").read_text())
    want = json.loads(recorded["exec exit 28 v4.channel.k8s.io"][-2]["data"])
    status = json.loads(data_of(frames, 1))
    assert status.keys() == want.keys()
    assert status["details"] == {"causes": [{"reason": "ExitCode", "message": "3"}]}
    assert await client.reader.read() == b""


async def test_standard_input_ends_with_fin(api, spdy):
    client = await spdy()
    assert await client.ask(await exec_path(api, "cat", query="stdin=true&stdout=true"), EXEC) == 101
    for number, kind in ((1, "error"), (3, "stdin"), (5, "stdout")):
        client.open(number, streamtype=kind)
    client.writer.write(b"\x00\x00\x00\x03\x00\x00\x00\x05over \x00\x00\x00\x03\x01\x00\x00\x05here\n")
    frames = await client.until(b"\x80\x03\x00\x07")
    assert data_of(frames, 5) == b"over here\n"
    assert json.loads(data_of(frames, 1)) == {"status": "Success"}


async def test_pings_are_answered_and_even_streams_refused(api, spdy):
    client = await spdy()
    assert await client.ask(await exec_path(api, "cat", query="stdin=true&stdout=true"), EXEC) == 101
    client.writer.write(b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x07")
    assert await client.frame() == b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x07"
    client.open(2, streamtype="error")
    assert await client.frame() == b"\x80\x03\x00\x03\x00\x00\x00\x08\x00\x00\x00\x02\x00\x00\x00\x01"
    # WINDOW_UPDATE and SETTINGS mean nothing here and harm nothing.
    client.writer.write(b"\x80\x03\x00\x09\x00\x00\x00\x08\x00\x00\x00\x01\x00\x01\x00\x00")
    client.writer.write(b"\x80\x03\x00\x04\x00\x00\x00\x04\x00\x00\x00\x00")
    client.writer.write(b"\x80\x03\x00\x06\x00\x00\x00\x04\x00\x00\x00\x09")
    assert (await client.frame())[-1] == 9


async def test_a_terminal_has_one_output_and_a_stream_for_its_size(api, spdy):
    client = await spdy()
    path = await exec_path(api, "sh", "-c", "echo%20a;%20echo%20b%20>%262", query="stdin=true&stdout=true&tty=true")
    assert await client.ask(path, EXEC) == 101
    for number, kind in ((1, "error"), (3, "stdin"), (5, "stdout"), (7, "resize")):
        client.open(number, streamtype=kind)
    size = b'{"Width":80,"Height":24}\n'
    client.writer.write(struct.pack(">II", 7, len(size)) + size)
    assert data_of(await client.until(b"\x80\x03\x00\x07"), 5) == b"a\r\nb\r\n"


@pytest.mark.parametrize("protocol", ["v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"])
async def test_older_protocols_say_failures_as_text(api, spdy, protocol):
    client = await spdy()
    assert await client.ask(await exec_path(api, "false", query="stdout=true"), (protocol,)) == 101
    client.open(1, streamtype="error")
    client.open(3, streamtype="stdout")
    told = data_of(await client.until(b"\x80\x03\x00\x07"), 1).decode()
    assert told == "command terminated with non-zero exit code: error executing command [false], exit code 1"


async def test_handshakes_that_fail(api, spdy):
    path = await exec_path(api, "true")
    client = await spdy()
    assert await client.ask(path, ("v9.channel.k8s.io",)) == 403
    head = client.head.decode()
    assert head.count("X-Accepted-Stream-Protocol-Versions:") == 4
    assert await (await spdy()).ask(path, ()) == 400
    assert await (await spdy()).ask(path, EXEC, upgrade="SPDY/2") == 400
    assert await (await spdy()).ask(path.replace("stdout=true&stderr=true", "a=b"), EXEC) == 400
    assert await (await spdy()).ask(path.replace("/pods/", "/pods/no-"), EXEC) == 404


async def relay_path(api: Any) -> str:
    pod = await pod_of(api, "k8s-app=hubble-relay", "kube-system")
    return f"/api/v1/namespaces/kube-system/pods/{pod}/portforward"


async def test_port_forward_pairs_streams_by_request(api, spdy):
    client = await spdy()
    assert await client.ask(await relay_path(api), ("portforward.k8s.io",)) == 101
    assert b"X-Stream-Protocol-Version: portforward.k8s.io\r\n" in client.head
    for stream, request in ((1, "0"), (5, "1")):
        client.open(stream, streamtype="error", port="4245", requestid=request)
        client.writer.write(struct.pack(">II", stream, 0x01000000))
        client.open(stream + 2, streamtype="data", port="4245", requestid=request)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    for stream in (3, 7):
        client.writer.write(struct.pack(">II", stream, len(preface)) + preface)
        frames = await client.until(struct.pack(">I", stream))
        # The server's own SETTINGS: HTTP/2 frame type 4 on stream 0.
        assert frames[-1][11:17] == b"\4\0\0\0\0\0"


async def test_port_forward_to_a_closed_port(api, spdy):
    client = await spdy()
    assert await client.ask(await relay_path(api), ("portforward.k8s.io",)) == 101
    client.open(1, streamtype="error", port="9999", requestid="0")
    client.open(3, streamtype="data", port="9999", requestid="0")
    frames = await client.until(struct.pack(">II", 1, 0x01000000))
    assert b"connection refused" in data_of(frames, 1)
    assert data_of(frames, 1).startswith(b"error forwarding port 9999 to pod ")
    assert struct.pack(">II", 3, 0x01000000) in frames


async def test_what_is_no_spdy_ends_the_connection(api, spdy):
    client = await spdy()
    assert await client.ask(await relay_path(api), ("portforward.k8s.io",)) == 101
    client.writer.write(b"\x80\x02\x00\x01\x00\x00\x00\x00")
    assert await asyncio.wait_for(client.reader.read(), GUARD) == b""
