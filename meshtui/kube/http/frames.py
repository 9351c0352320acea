"""WebSocket frames (RFC 6455, 5) as a client reads and writes them.

Not by a library: the websockets package takes longer to load than all of `kube/`, and this is all we had of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from enum import IntEnum

from msgspec import Struct

NORMAL, GOING_AWAY, UNREADABLE, TOO_BIG = 1000, 1001, 1002, 1009
"""Reasons for the end (RFC 6455, 7.4.1)."""
_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_CONTROL = 0x8
_SHORT = 125
"""Bytes that fit into the head itself, and into a control frame."""


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUED = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


_KNOWN = frozenset(map(int, Opcode))


class Frame(Struct, frozen=True):
    """One frame of the server's."""

    opcode: Opcode
    data: bytes
    final: bool


class Wrong(Exception):
    """The server does not keep to the protocol; `code` says in which way."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def framed(opcode: Opcode, data: bytes) -> bytes:
    """One whole message, masked as a client's must be."""
    size = len(data)
    if size <= _SHORT:
        head = bytes([_FINAL | opcode, _MASKED | size])
    elif size < 1 << 16:
        head = bytes([_FINAL | opcode, _MASKED | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([_FINAL | opcode, _MASKED | 127]) + size.to_bytes(8, "big")
    mask = os.urandom(4)
    keys = (mask * (size // 4 + 1))[:size]
    # As one large number each: byte by byte it would take a hundred times as long.
    hidden = int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")
    return head + mask + hidden.to_bytes(size, "little")


def goodbye(code: int) -> bytes:
    """The frame that ends it."""
    return framed(Opcode.CLOSE, code.to_bytes(2, "big"))


def farewell(data: bytes) -> tuple[int, str]:
    """Code and words of a CLOSE frame; a server need not say any. Raises Wrong."""
    if not data:
        return NORMAL, ""
    if len(data) < 2:
        raise Wrong(UNREADABLE)
    return int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "replace")


class Reader:
    """Takes bytes however they are cut, and gives the frames that are whole. None may be longer than `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """What is whole by now. Raises Wrong, behind what came before that."""
        self._rest += data
        at = 0
        try:
            while (found := self._at(at)) is not None:
                frame, at = found
                yield frame
        finally:
            del self._rest[:at]

    def _at(self, at: int) -> tuple[Frame, int] | None:
        """The frame that begins there and where it ends; None while it is not whole. Raises Wrong."""
        rest = self._rest
        if len(rest) < at + 2:
            return None
        first, size, begin = rest[at], rest[at + 1], at + 2
        if first & _RESERVED or size & _MASKED or first & 0x0F not in _KNOWN:
            raise Wrong(UNREADABLE)
        if first & _CONTROL and (size > _SHORT or not first & _FINAL):
            raise Wrong(UNREADABLE)
        if size > _SHORT:
            begin += 2 if size == 126 else 8
            if len(rest) < begin:
                return None
            size = int.from_bytes(rest[at + 2 : begin], "big")
        if size > self._most:
            raise Wrong(TOO_BIG)
        end = begin + size
        if len(rest) < end:
            return None
        return Frame(Opcode(first & 0x0F), bytes(rest[begin:end]), bool(first & _FINAL)), end
