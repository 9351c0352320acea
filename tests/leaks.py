"""Names the test that leaves a connection, a pipe or a child's transport open when its event loop has ended.

Without this the garbage collector finds it later, in whatever test then runs, and that one fails. Only what belongs to
a closed loop counts: a fixture of a whole module keeps its loop, and with it the right to open connections. It costs
a look at the few transports that live, and no collection.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import weakref
from asyncio import base_subprocess, selector_events, sslproto, unix_events
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# What each kind says of itself in its destructor: this is when that would warn.
_OPEN: dict[type, Callable[[Any], bool]] = {
    selector_events._SelectorTransport: lambda it: it._sock is not None,  # type: ignore[attr-defined]
    sslproto._SSLProtocolTransport: lambda it: not it._closed,
    unix_events._UnixReadPipeTransport: lambda it: it._pipe is not None,  # type: ignore[attr-defined]
    unix_events._UnixWritePipeTransport: lambda it: it._pipe is not None,  # type: ignore[attr-defined]
    base_subprocess.BaseSubprocessTransport: lambda it: not it._closed,
    socket.socket: lambda it: it.fileno() >= 0,
}

_seen: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_loops: weakref.WeakKeyDictionary[Any, tuple[Any, str]] = weakref.WeakKeyDictionary()
"""Of each that lives: the loop it belongs to, and what opened it."""


def _remember(opened: Any, loop: Any) -> None:
    task = asyncio.current_task(loop) if loop.is_running() else None
    _loops[opened] = loop, getattr(task and task.get_coro(), "__qualname__", "")
    _seen[id(opened)] = opened


def _watch(kind: type) -> None:
    made = kind.__init__  # type: ignore[misc]

    @functools.wraps(made)
    def init(self: Any, loop: Any, *rest: Any, **named: Any) -> None:
        made(self, loop, *rest, **named)
        _remember(self, loop)

    kind.__init__ = init  # type: ignore[misc]


def _watch_dials() -> None:
    """A socket that connects has no transport yet: a dial that is cancelled there may lose it."""
    dials = selector_events.BaseSelectorEventLoop
    connect = dials.sock_connect

    @functools.wraps(connect)
    async def sock_connect(self: Any, sock: Any, address: Any) -> None:
        _remember(sock, self)
        await connect(self, sock, address)

    dials.sock_connect = sock_connect  # type: ignore[method-assign]


for _kind in _OPEN:
    if _kind is not socket.socket:
        _watch(_kind)
_watch_dials()


def take() -> list[str]:
    """What is open though its loop is closed, in words; each is closed and told once."""
    found = []
    living = [reference() for reference in _seen.valuerefs()]  # a list at once: other threads may open something
    for opened in sorted(living, key=lambda it: isinstance(it, socket.socket)):  # a transport closes its socket, too
        loop, task = _loops.get(opened, (None, "")) if opened is not None else (None, "")
        if loop is None or not loop.is_closed() or not _is_open(opened):
            continue
        found.append(f"{_worded(opened)}{f', opened in {task}' if task else ''}")
        _close(opened)
    return found


def _is_open(opened: Any) -> bool:
    return next(is_open(opened) for kind, is_open in _OPEN.items() if isinstance(opened, kind))


def _worded(opened: Any) -> str:
    name = type(opened).__name__.lstrip("_")
    if isinstance(opened, socket.socket):
        return f"{name} that was connecting, {_address(opened.getsockname())}"
    if isinstance(opened, base_subprocess.BaseSubprocessTransport):
        return f"{name} of process {opened.get_pid()}"
    ends = [_address(opened.get_extra_info(end)) for end in ("sockname", "peername")]
    return f"{name} {' → '.join(end for end in ends if end)}".rstrip()


def _address(given: Any) -> str:
    return f"{given[0]}:{given[1]}" if isinstance(given, tuple) else str(given or "")


def _close(opened: Any) -> None:
    """Closed so that it warns nobody later; its loop can't do it any more."""
    for part in ("_sock", "_pipe"):
        if (held := getattr(opened, part, None)) is not None:
            held.close()
            setattr(opened, part, None)
    if isinstance(opened, sslproto._SSLProtocolTransport):
        opened._closed = True
    elif isinstance(opened, socket.socket | base_subprocess.BaseSubprocessTransport):
        with contextlib.suppress(RuntimeError):  # its pipes want to tell the loop
            opened.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """After the last fixture of the test, its loop among them."""
    yield
    if found := take():
        pytest.fail("left open when the test's event loop ended:\n" + "\n".join(found), pytrace=False)
