"""Messages as the JSON that Go's protojson makes of them: fields in the order of their declaration.

Python's `json_format` orders by number. What it says is the same; this puts it in the order, and into the characters,
in which `hubble observe -o jsonpb` writes it.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

ESCAPED = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"))
"""What Go's encoding/json escapes in strings, beside what must be; none of it is JSON's own."""
_WELL_KNOWN = "google.protobuf."

_Fields = dict[str, tuple[int, Any]]


def document(message: Message) -> dict[str, Any]:
    """proto3 JSON with the schema's own field names."""
    try:
        found = json_format.MessageToDict(message, preserving_proto_field_name=True)
    except TypeError:
        found = _with_extension(message)
    ordered: dict[str, Any] = _ordered(found, message.DESCRIPTOR)
    return ordered


def kept(extension: Any, into: Message) -> bool:
    """Put a flow's extension of a type that is not known here into `into` (google.protobuf.Any), where it is written as
    its bytes, as `document` does; whether it was.
    """
    try:
        into.value = base64.b64decode(extension["value"], validate=True)  # type: ignore[attr-defined]
        into.type_url = str(extension["@type"])  # type: ignore[attr-defined]
    except (KeyError, TypeError, ValueError):
        into.Clear()
        return False
    return True


def _with_extension(message: Message) -> dict[str, Any]:
    """A GetFlowsResponse whose flow carries a vendor's own type: its bytes stand for what cannot be spelled out."""
    bare = type(message)()
    bare.CopyFrom(message)
    extension = message.flow.extensions  # type: ignore[attr-defined]
    bare.flow.ClearField("extensions")  # type: ignore[attr-defined]
    found: dict[str, Any] = json_format.MessageToDict(bare, preserving_proto_field_name=True)
    value = base64.b64encode(extension.value).decode()
    found.setdefault("flow", {})["extensions"] = {"@type": extension.type_url, "value": value}
    return found


def text(value: Any) -> str:
    """A JSON value on one line, all characters beyond ASCII escaped: none can harm a terminal."""
    line = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for char, escape in ESCAPED:
        if char in line:
            line = line.replace(char, escape)
    return line


def _ordered(value: Any, descriptor: Any) -> Any:
    if isinstance(value, list):
        return [_ordered(item, descriptor) for item in value]
    if descriptor is None or not isinstance(value, dict):
        return value
    fields = _declared(descriptor)
    if fields is None:
        return value
    return {name: _ordered(value[name], fields[name][1]) for name in sorted(value, key=lambda name: fields[name][0])}


@cache
def _declared(descriptor: Any) -> _Fields | None:
    """Field name → its place and, for a message, its own descriptor; None for what has a JSON form of its own."""
    if descriptor.full_name.startswith(_WELL_KNOWN):
        return None
    return {field.name: (field.index, field.message_type) for field in descriptor.fields}
