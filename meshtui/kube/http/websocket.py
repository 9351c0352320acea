"""A WebSocket to an API server over a connection of the client's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import AsyncIterator

from meshtui.kube.http.frames import (
    GOING_AWAY,
    NORMAL,
    TOO_BIG,
    UNREADABLE,
    Frame,
    Opcode,
    Reader,
    Wrong,
    farewell,
    framed,
    goodbye,
)
from meshtui.kube.http.line import Line

MOST = 64 * 1024 * 1024
"""Bytes of one message."""
_MOST_WAITING = 1024 * 1024
"""Bytes of messages that nobody takes, after which the server is made to wait."""
_GOODBYE = 1.0
"""Seconds in which the server may answer our goodbye."""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def proof(key: str) -> str:
    """What a server must answer to `Sec-WebSocket-Key` (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


class Closed(ConnectionError):
    """The WebSocket ended otherwise than by a goodbye; its words are the server's reason, empty where it gave none."""


class WebSocket(asyncio.Protocol):
    """One WebSocket: iterate for messages. Everything here belongs on the event loop."""

    def __init__(self, line: Line, rest: bytes, subprotocol: str) -> None:
        """Takes `line` over after its upgrade; `rest` came behind the server's answer."""
        assert line.transport is not None
        self.subprotocol = subprotocol
        self._line = line
        self._transport = line.transport
        self._reader = Reader(MOST)
        self._said = 0
        """The code of the server's goodbye; 0 before one."""
        self._reason = ""
        self._over = False
        """Whether we said goodbye."""
        self._messages: deque[bytes] = deque()
        self._begun: list[bytes] = []
        """Parts of a message whose end is still to come."""
        self._size = 0
        """Bytes of those."""
        self._waiting = 0
        self._ended = False
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport.set_protocol(self)
        self._transport.resume_reading()
        if rest:
            self.data_received(rest)

    @property
    def open(self) -> bool:
        """Whether neither side has said goodbye or gone."""
        return not (self._ended or self._over or self._said)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Messages until the server ends it. Raises Closed when that was no goodbye."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._waiting -= len(message)
                if self._waiting <= _MOST_WAITING and not self._transport.is_closing():
                    self._transport.resume_reading()
                yield message
            if self._ended:
                self._raise_unless_goodbye()
                return
            self._news.clear()
            await self._news.wait()

    async def send(self, data: bytes) -> None:
        """Send one binary message; waits while the server takes none. Raises Closed when it is gone."""
        if self.open:
            self._write(framed(Opcode.BINARY, data))
            await self._writable.wait()
        if not self.open:
            raise Closed(self._reason)

    async def close(self) -> None:
        """Say goodbye and end it; cancelled or not, the connection goes."""
        try:
            if self.open:
                self._end(NORMAL)
            if not self._line.closed.done():
                await asyncio.wait((self._line.closed,), timeout=_GOODBYE)
        finally:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of frames."""
        if self._said or self._transport.is_closing():
            return  # nothing comes after a goodbye
        try:
            for frame in self._reader.feed(data):
                self._heed(frame)
        except Wrong as wrong:
            self._end(wrong.code)
            self._transport.abort()
        if self._waiting > _MOST_WAITING and not self._transport.is_closing():
            self._transport.pause_reading()

    def _heed(self, frame: Frame) -> None:
        if self._said:
            return
        if frame.opcode is Opcode.PING:
            self._write(framed(Opcode.PONG, frame.data))
        elif frame.opcode is Opcode.CLOSE:
            self._said, self._reason = farewell(frame.data)
            self._end(self._said)
            # The server ends the connection; one that does not is not waited for.
            asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)
        elif frame.opcode is not Opcode.PONG:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        """Part of a message, or all of it. Raises Wrong."""
        if (frame.opcode is Opcode.CONTINUED) != bool(self._begun):
            raise Wrong(UNREADABLE)
        self._begun.append(frame.data)
        self._size += len(frame.data)
        if self._size > MOST:
            raise Wrong(TOO_BIG)
        if frame.final:
            whole = self._begun[0] if len(self._begun) == 1 else b"".join(self._begun)
            self._begun.clear()
            self._size = 0
            self._messages.append(whole)
            self._waiting += len(whole)
            self._news.set()

    def _end(self, code: int) -> None:
        """Say goodbye, once."""
        if not self._over:
            self._over = True
            self._write(goodbye(code))

    def pause_writing(self) -> None:
        """The server takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more."""
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._ended = True
        self._news.set()
        self._writable.set()
        self._line.connection_lost(error)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _raise_unless_goodbye(self) -> None:
        if self._said not in (NORMAL, GOING_AWAY):
            raise Closed(self._reason)
