"""Port-forward: a unix socket here, WebSocket frames there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import stat

import pytest

from meshtui.core.errors import NotFound, Unreachable
from meshtui.kube.portforward import forward, resolve_service_pod
from tests.kube.fake import failure, frames
from tests.waiting import GUARD, until

POD = "hubble-relay-x"
PATH = f"/api/v1/namespaces/kube-system/pods/{POD}/portforward"
HEADERS = (b"\x00\x95\x10", b"\x01\x95\x10")


async def echo(socket, request):
    for header in HEADERS:
        await socket.send_bytes(header)
    async for message in socket:
        await socket.send_bytes(b"\x00" + message.data[1:].upper())


async def test_bytes_go_both_ways_on_connections_of_their_own(fake, api):
    fake.sockets[PATH] = echo
    async with forward(api, "kube-system", POD, 4245) as target:
        path = target.removeprefix("unix:")
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        first, second = [await asyncio.open_unix_connection(path) for _ in range(2)]
        for index, (reader, writer) in enumerate((first, second)):
            writer.write(f"hello {index}".encode())
            assert await reader.readexactly(7) == f"HELLO {index}".encode()
        for _, writer in (first, second):
            writer.close()
            await writer.wait_closed()
    with pytest.raises(FileNotFoundError):
        os.stat(os.path.dirname(path))
    assert [q.query["ports"] for q in fake.asked("GET", PATH)] == ["4245", "4245"]


async def test_large_transfers_arrive_whole(fake, api):
    fake.sockets[PATH] = echo
    async with forward(api, "kube-system", POD, 4245) as target:
        reader, writer = await asyncio.open_unix_connection(target.removeprefix("unix:"))
        sent = b"abcdefgh" * 250_000
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent.upper()
        writer.close()


async def test_recorded_http2_preface_arrives_without_its_port_header(fake, api, recordings):
    sessions = json.loads((recordings / "protocol/websocket.json").read_text())
    fake.sockets[PATH] = frames(sessions["portforward relay 4245 v4.channel.k8s.io"])
    async with forward(api, "kube-system", POD, 4245) as target:
        reader, writer = await asyncio.open_unix_connection(target.removeprefix("unix:"))
        assert (await reader.read()).hex() == "000006040000000000000500004000000000040100000000"
        writer.close()


async def test_recorded_closed_port_is_told(fake, api, recordings):
    sessions = json.loads((recordings / "protocol/websocket.json").read_text())
    fake.sockets[PATH] = frames(sessions["portforward closed port v4"])
    failures = []
    async with forward(api, "kube-system", POD, 9999, failed=failures.append) as target:
        reader, writer = await asyncio.open_unix_connection(target.removeprefix("unix:"))
        assert await reader.read() == b""
        await until(lambda: failures)
        writer.close()
    assert isinstance(failures[0], Unreachable)
    assert failures[0].cause.startswith("error forwarding port 9999 to pod")


async def test_a_missing_pod_is_an_error_before_anyone_connects(fake, api):
    with pytest.raises(NotFound):
        async with forward(api, "kube-system", POD, 4245):
            pass


@pytest.mark.parametrize("turns", range(6))
async def test_whoever_connects_as_it_ends_is_let_go(fake, api, turns):
    """A task that is cancelled before its first step closes nothing; so many turns of the loop meet each moment."""
    fake.sockets[PATH] = echo
    async with forward(api, "kube-system", POD, 4245) as target:
        reader, writer = await asyncio.open_unix_connection(target.removeprefix("unix:"))
        for _ in range(turns):
            await asyncio.sleep(0)
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(GUARD):
            assert await reader.read() == b""
    writer.close()
    gc.collect()


async def test_a_spare_connection_that_died_is_replaced(fake, api):
    died = asyncio.Event()

    async def first_dies(socket, request):
        if len(fake.asked("GET", PATH)) == 1:
            await socket.close()
            died.set()
        else:
            await echo(socket, request)

    fake.sockets[PATH] = first_dies
    async with forward(api, "kube-system", POD, 4245) as target:
        await died.wait()
        reader, writer = await asyncio.open_unix_connection(target.removeprefix("unix:"))
        writer.write(b"x")
        await reader.read(1)
        writer.close()


@pytest.fixture
def relay(fake, recordings):
    folder = recordings / "3-deployed/koornacht"
    services = json.loads((folder / "services.json").read_text())["items"]
    slices = json.loads((folder / "endpointslices.json").read_text())
    for service in services:
        meta = service["metadata"]
        fake.objects[f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}"] = service
    slices["items"] = [
        s for s in slices["items"] if s["metadata"]["labels"].get("kubernetes.io/service-name") == "hubble-relay"
    ]
    fake.lists["/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"] = slices
    return slices


async def test_the_recorded_relay_service_resolves_to_its_pod_and_container_port(fake, api, relay):
    pod, port = await resolve_service_pod(api, "kube-system", "hubble-relay", 80)
    assert pod == relay["items"][0]["endpoints"][0]["targetRef"]["name"]
    assert port == 4245
    label = fake.requests[-1].query["labelSelector"]
    assert label == "kubernetes.io/service-name=hubble-relay"


async def test_no_ready_pod_and_no_such_port(fake, api, relay):
    with pytest.raises(NotFound) as caught:
        await resolve_service_pod(api, "kube-system", "hubble-relay", "nope")
    assert "no port nope" in caught.value.cause
    relay["items"][0]["endpoints"][0]["conditions"]["ready"] = False
    with pytest.raises(NotFound) as caught:
        await resolve_service_pod(api, "kube-system", "hubble-relay", 80)
    assert "no ready pod" in caught.value.cause


async def test_a_refused_later_connection_is_told(fake, api):
    fake.sockets[PATH] = echo
    failures = []
    async with forward(api, "kube-system", POD, 4245, failed=failures.append) as target:
        path = target.removeprefix("unix:")
        _, first = await asyncio.open_unix_connection(path)
        await until(lambda: fake.asked("GET", PATH))
        fake.refuse(f"GET {PATH}", (404, failure(404, "NotFound", "pods gone")))
        reader, second = await asyncio.open_unix_connection(path)
        assert await reader.read() == b""
        await until(lambda: failures)
        for writer in (first, second):
            writer.close()
    assert isinstance(failures[0], NotFound)
