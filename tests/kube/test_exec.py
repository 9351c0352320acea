"""Exec over WebSocket, against the frames a real API server sent."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from meshtui.core.errors import ExecFailed, Forbidden, Invalid, NotFound, TimedOut, Unauthorized
from meshtui.kube.exec import open_exec, run
from tests.kube.fake import echo_until_closed, failure, frames
from tests.waiting import GUARD, until

PATH = "/api/v1/namespaces/default/pods/x-wing/exec"


@pytest.fixture
def sessions(recordings) -> dict:
    return json.loads((recordings / "protocol/websocket.json").read_text())


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_recorded_success(fake, api, sessions, protocol):
    fake.protocols = (protocol,)
    fake.sockets[PATH] = frames(sessions[f"exec ok {protocol}"])
    result = await run(api, "default", "x-wing", ["sh", "-c", "a b"], container="x-wing-container")
    assert result.stdout.startswith(b"out\n")
    assert b'"Planet": "Foran Tutha"' in result.stdout
    assert (result.stderr, result.exit_code) == (b"err\n", 0)
    query = fake.requests[-1].query
    assert query.getall("command") == ["sh", "-c", "a b"]
    assert (query["container"], query["stdout"], query["stderr"], query.get("stdin")) == (
        "x-wing-container",
        "true",
        "true",
        None,
    )


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_recorded_exit_code(fake, api, sessions, protocol):
    fake.protocols = (protocol,)
    fake.sockets[PATH] = frames(sessions[f"exec exit 28 {protocol}"])
    assert (await run(api, "default", "x-wing", ["curl"])).exit_code == 28


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
async def test_recorded_missing_command(fake, api, sessions, protocol):
    fake.protocols = (protocol,)
    fake.sockets[PATH] = frames(sessions[f"exec missing command {protocol}"])
    with pytest.raises(ExecFailed) as caught:
        await run(api, "default", "x-wing", ["no-such-binary"])
    assert caught.value.cause == 'exec: "no-such-binary": executable file not found in $PATH'
    assert caught.value.context == "k"


@pytest.mark.parametrize(
    ("case", "code", "kind", "words"),
    [
        ("exec missing container v5.channel.k8s.io", 400, Invalid, "container nope is not valid"),
        ("exec missing pod v5.channel.k8s.io", 404, NotFound, 'pods "nope" not found'),
    ],
)
async def test_recorded_refusals(fake, api, sessions, case, code, kind, words):
    fake.refuse(f"GET {PATH}", (code, sessions[case][0]["body"].encode()))
    with pytest.raises(kind) as caught:
        await run(api, "default", "x-wing", ["true"])
    assert words in caught.value.cause
    assert caught.value.title == "k: cannot run a command in pod default/x-wing"


async def test_forbidden_and_unauthorized_handshakes(fake, api):
    fake.refuse(f"GET {PATH}", (403, failure(403, "Forbidden", "pods is forbidden")))
    with pytest.raises(Forbidden) as caught:
        await run(api, "default", "x-wing", ["true"])
    assert caught.value.hint == "kubectl --context k auth can-i create pods --subresource=exec -n default"
    fake.tokens.clear()
    with pytest.raises(Unauthorized):
        await run(api, "default", "x-wing", ["true"])


async def test_stdin_is_half_closed_on_v5(fake, api):
    fake.sockets[PATH] = echo_until_closed
    async with open_exec(api, "default", "x-wing", ["cat"], stdin=True) as stream:
        await stream.write(b"\x00\xff binary \n")
        await stream.close_stdin()
        got = [(channel, data) async for channel, data in stream]
    assert got == [("stdout", b"\x00\xff binary \n")]
    assert stream.exit_code == 0


async def test_v4_cannot_end_its_input_and_says_so(fake, api):
    fake.protocols = ("v4.channel.k8s.io",)
    fake.sockets[PATH] = echo_until_closed
    async with open_exec(api, "default", "x-wing", ["cat"], stdin=True) as stream:
        with pytest.raises(ExecFailed, match="cannot run"):
            await stream.close_stdin()


async def test_large_binary_frames_arrive_whole(fake, api):
    big = os.urandom(3 * 1024 * 1024)

    async def send(socket, request):
        await socket.send_bytes(b"\x01" + big)
        await socket.send_bytes(b"\x01" + big)
        await socket.send_bytes(b'\x03{"status":"Success"}')

    fake.sockets[PATH] = send
    assert (await run(api, "default", "x-wing", ["cat"])).stdout == big + big


async def test_output_over_the_limit_is_an_error(fake, api):
    async def send(socket, request):
        for _ in range(100):
            await socket.send_bytes(b"\x01" + bytes(1000))

    fake.sockets[PATH] = send
    with pytest.raises(ExecFailed) as caught:
        await run(api, "default", "x-wing", ["yes"], limit=10_000)
    assert "more than 10000 bytes" in caught.value.cause


async def test_a_stream_without_exit_code_was_cut_off(fake, api):
    async def vanish(socket, request):
        await socket.send_bytes(b"\x01half an ans")
        request.transport.abort()

    fake.sockets[PATH] = vanish
    async with open_exec(api, "default", "x-wing", ["curl"]) as stream:
        assert [data async for _, data in stream] == [b"half an ans"]
    assert stream.exit_code is None
    assert isinstance(stream.error, ExecFailed)


async def test_output_streams_before_the_end(fake, api):
    go_on = asyncio.Event()

    async def slow(socket, request):
        await socket.send_bytes(b"\x01first")
        await go_on.wait()
        await socket.send_bytes(b"\x01second")
        await socket.send_bytes(b'\x03{"status":"Success"}')

    fake.sockets[PATH] = slow
    got = []
    async with open_exec(api, "default", "x-wing", ["curl"]) as stream:
        async for _, data in stream:
            got.append(data)
            go_on.set()
    assert got == [b"first", b"second"]


async def test_cancelling_closes_the_socket(fake, api):
    started, ended = asyncio.Event(), asyncio.Event()

    async def hang(socket, request):
        started.set()
        async for _ in socket:
            pass
        ended.set()

    fake.sockets[PATH] = hang
    task = asyncio.create_task(run(api, "default", "x-wing", ["sleep", "9"], timeout=GUARD))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(ended.is_set)


async def test_a_command_that_hangs_is_timed_out(fake, api):
    async def hang(socket, request):
        async for _ in socket:
            pass

    fake.sockets[PATH] = hang
    with pytest.raises(TimedOut):
        await run(api, "default", "x-wing", ["sleep", "9"], timeout=0.1)
