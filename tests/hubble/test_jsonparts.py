"""A flow's line read part by part is the message that protobuf's own reading of the whole line gives."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.jsonlines import JsonLines, as_line
from meshtui.hubble.jsonparts import Encoder, NotPlain
from meshtui.hubble.pb import observer_pb2
from meshtui.hubble.rows import Undecodable, full_response
from tests.core.printed import FACTS, RECORDINGS

STEPS = ("4-global", "10-default-deny")


def lines_of(step: str) -> list[bytes]:
    with gzip.open(RECORDINGS / step / "flows.jsonl.gz", "rb") as file:
        return file.read().splitlines()


def whole(line: bytes | str) -> observer_pb2.GetFlowsResponse:
    """What protobuf makes of a line."""
    return json_format.ParseDict(json.loads(line), observer_pb2.GetFlowsResponse(), ignore_unknown_fields=True)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where everything in a document is."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*at, key)
        yield from paths(inner, (*at, key))


@pytest.mark.parametrize("step", FACTS)
def test_every_recorded_line_comes_out_as_it_went_in(step: str) -> None:
    lines = lines_of(step)
    rows = JsonLines("file").feed(b"\n".join(lines) + b"\n")
    assert [as_line(row).encode() for row in rows if isinstance(row, FlowRow)] == lines


@pytest.mark.parametrize("step", STEPS)
def test_every_recorded_line_is_plain_and_the_same_message(step: str) -> None:
    encoder = Encoder()
    for line in lines_of(step):
        assert observer_pb2.GetFlowsResponse.FromString(encoder.encode(line)) == whole(line)


FIRST = {
    kind: next(line for line in lines_of(STEPS[1]) if kind in line) for kind in (b"dns", b"DROPPED", b"egress_all")
}
DOCUMENTS = [json.loads(line) for line in FIRST.values()]
ODD = (
    *(None, True, False, 0, 1, -1, 7, 80.0, 0.5, 2**31, 2**32, 2**64, 1e30),
    *("", "7", "80.0", "x", "\ud800", "é\u202e\x00", "NaN", "DROPPED", "dropped", "IPv6"),
    *([], [None], ["a", "b"], [{}], {}, {"x": 1}, {"SYN": True}, {"\ud800": 1}, {"seconds": 1}, {"type": "5"}),
    *("2026-11-23T19:36:28Z", "2026-11-23T19:36:28.5+01:00", "2026-11-23t19:36:28.1z", "2026-02-30T00:00:00.1Z"),
    *("0000-01-01T00:00:00.1Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
)
NAMES = (
    *("isReply", "is_reply", "nodeName", "node_name", "sourceService", "IP", "ip", "new_field", "[a.b]", "", "\udfff"),
    *("uuid", "l4", "extensions", "aggregate", "ip_trace_id", "socket_cookie", "tunnel", "time"),
    *("TCP", "UDP", "ICMPv4", "flags", "source_port"),
)


@st.composite
def twisted(draw: st.DrawFn) -> str:
    """A recorded line with some values replaced, taken out, added under another name, or written in another way."""
    document = deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(paths(document))))
        inner: Any = document
        for key in path[:-1]:
            inner = inner[key]
        deed = draw(st.sampled_from(("replace", "replace", "remove", "add")))
        if deed == "replace":
            inner[path[-1]] = deepcopy(draw(st.sampled_from(ODD)))
        elif deed == "remove":
            del inner[path[-1]]
        elif isinstance(inner, dict):
            inner[draw(st.sampled_from(NAMES))] = deepcopy(draw(st.sampled_from((*ODD, *inner.values()))))
    return json.dumps(document, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from((None, None, 1))))


@given(twisted())
@settings(max_examples=600, deadline=None)
def test_a_line_read_by_parts_is_never_another_message(line: str) -> None:
    data = line.encode("utf-8", "surrogatepass")
    encoder = Encoder()
    for _ in range(2):  # the second time from what it keeps
        try:
            read = observer_pb2.GetFlowsResponse.FromString(encoder.encode(data))
        except NotPlain:
            continue
        assert read == whole(data)


@given(twisted())
@settings(max_examples=200, deadline=None)
def test_what_protobuf_refuses_is_no_flow_and_all_else_is(line: str) -> None:
    data = line.encode("utf-8", "surrogatepass")
    item = JsonLines("file").line(data)
    try:
        expected = whole(data)
    except (json_format.ParseError, ValueError, TypeError, SystemError):
        assert isinstance(item, Undecodable)
        return
    if isinstance(item, FlowRow) and "flow" in json.loads(data):
        assert full_response(item) == expected


@pytest.mark.parametrize(
    "line",
    [
        '{"lost_events":{"num_events_lost":"7"},"node_name":"k/n"}',
        '{"time":"2026-11-23T19:38:15Z","uuid":"u","verdict":"DROPPED"}',
        '{"flow":null}',
        '{"flow":{"isReply":true}}',
        '{"flow":{"is_reply":true,"isReply":false}}',
        '{"flow":{"[x.y]":1}}',
        '{"flow":{},"nodeName":"k/n"}',
        '{"flow":{"verdict":[]}}',
        "{",
    ],
)
def test_what_is_not_plain_is_left_to_protobuf(line: str) -> None:
    with pytest.raises(NotPlain):
        Encoder().encode(line)


def test_fields_of_a_newer_cilium_cost_nothing_and_say_nothing() -> None:
    line = '{"flow":{"uuid":"u","is_new":{"a":[1]},"verdict":"DROPPED"},"node_name":"k/n"}'
    read = observer_pb2.GetFlowsResponse.FromString(Encoder().encode(line))
    assert read == whole(line)
    assert (read.flow.uuid, read.flow.verdict, read.node_name) == ("u", 2, "k/n")
