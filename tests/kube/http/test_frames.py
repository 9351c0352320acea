"""WebSocket frames: whole however they are cut, as another library writes and reads them, and refused where wrong."""

from __future__ import annotations

import random

import pytest
from websockets.frames import Frame as Theirs
from websockets.frames import Opcode as TheirOpcode
from websockets.protocol import Protocol, Side

from meshtui.kube.http.frames import NORMAL, TOO_BIG, UNREADABLE, Opcode, Reader, Wrong, farewell, framed, goodbye

SIZES = (0, 1, 125, 126, 127, 65_535, 65_536, 200_001)


def data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def read(body: bytes, *, most: int = 1 << 20) -> list[tuple[Opcode, bytes, bool]]:
    return [(frame.opcode, frame.data, frame.final) for frame in Reader(most).feed(body)]


@pytest.mark.parametrize("size", SIZES)
def test_a_server_understands_what_is_written(size: int) -> None:
    server = Protocol(Side.SERVER)
    server.receive_data(framed(Opcode.BINARY, data(size)))
    assert [(f.opcode, bytes(f.data)) for f in server.events_received() if isinstance(f, Theirs)] == [(2, data(size))]


@pytest.mark.parametrize("step", [1, 3, 1000, 1 << 20])
def test_what_a_server_writes_is_read_however_it_is_cut(step: int) -> None:
    sizes = [size for size in SIZES if step > 1 or size < 1000]
    body = b"".join(Theirs(TheirOpcode.TEXT, data(size)).serialize(mask=False) for size in sizes)
    reader = Reader(1 << 20)
    found = [frame for at in range(0, len(body), step) for frame in reader.feed(body[at : at + step])]
    assert [(frame.opcode, frame.data, frame.final) for frame in found] == [
        (Opcode.TEXT, data(size), True) for size in sizes
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xc2\x01x", UNREADABLE),
        (b"\x83\x01x", UNREADABLE),
        (b"\x82\x81\0\0\0\0x", UNREADABLE),
        (b"\x09\x01x", UNREADABLE),
        (b"\x89\x7e\x00\x80" + b"x" * 128, UNREADABLE),
        (b"\x82\x7f" + (2**40).to_bytes(8, "big"), TOO_BIG),
    ],
    ids=["reserved bit", "no opcode", "masked", "a ping in parts", "a long ping", "endless"],
)
def test_what_no_server_may_send_is_refused_behind_what_came_before(body: bytes, code: int) -> None:
    reader = Reader(1 << 20)
    frames = reader.feed(b"\x82\x02ok" + body)
    assert next(frames).data == b"ok"
    with pytest.raises(Wrong) as caught:
        next(frames)
    assert caught.value.code == code


def test_the_last_words() -> None:
    assert read(b"\x88\x07\x03\xf3gone!") == [(Opcode.CLOSE, b"\x03\xf3gone!", True)]
    assert farewell(b"\x03\xf3gone!") == (1011, "gone!")
    assert farewell(b"") == (NORMAL, "")
    with pytest.raises(Wrong):
        farewell(b"\x03")
    server = Protocol(Side.SERVER)
    server.receive_data(goodbye(NORMAL))
    assert server.close_rcvd is not None
    assert server.close_rcvd.code == NORMAL
