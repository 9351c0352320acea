"""Encoded flows to the lines that `jsontext` makes of them, without building what is printed only once.

Most of a flow repeats from flow to flow: endpoints, addresses, policies. Each part of it is spelled out once, by
`jsontext`, and kept by its bytes. Messages whose parts change (the flow itself, its layer 4) are opened: read through
an outline, which is the same message with its parts left encoded. What an outline does not read as protobuf would, or
a flow that carries a vendor's extension, goes the slow way. A flow that differs from one before by its times, uuid and
layer 4 alone is not opened either: the rest of its line is there (`jsonforms`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from json.encoder import encode_basestring_ascii
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from meshtui.hubble import jsontext, parts
from meshtui.hubble.jsonforms import LAYER4, TIME, TOLD_AT, UUID, Cut, Key, cut, only_flags, ports, sound
from meshtui.hubble.pb import flow_pb2, observer_pb2

Spell = Callable[[Any], str]
"""A field's value as JSON."""
_OPENED = ("observer.GetFlowsResponse", "flow.Flow", "flow.Layer4", "flow.TCP", "flow.UDP")
_EXTENSIONS = flow_pb2.Flow.DESCRIPTOR.fields_by_name["extensions"].number
_F = descriptor_pb2.FieldDescriptorProto
_LONG = (_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64)
_PLAIN = (_F.TYPE_INT32, _F.TYPE_UINT32, _F.TYPE_SINT32, _F.TYPE_FIXED32, _F.TYPE_SFIXED32)
_EARLIEST, _LATEST = -62135596800, 253402300799
"""Seconds of the years 1 and 9999, beyond which a Timestamp has no JSON."""


_FLOW = 1
"""Number of a response's flow."""
_FORMS = 4_000
_HEX = b"0123456789abcdefABCDEF-"

_Form = tuple[str, str, str, str, str]
"""A line's text before its time, its uuid, its layer 4, the time it was told at, and behind that."""


class NotPlain(ValueError):
    """A message that takes the slow way."""


class Lines:
    """Makes lines of flows; what repeats is kept, bounded. Several threads may share it."""

    def __init__(self) -> None:
        self._time = parts.PartCache(_time, 64)
        self._layer4 = parts.PartCache(_Opened(flow_pb2.Layer4.DESCRIPTOR).spell, 20_000)
        self._flags = parts.PartCache(_behind_ports(_Opened(flow_pb2.TCP.DESCRIPTOR).spell), 1_000)
        time, layer4 = self._time.__getitem__, self._layer4.__getitem__
        self._flow = _Opened(flow_pb2.Flow.DESCRIPTOR, {TIME: time, LAYER4: layer4})
        response = observer_pb2.GetFlowsResponse.DESCRIPTOR
        self._opened = _Opened(response, {_FLOW: self._flow.spell, TOLD_AT: time})
        self._forms: dict[Key, _Form | None] = {}

    def line(self, raw: bytes) -> str:
        """One encoded GetFlowsResponse as a line without its newline. Raises DecodeError for what is none."""
        try:
            pieces = cut(raw)
            form = self._form(raw, pieces.key) if pieces is not None else None
            return self._filled(form, pieces) if form is not None and pieces is not None else self._opened.spell(raw)
        except (NotPlain, DecodeError, UnicodeDecodeError):
            return jsontext.text(jsontext.document(observer_pb2.GetFlowsResponse.FromString(raw)))

    def _form(self, raw: bytes, key: Key) -> _Form | None:
        """The form of flows like this one; None where they have to be read one by one."""
        try:
            return self._forms[key]
        except KeyError:
            form = self._made(raw) if sound(key) else None
        if len(self._forms) >= _FORMS:
            self._forms.clear()
        self._forms[key] = form
        return form

    def _made(self, raw: bytes) -> _Form | None:
        try:
            outer = self._opened.around(raw, (_FLOW, TOLD_AT))
            inner = self._flow.around(self._opened.part(raw, _FLOW), (TIME, UUID, LAYER4))
        except NotPlain:
            return None
        if outer is None or inner is None:
            return None
        return outer[0] + inner[0], inner[1], inner[2], inner[3] + outer[1], outer[2]

    def _filled(self, form: _Form, pieces: Cut) -> str:
        _, time, uuid, layer4, told_at = pieces
        told = self._time[time]
        name = f'"{uuid.decode()}"' if not uuid.translate(None, _HEX) else _string(uuid.decode())
        again = told if told_at == time else self._time[told_at]
        return f"{form[0]}{told}{form[1]}{name}{form[2]}{self._ports(layer4)}{form[3]}{again}{form[4]}"

    def _ports(self, layer4: bytes) -> str:
        """A connection's ports are its own and its flags are not."""
        found = ports(layer4)
        if found is not None:
            source, destination, rest = found
            flags = self._flags[rest]
            if flags is not None:
                return f'{{"TCP":{{"source_port":{source},"destination_port":{destination}{flags}}}}}'
        return self._layer4[layer4]


