"""Exec and port-forward over WebSocket, frame by frame as recorded."""

from __future__ import annotations

import json

import aiohttp
import pytest

from tests.conftest import RECORDINGS

RECORDED = json.loads((RECORDINGS / "protocol" / "websocket.json").read_text())


async def pod_of(api, label, namespace="default"):
    _, listing = await api.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector={label}")
    return listing["items"][0]["metadata"]["name"]


async def frames(api, path, protocol):
    """(negotiated, frames, close code) of one WebSocket that the server ends."""
    found = []
    async with api.session.ws_connect(api.server + path, protocols=(protocol,)) as socket:
        negotiated = socket.protocol
        async for message in socket:
            found.append((message.data[0], message.data[1:].decode()))
        return negotiated, found, socket.close_code


def recorded(name):
    return [(f["channel"], f["data"]) for f in RECORDED[name] if "channel" in f]


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
class TestExec:
    async def path(self, api, *argv, query=""):
        pod = await pod_of(api, "name=x-wing")
        commands = "&".join(f"command={a}" for a in argv)
        return f"/api/v1/namespaces/default/pods/{pod}/exec?stdout=1&stderr=1&{commands}{query}"

    async def test_ok(self, api, protocol):
        path = await self.path(api, "sh", "-c", "echo%20out;%20echo%20err%20>%262")
        negotiated, found, code = await frames(api, path, protocol)
        assert (negotiated, code) == (protocol, 1000)
        assert found[0] == recorded(f"exec ok {protocol}")[0] == (1, "")
        assert found[-1] == recorded(f"exec ok {protocol}")[-1]
        assert "".join(d for c, d in found if c == 1) == "out\n"
        assert "".join(d for c, d in found if c == 2) == "err\n"

    async def test_exit_code(self, api, protocol):
        path = await self.path(api, "/bin/sh", "-c", "exit%2028")
        _, found, code = await frames(api, path, protocol)
        want = recorded(f"exec exit 28 {protocol}")
        status = json.loads(want[-1][1])
        status["message"] = status["message"].replace("curl -s --max-time 1 10.255.255.1", "exit 28")
        assert code == 1000
        assert found[0] == want[0]
        assert (found[-1][0], json.loads(found[-1][1])) == (3, status)

    async def test_missing_command(self, api, protocol):
        path = await self.path(api, "no-such-binary")
        _, found, _ = await frames(api, path, protocol)
        want = json.loads(recorded(f"exec missing command {protocol}")[-1][1])
        got = json.loads(found[-1][1])
        assert set(got) == set(want)
        assert got["code"] == 500
        assert 'exec: "no-such-binary": executable file not found in $PATH' in got["message"]
        assert got["message"].split('"')[0] == want["message"].split('"')[0]

    @pytest.mark.parametrize(
        ("case", "pod", "query", "status"),
        [("missing container", "", "&container=nope", 400), ("missing pod", "nope", "", 404)],
    )
    async def test_refused(self, api, protocol, case, pod, query, status):
        path = await self.path(api, "true", query=query)
        name = await pod_of(api, "name=x-wing")
        path = path.replace(name, pod or name)
        want = json.loads(RECORDED[f"exec {case} {protocol}"][0]["body"])
        want["message"] = want["message"].replace("x-wing-689bd74994-2rqpr", name)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
            await api.session.ws_connect(api.server + path, protocols=(protocol,))
        assert refusal.value.status == status
        assert await api.get(path) == (status, want)


async def test_stdin_reaches_the_command(api):
    pod = await pod_of(api, "name=x-wing")
    path = f"/api/v1/namespaces/default/pods/{pod}/exec?stdin=1&stdout=1&command=cat"
    async with api.session.ws_connect(api.server + path, protocols=("v5.channel.k8s.io",)) as socket:
        await socket.send_bytes(b"\0over ")
        await socket.send_bytes(b"\0here\n")
        await socket.send_bytes(b"\xff\0")
        got = [m.data async for m in socket]
    assert b"".join(d[1:] for d in got if d[0] == 1) == b"over here\n"
    assert json.loads(got[-1][1:])["status"] == "Success"


async def test_forward_to_the_relay_speaks_http2(api):
    pod = await pod_of(api, "k8s-app=hubble-relay", "kube-system")
    path = f"/api/v1/namespaces/kube-system/pods/{pod}/portforward?ports=4245"
    async with api.session.ws_connect(api.server + path, protocols=("v4.channel.k8s.io",)) as socket:
        ports = [await socket.receive_bytes(), await socket.receive_bytes()]
        want = [f for f in RECORDED["portforward relay 4245 v4.channel.k8s.io"] if f.get("len") == 2]
        assert ports == [bytes([f["channel"]]) + bytes.fromhex(f["hex"]) for f in want]
        await socket.send_bytes(b"\0PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        answer = await socket.receive_bytes()
    # The server's own SETTINGS frame: type 4 on stream 0.
    assert (answer[0], answer[4], answer[6:10]) == (0, 4, b"\0\0\0\0")


async def test_forward_to_a_closed_port(api):
    pod = await pod_of(api, "k8s-app=hubble-relay", "kube-system")
    path = f"/api/v1/namespaces/kube-system/pods/{pod}/portforward?ports=9999"
    async with api.session.ws_connect(api.server + path, protocols=("v4.channel.k8s.io",)) as socket:
        got = [m.data async for m in socket]
        assert socket.close_code == 1000
    want = [f for f in RECORDED["portforward closed port v4"] if "channel" in f]
    assert [d[0] for d in got] == [f["channel"] for f in want]
    assert got[2][1:].startswith(bytes.fromhex(want[2]["hex"])[:34])
    assert b"connection refused" in got[2]


async def test_unknown_protocol_is_refused(api):
    pod = await pod_of(api, "k8s-app=hubble-relay", "kube-system")
    path = f"/api/v1/namespaces/kube-system/pods/{pod}/portforward?ports=4245"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await api.session.ws_connect(api.server + path, protocols=("portforward.k8s.io",))
    assert refusal.value.status == 403
