"""The quick way to a line and the slow one agree to the byte, whatever a flow holds."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.hubble import jsontext
from meshtui.hubble.jsonfast import Lines
from meshtui.hubble.jsonforms import cut
from meshtui.hubble.pb import flow_pb2, observer_pb2
from tests.core.flowrows import recorded as steps_rows
from tests.core.test_work import counted

LINES = Lines()
"""Shared on purpose: what is kept of one message must not show in another."""


def slow(raw: bytes) -> str:
    return jsontext.text(jsontext.document(observer_pb2.GetFlowsResponse.FromString(raw)))


def recorded(recordings: Path) -> list[bytes]:
    data, at, found = (recordings / "protocol/getflows.delimited.bin").read_bytes(), 0, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def test_recorded_messages(recordings):
    messages = recorded(recordings)
    assert len(messages) > 100
    for raw in messages * 2:
        assert LINES.line(raw) == slow(raw)


NUMBERS = {
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "uint64": st.integers(0, 2**64 - 1),
}


def scalar(field) -> st.SearchStrategy:
    kinds = {
        field.TYPE_STRING: st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        | st.sampled_from(["<&>", "é\u2028"]),
        field.TYPE_BOOL: st.booleans(),
        field.TYPE_ENUM: st.integers(-3, 300),
        field.TYPE_INT32: NUMBERS["int32"],
        field.TYPE_UINT32: NUMBERS["uint32"],
        field.TYPE_INT64: NUMBERS["int64"],
        field.TYPE_UINT64: NUMBERS["uint64"],
        field.TYPE_BYTES: st.binary(max_size=4),
        field.TYPE_DOUBLE: st.floats(allow_nan=False).filter(math.isfinite),
        field.TYPE_FLOAT: st.floats(width=32, allow_nan=False).filter(math.isfinite),
    }
    return kinds[field.type]


def fill(draw: st.DrawFn, message: Message, deep: int = 4) -> None:
    """Some fields of a message, and of its parts."""
    fields = [f for f in message.DESCRIPTOR.fields if f.name != "extensions"]
    for field in draw(st.lists(st.sampled_from(fields), max_size=6, unique_by=lambda f: f.number)) if fields else ():
        if field.message_type is None:
            if field.is_repeated:
                getattr(message, field.name).extend(draw(st.lists(scalar(field), max_size=2)))
            else:
                setattr(message, field.name, draw(scalar(field)))
        elif field.message_type.full_name == "google.protobuf.Timestamp" and not field.is_repeated:
            time = getattr(message, field.name)
            time.seconds = draw(st.sampled_from([0, 1, -1, 1_795_000_000, -62135596800, 253402300799, 253402300800]))
            time.nanos = draw(st.sampled_from([0, 1, 1_000, 1_000_000, 120_000_000, 999_999_999, -1, 10**9]))
        elif deep:
            if field.is_repeated:
                for _ in range(draw(st.integers(0, 2))):
                    fill(draw, getattr(message, field.name).add(), deep - 1)
            else:
                part = getattr(message, field.name)
                part.SetInParent()
                fill(draw, part, deep - 1)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    message = observer_pb2.GetFlowsResponse()
    fill(draw, message.flow)
    fill(draw, message, 1)
    return message.SerializeToString()


@settings(max_examples=300)
@given(responses())
def test_whatever_a_flow_holds(raw):
    try:
        expected = slow(raw)
    except (ValueError, json_format.Error) as error:  # a time that has no JSON
        with pytest.raises(type(error)):
            LINES.line(raw)
    else:
        assert LINES.line(raw) == expected


def test_a_vendors_extension_and_what_is_no_message():
    message = observer_pb2.GetFlowsResponse(flow=flow_pb2.Flow(uuid="u"))
    message.flow.extensions.type_url, message.flow.extensions.value = "example.org/x", b"\x08\x01"
    assert LINES.line(message.SerializeToString()) == slow(message.SerializeToString())
    for raw in (b"\xff", b"\x0a\x05ab"):
        with pytest.raises(DecodeError):
            LINES.line(raw)


# Flows that are alike but for their times, uuid and layer 4.


def everything_recorded(recordings: Path) -> list[bytes]:
    steps = ("11-egress-allowed", "mixed-1.20-1.17")
    return recorded(recordings) + [wire for step in steps for wire in as_sent(step)]


def as_sent(step: str) -> list[bytes]:
    """A step's messages with their fields in the order in which a Relay sends them."""
    return [observer_pb2.GetFlowsResponse.FromString(row.raw).SerializeToString() for row in steps_rows(step)]