class _Opened:
    """Spells out one message, field by field."""

    def __init__(self, descriptor: Any, given: Mapping[int, Spell] | None = None) -> None:
        """`given`: how some fields, by number, are spelled."""
        given = given or {}
        self._parse = _outline(descriptor.full_name).FromString
        self._fields: dict[int, tuple[int, str, Spell]] = {
            field.number: (field.index, f'"{field.name}":', given.get(field.number) or _speller(field))
            for field in descriptor.fields
        }

    def spell(self, raw: bytes) -> str:
        fields = self._fields
        found = []
        for field, value in self._read(raw):
            place, start, spell = fields[field.number]
            found.append((place, start + spell(value)))
        found.sort()
        return "{" + ",".join([text for _, text in found]) + "}"

    def _read(self, raw: bytes) -> list[tuple[Any, Any]]:
        """Its fields and values. Raises NotPlain where a part comes twice, which are one to protobuf."""
        message = self._parse(raw)
        if message.ByteSize() != len(raw):
            raise NotPlain
        fields: list[tuple[Any, Any]] = message.ListFields()
        return fields

    def part(self, raw: bytes, number: int) -> bytes:
        """One of its parts, encoded; empty where it has none."""
        return next((value for field, value in self._read(raw) if field.number == number), b"")

    def around(self, raw: bytes, varying: tuple[int, ...]) -> list[str] | None:
        """The text before, between and behind the values of these fields; None unless they stand in that order."""
        found = sorted((self._fields[f.number][0], f.number, value) for f, value in self._read(raw))
        if tuple(number for _, number, _ in found if number in varying) != varying:
            return None
        texts = ["{"]
        for at, (_, number, value) in enumerate(found):
            _, start, spell = self._fields[number]
            texts[-1] += ("," if at else "") + start
            if number in varying:
                texts.append("")
            else:
                texts[-1] += spell(value)
        texts[-1] += "}"
        return texts


def _behind_ports(spell: Spell) -> Callable[[bytes], str | None]:
    """What follows a packet's ports as JSON; None where it is not flags alone."""

    def behind(data: bytes) -> str | None:
        if not data:
            return ""
        return f",{spell(data)[1:-1]}" if only_flags(data) else None

    return behind


def _speller(field: Any) -> Spell:
    if field.containing_type.full_name == flow_pb2.Flow.DESCRIPTOR.full_name and field.number == _EXTENSIONS:
        return _refuse
    one = _part(field.message_type) if field.message_type is not None else _scalar(field)
    return _several(one) if field.is_repeated else one


def _part(descriptor: Any) -> Spell:
    if descriptor.full_name == Timestamp.DESCRIPTOR.full_name:
        return parts.PartCache(_time, 64).__getitem__
    if descriptor.full_name == flow_pb2.Flow.DESCRIPTOR.full_name:
        return _Opened(descriptor).spell
    if descriptor.full_name in _OPENED:
        return parts.PartCache(_Opened(descriptor).spell, 20_000).__getitem__
    kind = message_factory.GetMessageClass(descriptor)

    def slowly(raw: bytes) -> str:
        return jsontext.text(jsontext.document(kind.FromString(raw)))

    return parts.PartCache(slowly).__getitem__


