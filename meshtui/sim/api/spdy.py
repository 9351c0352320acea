"""SPDY/3.1 frames as Kubernetes speaks them for exec, attach and port-forward (draft-mbelshe-httpbis-spdy-00)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

DATA, SYN_STREAM, SYN_REPLY, RST_STREAM, SETTINGS, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 0, 1, 2, 3, 4, 6, 7, 8, 9
FIN = 1
PROTOCOL_ERROR, CANCEL = 1, 5
"""Why a stream is reset."""
MAX_FRAME = 0xFFFFFF
_LINES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language",
    "accept-ranges age allow authorization cache-control connection content-base content-encoding",
    "content-language content-length content-location content-md5 content-range content-type date etag",
    "expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since",
    "last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer",
    "retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate",
    "method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin",
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _dictionary() -> bytes:
    """The header dictionary both ends compress with."""
    words = [w.replace("_", " ").encode() for line in _LINES for w in line.split()]
    return b"".join(struct.pack(">I", len(w)) + w for w in words) + _TAIL.encode()


DICTIONARY = _dictionary()


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: `kind` DATA or a control frame's type, the stream it is about, flags and content."""

    kind: int
    stream: int
    flags: int = 0
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Decoder:
    """Frames out of a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = b""
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. Raises ValueError for what is no SPDY."""
        self._buffer += data
        while len(self._buffer) >= 8:
            head, sized = struct.unpack(">II", self._buffer[:8])
            flags, length = sized >> 24, sized & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                return
            body, self._buffer = self._buffer[8 : 8 + length], self._buffer[8 + length :]
            frame = self._frame(head, flags, body)
            if frame is not None:
                yield frame

    def _frame(self, head: int, flags: int, body: bytes) -> Frame | None:
        if not head >> 31:
            return Frame(DATA, head, flags, body)
        kind = head & 0xFFFF
        if (head >> 16) & 0x7FFF != 3:
            raise ValueError("not SPDY version 3")
        if kind in (SYN_STREAM, SYN_REPLY, HEADERS):
            # Each of them carries headers, and leaving one out would break the compression of the next.
            block = body[10:] if kind == SYN_STREAM else body[4:]
            return Frame(kind, _number(body), flags, headers=self._headers(block))
        if kind in (RST_STREAM, PING, GOAWAY, WINDOW_UPDATE):
            return Frame(kind, _number(body), flags, body)
        return None

    def _headers(self, data: bytes) -> dict[str, str]:
        try:
            block = self._inflate.decompress(data)
            count, at = _number(block), 4
            texts = []
            for _ in range(2 * count):
                length = _number(block[at : at + 4])
                texts.append(block[at + 4 : at + 4 + length].decode())
                at += 4 + length
        except (zlib.error, UnicodeDecodeError) as error:
            raise ValueError(f"bad headers: {error}") from None
        return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}


def _number(data: bytes) -> int:
    if len(data) < 4:
        raise ValueError("cut off")
    return int.from_bytes(data[:4], "big") & 0x7FFFFFFF


class Encoder:
    """Frames as bytes; headers share one compression state, so one encoder serves one connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """SYN_REPLY without headers: the stream is accepted."""
        block = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, 0, struct.pack(">I", stream) + block)

    @staticmethod
    def data(stream: int, data: bytes = b"", *, fin: bool = False) -> bytes:
        """Bytes of a stream, and whether they are its last."""
        return struct.pack(">II", stream, (FIN if fin else 0) << 24 | len(data)) + data

    @staticmethod
    def reset(stream: int, why: int = CANCEL) -> bytes:
        """RST_STREAM."""
        return _control(RST_STREAM, 0, struct.pack(">II", stream, why))

    @staticmethod
    def go_away(last: int) -> bytes:
        """GOAWAY: all is well, and `last` is the newest stream that was served."""
        return _control(GOAWAY, 0, struct.pack(">II", last, 0))

    @staticmethod
    def ping(number: int) -> bytes:
        """PING, or the answer to one."""
        return _control(PING, 0, struct.pack(">I", number))


def _control(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(body)) + body