def test_every_recorded_line_and_few_of_them_are_opened(recordings: Path) -> None:
    """Takes some seconds: protobuf's own printer, to which 1,800 lines are compared, is the slow one."""
    lines, messages = Lines(), [raw for raw in everything_recorded(recordings) if raw[:1] == b"\x0a"]
    for raw in messages:
        assert lines.line(raw) == slow(raw)
    assert len(messages) > 1_800
    assert len(lines._forms) < 0.15 * len(messages)
    assert sum(form is None for form in lines._forms.values()) < 5
    assert sum(cut(raw) is not None for raw in messages) > 0.95 * len(messages)


def test_a_line_costs_so_many_bytecodes(recordings: Path) -> None:
    lines, messages = Lines(), as_sent("11-egress-allowed")
    for raw in messages[:1_000]:
        lines.line(raw)
    assert counted(lambda: [lines.line(raw) for raw in messages[1_000:]]) / len(messages[1_000:]) < 800


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_bytes_that_were_changed_say_what_they_say(data: st.DataObject) -> None:
    """All forms are known by then, and a changed message may look like one of them."""
    raw = bytearray(data.draw(st.sampled_from(KNOWN)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        what = data.draw(st.sampled_from(["change", "insert", "remove"]))
        value = data.draw(st.integers(0, 255))
        raw[at : at + (what != "insert")] = b"" if what == "remove" else bytes([value])
    agree(bytes(raw))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_fields_that_come_again_count_as_protobuf_counts_them(data: st.DataObject) -> None:
    message = observer_pb2.GetFlowsResponse.FromString(data.draw(st.sampled_from(KNOWN)))
    flow = message.flow.SerializeToString()
    more = flow_pb2.Flow()
    fill(data.draw, more, 2)
    again = data.draw(st.sampled_from([more.SerializeToString(), flow_pb2.Flow(uuid="u" * 36).SerializeToString()]))
    encoded = flow + again if data.draw(st.booleans()) else again + flow
    rest = message.SerializeToString()
    message.ClearField("flow")
    tail = message.SerializeToString()
    size = len(encoded)
    head = bytes([0x0A, size & 127 | 128, size >> 7]) if 127 < size < 1 << 14 else b""
    if head:
        agree(head + encoded + tail)
        agree(head + encoded + tail + data.draw(st.sampled_from([b"", tail, rest])))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=24))
def test_any_layer4(layer4: bytes) -> None:
    raw = KNOWN[5]
    pieces = cut(raw)
    assert pieces is not None
    flow = observer_pb2.GetFlowsResponse.FromString(raw).flow
    before = flow.l4.SerializeToString()
    encoded = flow.SerializeToString().replace(bytes([0x32, len(before)]) + before, bytes([0x32, len(layer4)]) + layer4)
    size = len(encoded)
    tail = raw[3 + (raw[1] & 127 | raw[2] << 7) :]
    agree(bytes([0x0A, size & 127 | 128, size >> 7]) + encoded + tail)


def agree(raw: bytes) -> None:
    """The quick way and the slow one, in what they give and in what they refuse."""
    try:
        expected: str | type[Exception] = slow(raw)
    except (DecodeError, ValueError, json_format.Error) as error:
        expected = type(error)
    if isinstance(expected, str):
        assert LINES.line(raw) == expected
    else:
        with pytest.raises(expected):
            LINES.line(raw)


KNOWN = as_sent("4-global")[:200]
for _raw in KNOWN:
    LINES.line(_raw)
