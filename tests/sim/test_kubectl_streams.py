"""kubectl is the judge of what streams: exec, attach, logs and port-forward, over WebSocket and over SPDY."""

from __future__ import annotations

import json
import select
import shutil
import socket

import pytest

from tests.sim.kubectl import DENY, read_line
from tests.waiting import GUARD

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")


def test_exec_and_exit_codes(kubectl):
    assert kubectl.ok("exec", "deploy/x-wing", "--", "echo", "hello") == "hello\n"
    ended = kubectl("exec", "deploy/x-wing", "--", "sh", "-c", "echo no >&2; exit 28")
    assert ended.code == 28
    assert ended.err.splitlines() == ["no", "command terminated with exit code 28"]
    fed = kubectl("exec", "-i", "deploy/x-wing", "--", "cat", stdin="from outside\n")
    assert (fed.code, fed.out) == (0, "from outside\n")
    missing = kubectl("exec", "deploy/x-wing", "-c", "nope", "--", "true")
    assert "nope" in missing.err
    absent = kubectl("exec", "deploy/x-wing", "--", "no-such-binary")
    assert "executable file not found" in absent.err


def test_the_labs_curl_loop(kubectl):
    loop = "for i in $(seq 10); do curl -s rebel-base; done"
    answers = [
        json.loads(a)["Cluster"] for a in kubectl.ok("exec", "deploy/x-wing", "--", "sh", "-c", loop).splitlines()
    ]
    assert len(answers) == 10
    assert set(answers) <= {"Koornacht", "Tion"}


def test_logs(kubectl):
    agent = ("logs", "-n", "kube-system", "ds/cilium", "-c", "cilium-agent")
    whole = ""  # of an agent that may have just started
    while "Successful endpoint creation" not in whole or whole != kubectl.ok(*agent):
        whole = kubectl.ok(*agent)
    assert "Daemon initialization completed" in whole
    assert kubectl.ok(*agent, "--tail=2") == "".join(whole.splitlines(keepends=True)[-2:])
    assert kubectl.ok(*agent, "--since-time=2099-01-01T00:00:00Z") == ""
    stamped = kubectl.ok(*agent, "--timestamps", "--tail=1")
    assert stamped.partition(" ")[2] == kubectl.ok(*agent, "--tail=1")
    assert len(kubectl.ok(*agent, "--limit-bytes=10")) == 10
    following = kubectl.follow(*agent, "-f", "--tail=1")
    try:
        read_line(following)
        kubectl.ok("apply", "-f", "-", stdin=DENY)
        assert "Imported CiliumNetworkPolicy" in read_line(following)
    finally:
        kubectl.ok("delete", "cnp", "default-deny")
        following.terminate()
        following.communicate()
    assert "is not valid for pod" in kubectl("logs", "deploy/x-wing", "-c", "nope").err


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_attach_gives_what_is_said_from_now_on(kubectl, monkeypatch, websockets):
    monkeypatch.setenv("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", websockets)
    attached = kubectl.follow("attach", "-n", "kube-system", "ds/cilium", "-c", "cilium-agent")
    try:
        told = False
        while not told:  # what is said before it is attached it does not hear
            kubectl.ok("apply", "-f", "-", stdin=DENY)
            kubectl.ok("delete", "cnp", "default-deny")
            told = bool(select.select([attached.stdout], [], [], 1)[0])
        assert "olic" in read_line(attached)
    finally:
        attached.terminate()
        attached.communicate()


def test_port_forward_to_the_relay(kubectl):
    forward = kubectl.follow("port-forward", "-n", "kube-system", "svc/hubble-relay", ":80")
    try:
        told = read_line(forward)
        assert told.startswith("Forwarding from 127.0.0.1:")
        port = int(told.split(":")[1].split()[0])
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), GUARD) as relay:
                relay.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                # The server's own SETTINGS frame: type 4 on stream 0.
                assert relay.recv(9)[3:9] == b"\4\0\0\0\0\0"
    finally:
        forward.terminate()
        forward.communicate()


SPDY = {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false", "KUBECTL_PORT_FORWARD_WEBSOCKETS": "false"}


def test_exec_over_spdy(kubectl, monkeypatch):
    for name, value in SPDY.items():
        monkeypatch.setenv(name, value)
    pod = kubectl.ok("get", "pods", "-l", "name=x-wing", "-o", "name").split()[0]
    assert json.loads(kubectl.ok("exec", pod, "--", "curl", "-s", "rebel-base"))["Cluster"]
    assert kubectl.ok("exec", "-i", pod, "--", "cat", stdin="over here\n" * 20_000) == "over here\n" * 20_000
    failed = kubectl("exec", pod, "--", "sh", "-c", "echo out; echo err >&2; exit 28")
    assert (failed.code, failed.out) == (28, "out\n")
    assert failed.err == "err\ncommand terminated with exit code 28\n"
    missing = kubectl("exec", pod, "--", "nope")
    assert (missing.code, "executable file not found in $PATH" in missing.err) == (1, True)
    trace = kubectl("exec", "-v=8", pod, "--", "true").err
    assert "Response Status: 101 Switching Protocols" in trace
    assert "X-Stream-Protocol-Version: v4.channel.k8s.io" in trace


def test_port_forward_over_spdy(kubectl, monkeypatch):
    for name, value in SPDY.items():
        monkeypatch.setenv(name, value)
    relay = kubectl.follow("port-forward", "-n", "kube-system", "svc/hubble-relay", ":80")
    try:
        port = int(read_line(relay).rsplit(":", 1)[1].split()[0])
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), timeout=GUARD) as client:
                client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                assert client.recv(9)[3:5] == b"\4\0"
    finally:
        relay.terminate()
        relay.communicate()
