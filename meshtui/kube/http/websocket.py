"""A WebSocket to an API server over a connection of the client's: frames by the websockets library's protocol."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from collections import deque
from collections.abc import AsyncIterator
from typing import cast

from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol, Side

from meshtui.kube.http.connection import MOST_WAITING, HttpConnection

MOST = 64 * 1024 * 1024
"""Bytes of one message."""
_GOODBYE = 1.0
"""Seconds in which the server may answer our goodbye."""
_DATA = (Opcode.BINARY, Opcode.TEXT, Opcode.CONT)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# It logs what goes over the wire at DEBUG: output of commands among it.
_SILENT = logging.getLogger("meshtui.kube.http.websocket")
_SILENT.setLevel(logging.CRITICAL + 1)


def proof(key: str) -> str:
    """What a server must answer to `Sec-WebSocket-Key` (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


class Closed(ConnectionError):
    """The WebSocket ended otherwise than by a goodbye; its words are the server's reason, empty where it gave none."""


class WebSocket(asyncio.Protocol):
    """One WebSocket: iterate for messages. Everything here belongs on the event loop."""

    def __init__(self, connection: HttpConnection, rest: bytes, subprotocol: str) -> None:
        """Takes `line` over after its upgrade; `rest` came behind the server's answer."""
        assert connection.transport is not None
        self.subprotocol = subprotocol
        self._connection = connection
        self._transport = connection.transport
        self._protocol = Protocol(Side.CLIENT, max_size=MOST, logger=_SILENT)
        self._messages: deque[bytes] = deque()
        self._begun: list[bytes] = []
        """Parts of a message whose end is still to come."""
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
        return not self._ended and self._protocol.state is OPEN

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Messages until the server ends it. Raises Closed when that was no goodbye."""
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._waiting -= len(message)
                if self._waiting <= MOST_WAITING and not self._transport.is_closing():
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
            self._protocol.send_binary(data)
            self._flush()
            await self._writable.wait()
        if not self.open:
            raise Closed(self._reason)

    async def close(self) -> None:
        """Say goodbye and end it; cancelled or not, the connection goes."""
        try:
            if self.open:
                self._protocol.send_close(1000)
                self._flush()
            if not self._connection.closed.done():
                await asyncio.wait((self._connection.closed,), timeout=_GOODBYE)
        finally:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of frames."""
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            frame = cast("Frame", event)
            if frame.opcode in _DATA:
                self._take(bytes(frame.data), frame.fin)
            elif frame.opcode is Opcode.CLOSE:
                # The server ends the connection; one that does not is not waited for.
                asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)
        self._flush()
        if self._waiting > MOST_WAITING:
            self._transport.pause_reading()
        if self._protocol.parser_exc is not None:
            self._transport.abort()

    def _take(self, part: bytes, final: bool) -> None:
        if not final or self._begun:
            self._begun.append(part)
            if not final:
                return
            part = b"".join(self._begun)
            self._begun.clear()
        self._messages.append(part)
        self._waiting += len(part)
        self._news.set()

    def pause_writing(self) -> None:
        """The server takes no more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It takes more."""
        self._writable.set()

    def connection_lost(self, error: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._protocol.receive_eof()
        self._ended = True
        self._news.set()
        self._writable.set()
        self._connection.connection_lost(error)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._transport.is_closing():
                self._transport.write(data)

    @property
    def _reason(self) -> str:
        said = self._protocol.close_rcvd
        return said.reason if said is not None else ""

    def _raise_unless_goodbye(self) -> None:
        if not isinstance(self._protocol.close_exc, ConnectionClosedOK):
            raise Closed(self._reason)
