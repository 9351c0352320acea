"""The passage between a Relay and gRPC: every byte, together when it waits, and an end that is an end."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.core.errors import RelayUnreachable
from meshtui.hubble.gather import gathered

GREETING = b"g" * (64 * 1024)


@pytest.fixture
def far(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "far"))
        listener.listen(1)
        listener.settimeout(10)
        yield listener


def target(far: socket.socket) -> str:
    return f"unix:{far.getsockname()}"


def knock(address: str) -> socket.socket:
    near = socket.socket(socket.AF_UNIX)
    near.settimeout(10)
    near.connect(address.removeprefix("unix:"))
    return near


def read(near: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = near.recv(size - len(data))
        assert piece, f"ended after {len(data)} of {size} bytes"
        data += piece
    return data


def fill(peer: socket.socket) -> None:
    """Send until no more goes in: nobody reads, so it stands in the middle of a write."""
    with contextlib.suppress(BlockingIOError):
        while True:
            peer.send(GREETING)


def test_every_byte_passes_in_both_directions(far: socket.socket) -> None:
    sent = os.urandom(3_000_000)
    with gathered(target(far)) as address, knock(address) as near:
        peer, _ = far.accept()
        with peer:
            near.sendall(b"a question")
            assert read(peer, 10) == b"a question"
            feeding = threading.Thread(target=peer.sendall, args=(sent,))
            feeding.start()
            assert read(near, len(sent)) == sent
            feeding.join()


def test_what_comes_while_it_waits_passes_together(far: socket.socket) -> None:
    waits, more = threading.Event(), threading.Event()

    def wait(closed: threading.Event) -> None:
        waits.set()
        assert more.wait(10)

    with gathered(target(far), wait=wait) as address, knock(address) as near:
        peer, _ = far.accept()
        with peer:
            peer.sendall(GREETING)
            read(near, len(GREETING))
            peer.sendall(b"1")
            assert read(near, 1) == b"1", "the first does not wait for others"
            assert waits.wait(10)
            for piece in (b"2", b"3", b"4"):
                peer.sendall(piece)
            more.set()
            assert near.recv(100) == b"234"


def test_the_greeting_does_not_wait(far: socket.socket) -> None:
    def wait(closed: threading.Event) -> None:
        raise AssertionError("waited")

    with gathered(target(far), wait=wait) as address, knock(address) as near:
        peer, _ = far.accept()
        with peer:
            for _ in range(20):
                near.sendall(b"?")
                assert read(peer, 1) == b"?"
                peer.sendall(b"!")
                assert read(near, 1) == b"!"


def test_each_side_learns_that_the_other_left(far: socket.socket) -> None:
    with gathered(target(far)) as address, knock(address) as near:
        peer, _ = far.accept()
        peer.close()
        assert near.recv(1) == b""
        with socket.socket(socket.AF_UNIX) as again, pytest.raises(ConnectionRefusedError):
            again.connect(address.removeprefix("unix:"))
    with gathered(target(far)) as address:
        near = knock(address)
        peer, _ = far.accept()
        near.close()
        with peer:
            peer.settimeout(10)
            assert peer.recv(1) == b""


def test_it_ends_at_once_whatever_it_is_at(far: socket.socket) -> None:
    with gathered(target(far)) as unused:
        assert Path(unused.removeprefix("unix:")).exists()
    assert not Path(unused.removeprefix("unix:")).parent.exists()
    with gathered(target(far), wait=lambda closed: closed.wait()) as address, knock(address) as near:
        far.accept()[0].close()  # the connection of the block above
        peer, _ = far.accept()
        with peer:
            peer.sendall(GREETING + b"1")
            read(near, len(GREETING) + 1)
    with gathered(target(far)) as address, knock(address):
        peer, _ = far.accept()
        peer.setblocking(False)
        with peer:
            fill(peer)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("flows gather")]


@pytest.mark.parametrize("wrong", ["unix:/nowhere/sock", "127.0.0.1:1", "no-port"])
def test_who_cannot_be_dialled_is_named(wrong: str) -> None:
    with pytest.raises(RelayUnreachable) as caught, gathered(wrong, context="tion"):
        pass
    assert wrong in caught.value.title
    assert caught.value.context == "tion"
    assert caught.value.cause
    assert caught.value.hint
