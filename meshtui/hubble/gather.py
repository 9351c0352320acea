"""Between a Relay and gRPC: gathers what comes for some milliseconds, so that a slow stream wakes gRPC rarely.

grpcio spends 0.1–0.2 ms on every arrival, however small, and 0.01 ms on a flow that arrives among others. A stream of
1,000 flows/s that arrive one by one costs 20–29 % of a core without this and 5–8 % with it; a fast stream, which
arrives in full buffers, is passed on at once (`benchmarks/flows.py`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator

from meshtui.hubble.dial import connect, undialled

GATHER_SECONDS = 0.04
"""How long what came may wait for what comes next; half of it on average."""
_BUFFER = 256 * 1024
_BUSY = 32 * 1024
"""Bytes at once from which a stream is too fast to gain anything by waiting."""
_GREETING = 64 * 1024
"""Bytes that pass at once in any case: the first questions and answers follow on each other."""


@contextlib.contextmanager
def gathered(
    target: str, *, context: str = "", wait: Callable[[threading.Event], object] | None = None
) -> Iterator[str]:
    """`unix:/dir/sock`, in a folder only this user can enter: one connection to `target`, `host:port` or `unix:/path`.

    Bytes pass unchanged, TLS is none of its business. `wait` passes the time in which more may come, and returns early
    when the event it is given is set; by default GATHER_SECONDS. Raises RelayUnreachable when `target` cannot be
    dialled.
    """
    try:
        far = connect(target)
        far.settimeout(None)
    except (OSError, ValueError) as error:
        raise undialled(target, context, error) from error
    folder = tempfile.mkdtemp(prefix="meshtui-")
    path = os.path.join(folder, "sock")
    try:
        with far, socket.socket(socket.AF_UNIX) as door:
            door.bind(path)
            door.listen(1)
            passage = _Passage(door, far, wait or _a_little)
            try:
                yield f"unix:{path}"
            finally:
                passage.close(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Passage:
    """Two threads that carry bytes between who knocks at `door`, once, and `far`, until either leaves."""

    def __init__(self, door: socket.socket, far: socket.socket, wait: Callable[[threading.Event], object]) -> None:
        self._door, self._far = door, far
        self._near: socket.socket | None = None
        self._wait = wait
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._up, name="flows gather up", daemon=True)
        self._thread.start()

    def close(self, path: str) -> None:
        """End both threads and wait for them. `path` is the door's: knocking wakes who still waits there."""
        self._closed.set()
        for end in (self._far, self._near):
            if end is not None:
                _leave(end)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as knock:
            knock.setblocking(False)
            knock.connect(path)
        self._thread.join()

    def _up(self) -> None:
        """Questions are few and short: at once."""
        near, _ = self._door.accept()
        self._door.close()  # who comes back after an end must not wait for an answer here
        with near:
            self._near = near
            down = threading.Thread(target=self._down, args=(near,), name="flows gather down", daemon=True)
            down.start()
            try:
                with contextlib.suppress(OSError):
                    while not self._closed.is_set() and (data := near.recv(_BUSY)):
                        self._far.sendall(data)
            finally:
                _leave(self._far)
                down.join()

    def _down(self, near: socket.socket) -> None:
        """Flows come for ever: what arrives soon after others is taken together."""
        try:
            with contextlib.suppress(OSError):
                passed = 0
                while not self._closed.is_set() and (data := self._far.recv(_BUFFER)):
                    near.sendall(data)
                    passed += len(data)
                    if len(data) < _BUSY and passed > _GREETING:
                        self._wait(self._closed)
        finally:
            _leave(near)


def _a_little(closed: threading.Event) -> object:
    return closed.wait(GATHER_SECONDS)


def _leave(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
