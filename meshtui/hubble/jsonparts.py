"""A flow's JSON line as its encoded message, many times faster than protobuf reads JSON.

A flow is read field by field, and a text that was seen before was encoded before. What is new goes through
`json_format`, which alone says what JSON means: the message is the one it would have made of the whole line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec
from google.protobuf import json_format, timestamp_pb2
from google.protobuf.message import Message

from meshtui.hubble.parts import PartCache
from meshtui.hubble.pb import flow_pb2, observer_pb2

_CACHE_LIMIT = 10_000
_TIME = re.compile(rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,9})Z"')
_NAMES = {field.name for field in flow_pb2.Flow.DESCRIPTOR.fields}
_OTHER_NAMES = {field.camelcase_name for field in flow_pb2.Flow.DESCRIPTOR.fields} - _NAMES
_EXTENSION = "["
_NULL = msgspec.Raw(b"null")

UNREADABLE = (json_format.ParseError, ValueError, TypeError, RecursionError, SystemError)
"""What reading hostile JSON raises; the last by protobuf's C code, of a lone surrogate where it expects a name."""

Encode = Callable[[bytes], bytes]
"""The JSON text of one field's value → the encoded field with its tag."""


class NotPlain(ValueError):
    """A line that only `json_format` can judge."""


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A GetFlowsResponse that holds a flow."""

    flow: dict[str, msgspec.Raw]
    node_name: msgspec.Raw = _NULL
    time: msgspec.Raw = _NULL


class _Ports(msgspec.Struct, forbid_unknown_fields=True):
    """flow.TCP."""

    source_port: int = 0
    destination_port: int = 0
    flags: msgspec.Raw = _NULL


class _Layer4(msgspec.Struct, forbid_unknown_fields=True):
    """flow.Layer4 of a TCP packet: ports differ from flow to flow, so its whole text seldom comes again."""

    TCP: _Ports


class _Fields(dict[str, Encode]):
    """How to encode each field of a flow. What a newer Cilium may add says nothing here, as in `json_format`."""

    def __missing__(self, name: str) -> Encode:
        if name in _OTHER_NAMES or name.startswith(_EXTENSION):
            raise NotPlain(f"a field called {name}")
        return _nothing


class Encoder:
    """Encodes one source's lines. Not shared between threads."""

    def __init__(self) -> None:
        self._read = msgspec.json.Decoder(_Line).decode
        self._fields = _Fields({name: _cached(flow_pb2.Flow, name) for name in _NAMES})
        self._fields["uuid"] = _Text(_tag(flow_pb2.Flow, "uuid"), self._fields["uuid"])
        time = _Time()
        self._fields["time"] = time.field(flow_pb2.Flow, "time")
        self._fields["l4"] = _Transport(_tag(flow_pb2.Flow, "l4"), self._fields["l4"])
        self._node = _cached(observer_pb2.GetFlowsResponse, "node_name")
        self._time = time.field(observer_pb2.GetFlowsResponse, "time")
        self._tag = _tag(observer_pb2.GetFlowsResponse, "flow")

    def encode(self, line: bytes | str) -> bytes:
        """The encoded GetFlowsResponse of a line. Raises NotPlain when it is no flow, or `json_format` must judge."""
        fields = self._fields
        try:
            read = self._read(line)
            flow = b"".join([fields[name](bytes(value)) for name, value in read.flow.items()])
            node, time = self._node(bytes(read.node_name)), self._time(bytes(read.time))
        except UNREADABLE as error:
            raise NotPlain(str(error)) from error
        return b"".join((self._tag, _varint(len(flow)), flow, node, time))


class _Text:
    """A string that seldom comes again."""

    def __init__(self, tag: bytes, other: Encode) -> None:
        self._tag = tag
        self._other = other
        self._read = msgspec.json.Decoder(str).decode

    def __call__(self, text: bytes) -> bytes:
        try:
            value = self._read(text).encode()
        except ValueError:
            return self._other(text)
        return self._tag + _varint(len(value)) + value if value else b""


class _Time:
    """google.protobuf.Timestamp as RFC 3339 with fractions of a second; each second is read once."""

    def __init__(self) -> None:
        self._seconds = PartCache(_seconds, _CACHE_LIMIT)
        self._last = b"", b""

    def field(self, kind: type[Message], name: str) -> Encode:
        """Encodes a message's field. A line has the same time twice, so the last one is kept."""
        tag, other = _tag(kind, name), _cached(kind, name)

        def encode(text: bytes) -> bytes:
            if text != self._last[0]:
                match = _TIME.fullmatch(text)
                if match is None:
                    return other(text)
                seconds, nanos = self._seconds[match[1]], int(match[2].ljust(9, b"0"))
                self._last = text, timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos).SerializeToString()
            value = self._last[1]
            return tag + _varint(len(value)) + value

        return encode


class _Transport:
    """flow.Layer4."""

    def __init__(self, tag: bytes, other: Encode) -> None:
        self._tag = tag
        self._other = other
        self._read = msgspec.json.Decoder(_Layer4).decode
        self._flags = PartCache(_flags)

    def __call__(self, text: bytes) -> bytes:
        try:
            ports = self._read(text).TCP
            flags = self._flags[bytes(ports.flags)]
            packet = flow_pb2.TCP(source_port=ports.source_port, destination_port=ports.destination_port, flags=flags)
        except ValueError:
            return self._other(text)
        return _field(self._tag, flow_pb2.Layer4(TCP=packet))


def _seconds(text: bytes) -> int:
    at = timestamp_pb2.Timestamp()
    at.FromJsonString(f"{text.decode()}Z")
    return at.seconds


def _flags(text: bytes) -> flow_pb2.TCPFlags | None:
    value = json.loads(text)
    return None if value is None else json_format.ParseDict(value, flow_pb2.TCPFlags(), ignore_unknown_fields=True)


def _cached(kind: type[Message], name: str) -> Encode:
    """Encodes one field of a message by `json_format`, each text once."""
    field = kind.DESCRIPTOR.fields_by_name[name]
    alone = field.message_type is not None and not field.is_repeated
    encode = _by_itself(type(getattr(kind(), name)), _tag(kind, name)) if alone else _by_owner(kind, name)
    return PartCache(encode, _CACHE_LIMIT).__getitem__


def _by_owner(kind: type[Message], name: str) -> Encode:
    def encode(text: bytes) -> bytes:
        message = json_format.ParseDict({name: json.loads(text)}, kind(), ignore_unknown_fields=True)
        return message.SerializeToString()

    return encode


def _by_itself(kind: type[Message], tag: bytes) -> Encode:
    """Cheaper for a message in a message: `json_format` lists all fields of what it is given, and a flow has fifty."""

    def encode(text: bytes) -> bytes:
        value = json.loads(text)
        return b"" if value is None else _field(tag, json_format.ParseDict(value, kind(), ignore_unknown_fields=True))

    return encode


def _nothing(_text: bytes) -> bytes:
    return b""


def _tag(kind: type[Message], name: str) -> bytes:
    """What precedes a message in a field of this name."""
    return _varint(kind.DESCRIPTOR.fields_by_name[name].number << 3 | 2)


def _field(tag: bytes, message: Message) -> bytes:
    encoded = message.SerializeToString()
    return tag + _varint(len(encoded)) + encoded


_SMALL = tuple(bytes([number]) for number in range(128))


def _varint(number: int) -> bytes:
    if number < 128:
        return _SMALL[number]
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)