def _scalar(field: Any) -> Spell:
    if field.type == _F.TYPE_STRING:
        return _Strings().__getitem__ if field.name != "uuid" else _string
    if field.type == _F.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    if field.type == _F.TYPE_ENUM:
        names = {value.number: f'"{value.name}"' for value in field.enum_type.values}
        return lambda value: names.get(value) or str(value)
    if field.type in _PLAIN:
        return str
    if field.type in _LONG:
        return lambda value: f'"{value}"'
    return _refuse


def _refuse(_: Any) -> str:
    raise NotPlain


def _several(one: Spell) -> Spell:
    return lambda values: "[" + ",".join([one(value) for value in values]) + "]"


def _string(value: str) -> str:
    text: str = encode_basestring_ascii(value)
    for char, escape in jsontext.ESCAPED:
        if char in text:
            text = text.replace(char, escape)
    return text


class _Strings(dict[str, str]):
    """A string → as JSON. Bounded: emptied when full."""

    def __missing__(self, value: str) -> str:
        text = _string(value)
        if len(self) >= 10_000:
            self.clear()
        self[value] = text
        return text


def _time(raw: bytes) -> str:
    """As protojson: no, three, six or nine digits."""
    time = Timestamp.FromString(raw)
    seconds, nanos = time.seconds, time.nanos
    if not (_EARLIEST <= seconds <= _LATEST and 0 <= nanos < 1_000_000_000):
        raise NotPlain
    whole = _second(seconds)
    if nanos % 1_000_000:
        return f'"{whole}.{nanos:09}Z"' if nanos % 1_000 else f'"{whole}.{nanos // 1_000:06}Z"'
    return f'"{whole}.{nanos // 1_000_000:03}Z"' if nanos else f'"{whole}Z"'


@cache
def _outlines() -> dict[str, Any]:
    """Opened message → its outline's class: messages in it are bytes, all else as it is."""
    file = descriptor_pb2.FileDescriptorProto(name="meshtui/outline.proto", package="outline", syntax="proto3")
    made = {name: _copied(file, name) for name in _OPENED}
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(made[name])) for name in _OPENED}


def _outline(name: str) -> Any:
    return _outlines()[name]


def _copied(file: descriptor_pb2.FileDescriptorProto, name: str) -> str:
    original = descriptor_pb2.DescriptorProto()
    descriptor_pool.Default().FindMessageTypeByName(name).CopyToProto(original)
    copy = file.message_type.add(name=original.name)
    for field in original.field:
        # An enum is its number: a name that is not known here keeps it.
        kind = {_F.TYPE_MESSAGE: _F.TYPE_BYTES, _F.TYPE_ENUM: _F.TYPE_INT32}.get(field.type, field.type)
        made = copy.field.add(name=field.name, number=field.number, label=field.label, type=kind)
        # A message that is there and empty is told; bytes are so only where presence is asked for.
        if field.proto3_optional or (field.type == _F.TYPE_MESSAGE and field.label == _F.LABEL_OPTIONAL):
            made.proto3_optional = True
            made.oneof_index = len(copy.oneof_decl)
            copy.oneof_decl.add(name=f"_{field.name}")
    return f"{file.package}.{original.name}"


def _bounded_second() -> Callable[[int], str]:
    kept: dict[int, str] = {}

    def second(seconds: int) -> str:
        text = kept.get(seconds)
        if text is None:
            if len(kept) > 10_000:
                kept.clear()
            moment = datetime.fromtimestamp(seconds, UTC)
            text = kept[seconds] = moment.strftime("%Y-%m-%dT%H:%M:%S").zfill(19)
        return text

    return second


_second = _bounded_second()
