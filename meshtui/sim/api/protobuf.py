"""Kubernetes' protobuf bodies, which kubectl's typed commands send, as the JSON they stand for."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from meshtui.sim.api.errors import bad_request
from meshtui.sim.api.schema import messages
from meshtui.sim.clock import timestamp

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_INLINE = {"volumeSource", "handler", "localObjectReference", "ephemeralContainerCommon", "ingressRuleValue"}
# A pointer to zero means zero; elsewhere zero is Go's way to say nothing.
_ZERO_COUNTS = {
    "replicas", "parallelism", "completions", "revisionHistoryLimit", "gracePeriodSeconds", "backoffLimit",
    "terminationGracePeriodSeconds", "expirationSeconds", "ttlSecondsAfterFinished",
}  # fmt: skip
_EMPTY_COUNTS = {"emptyDir", "podSelector", "namespaceSelector"}


def decode(data: bytes) -> dict[str, Any]:
    """An object from its envelope. Raises ApiError 400 for what is no such thing."""
    try:
        if data[:4] != _MAGIC:
            raise ValueError("no magic number")
        envelope = dict(_fields(data[4:]))
        meta = dict(_fields(_bytes(envelope.get(1, b""))))
        version, kind = _bytes(meta.get(1, b"")).decode(), _bytes(meta.get(2, b"")).decode()
        if kind not in messages():
            raise ValueError(f"no schema for {version} {kind}")
        body = _message(kind, _bytes(envelope.get(2, b"")))
    except (ValueError, IndexError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None
    return {"apiVersion": version, "kind": kind, **body}


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes are due")
    return value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of each field: bytes, or a number."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise ValueError("cut off")
            yield number, data[at : at + length]
            at += length
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            yield number, int.from_bytes(data[at : at + size], "little")
            at += size
        else:
            raise ValueError(f"wire type {wire}")


def _message(kind: str, data: bytes) -> dict[str, Any]:
    table = messages()[kind]
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        if str(number) not in table:
            continue
        field, inner = table[str(number)]
        if inner.endswith("{}"):
            pair = dict(_fields(_bytes(value)))
            key = _bytes(pair.get(1, b"")).decode()
            found.setdefault(field, {})[key] = _value(inner[:-2], pair.get(2, b""))
        elif inner.endswith("*"):
            found.setdefault(field, []).append(_value(inner[:-1], value))
        elif field in _INLINE:
            found.update(_value(inner, value))
        else:
            decoded = _value(inner, value)
            if _says_something(field, decoded):
                found[field] = decoded
    return found


def _says_something(field: str, value: Any) -> bool:
    if value == 0 and not isinstance(value, bool) and isinstance(value, int):
        return field in _ZERO_COUNTS
    if value == {}:
        return field in _EMPTY_COUNTS
    return value not in ("", False, None)


def _value(kind: str, value: bytes | int) -> Any:
    match kind:
        case "str":
            return _bytes(value).decode()
        case "bytes":
            return base64.b64encode(_bytes(value)).decode()
        case "bool":
            return bool(value)
        case "int":
            number = int(value) if isinstance(value, int) else 0
            return number - (1 << 64) if number >= 1 << 63 else number
        case "Time" | "MicroTime":
            seconds = dict(_fields(_bytes(value))).get(1)
            return timestamp(float(seconds)) if isinstance(seconds, int) and seconds else None
        case "IntOrString":
            return _int_or_string(dict(_fields(_bytes(value))))
        case "Quantity":
            return _bytes(dict(_fields(_bytes(value))).get(1, b"")).decode()
        case _:
            return _message(kind, _bytes(value)) if kind in messages() else {}


def _int_or_string(parts: dict[int, bytes | int]) -> int | str | None:
    if parts.get(1, 0) == 1:
        return _bytes(parts.get(3, b"")).decode()
    number = parts.get(2, 0)
    return number if isinstance(number, int) and number else None
