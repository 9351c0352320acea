"""SPDY frames: the dictionary is the draft's, and frames survive being cut anywhere."""

from __future__ import annotations

import struct
import zlib

import pytest

from meshtui.sim.api.spdy import DATA, DICTIONARY, FIN, SYN_STREAM, Decoder, Encoder, Frame


def syn(stream, headers, deflate):
    block = struct.pack(">I", len(headers))
    for text in (t for pair in headers.items() for t in pair):
        block += struct.pack(">I", len(text)) + text.encode()
    body = struct.pack(">IIH", stream, 0, 0) + deflate.compress(block) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack(">HHI", 0x8003, SYN_STREAM, len(body)) + body


def test_the_dictionary_is_the_drafts():
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_frames_in_pieces(step):
    deflate = zlib.compressobj(zdict=DICTIONARY)
    stream = syn(1, {"streamtype": "error", "port": "4245"}, deflate)
    stream += syn(3, {"streamtype": "data", "port": "4245"}, deflate)
    stream += Encoder.data(3, b"hello", fin=True)
    decoder = Decoder()
    found = [f for at in range(0, len(stream), step) for f in decoder.feed(stream[at : at + step])]
    assert found == [
        Frame(SYN_STREAM, 1, headers={"streamtype": "error", "port": "4245"}),
        Frame(SYN_STREAM, 3, headers={"streamtype": "data", "port": "4245"}),
        Frame(DATA, 3, FIN, b"hello"),
    ]


def test_another_version_is_refused():
    with pytest.raises(ValueError, match="version"):
        list(Decoder().feed(struct.pack(">HHI", 0x8002, SYN_STREAM, 0)))
