"""The guard against what tests leave open names the test, the ends, and nothing that still has a right to live."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.leaks import take


@pytest.fixture
def peer():
    """A server that accepts in the kernel alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_connection_of_a_closed_loop_is_told_once_with_its_ends(peer: socket.socket) -> None:
    async def dial() -> asyncio.Transport:
        return (await asyncio.get_running_loop().create_connection(asyncio.Protocol, *peer.getsockname()))[0]

    loop = asyncio.new_event_loop()
    left = loop.run_until_complete(dial())
    assert take() == []  # the loop lives: it may be a module's
    own, _ = left.get_extra_info("sockname"), loop.close()
    host, port = peer.getsockname()
    assert take() == [f"SelectorSocketTransport {own[0]}:{own[1]} → {host}:{port}, opened in {dial.__qualname__}"]
    assert take() == []


def test_a_pipe_and_a_child_of_a_closed_loop_are_told() -> None:
    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec("sleep", "60", stdout=subprocess.PIPE)

    loop = asyncio.new_event_loop()
    child = loop.run_until_complete(start())
    loop.close()
    assert sorted(each.split(",")[0] for each in take()) == [
        "UnixReadPipeTransport", f"UnixSubprocessTransport of process {child.pid}",
    ]  # fmt: skip


async def test_what_was_closed_is_not_told(peer: socket.socket) -> None:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *peer.getsockname())
    transport.close()


TWO_TESTS = """
import asyncio, socket

kept = []

async def test_that_leaves_a_connection():
    server = socket.create_server(("127.0.0.1", 0))
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *server.getsockname())
    kept.extend((server, transport))

async def test_that_comes_after_it():
    kept[0].close()
    kept.clear()
"""


def test_the_test_that_leaves_a_connection_fails_and_not_the_next(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    (tmp_path / "test_two.py").write_text(TWO_TESTS)
    asked = [sys.executable, "-m", "pytest", "-q", "-p", "tests.leaks", "-c", root / "pyproject.toml", tmp_path]
    ended = subprocess.run(asked, cwd=root, capture_output=True, text=True, timeout=60)
    assert "ERROR at teardown of test_that_leaves_a_connection" in ended.stdout
    assert "left open when the test's event loop ended:\nSelectorSocketTransport 127.0.0.1:" in ended.stdout
    assert "test_that_comes_after_it" not in ended.stdout
    assert "2 passed, 1 error" in ended.stdout
