"""Cuts what is its own out of an encoded flow - times, uuid, layer 4 - so that the rest can be known from before.

Of 1,700 recorded flows 60 to 120 differ in anything else. What is left is a key: flows with the same one have the same
line but for these four. That holds for any bytes, since all places are walked to, field by field, or are the same as
in the flow that was walked through when its form was made.
"""

from __future__ import annotations

from typing import NamedTuple

TIME, LAYER4, UUID = 1, 6, 34
"""Numbers of a flow's fields that are cut out."""
NODE_NAME, TOLD_AT = 1000, 1001
"""Numbers of a GetFlowsResponse's fields behind its flow; the second one is cut out."""
_FLOW_TAG = _TIME_TAG = 0x0A
_LAYER4_TAG = 0x32
_NUMBERS = (0x10, 0x18)
"""Tags of verdict and drop_reason, which may stand before layer 4."""
_PARTS = (0x22, 0x2A)
"""Tags of ethernet and IP, which may, too."""
_UUID_HEAD = b"\x92\x02\x24"
"""Tag of the uuid, and that it has 36 bytes."""
_UUID_SIZE = 3 + 36
_NODE_NAME_TAG, _TOLD_AT_TAG = b"\xc2\x3e", b"\xca\x3e"
_LONG = 128
"""Lengths from here on take two bytes."""

Key = tuple[int, int, int, bytes]
"""How long the stretches between the cuts are, and their bytes."""


class Cut(NamedTuple):
    """An encoded GetFlowsResponse in pieces: all but `key` are values without tag and length."""

    key: Key
    time: bytes
    uuid: bytes
    layer4: bytes
    told_at: bytes


def cut(raw: bytes) -> Cut | None:
    """The pieces; None for a message that is not laid out as Hubble's are."""
    try:
        if raw[0] != _FLOW_TAG or raw[1] < _LONG or raw[2] >= _LONG or raw[3] != _TIME_TAG or raw[4] >= _LONG:
            return None
        end = 3 + (raw[1] & 127 | raw[2] << 7)
        after = at = 5 + raw[4]
        while (tag := raw[at]) != _LAYER4_TAG:
            if tag in _NUMBERS:
                at += 2
                while raw[at - 1] >= _LONG:
                    at += 1
            elif tag in _PARTS and raw[at + 1] < _LONG:
                at += 2 + raw[at + 1]
            else:
                return None
        past = at + 2 + raw[at + 1]
        head = raw.find(_UUID_HEAD, past, end)
        rest, tail = head + _UUID_SIZE, end
        if raw[at + 1] >= _LONG or head < 0 or rest > end:
            return None
        if raw[tail : tail + 2] == _NODE_NAME_TAG and raw[tail + 2] < _LONG:
            tail += 3 + raw[tail + 2]
        if raw[tail : tail + 2] != _TOLD_AT_TAG or raw[tail + 2] >= _LONG or raw[tail + 2] != len(raw) - tail - 3:
            return None
    except IndexError:
        return None
    key = at - after, head - past, end - rest, raw[after:at] + raw[past:head] + raw[rest:tail]
    return Cut(key, raw[5:after], raw[head + 3 : rest], raw[at + 2 : past], raw[tail + 3 :])


def sound(key: Key) -> bool:
    """Whether the stretches are whole fields, and none of them is one of those that were cut out once more."""
    first, second, third, data = key
    stretches = data[:first], data[first : first + second], data[first + second : first + second + third]
    return all(number not in (TIME, LAYER4, UUID) for data in stretches for number in _numbers(data))


def _numbers(data: bytes) -> list[int]:
    """Numbers of the fields that `data` consists of; a time's, which refuses it, for what does not end with one."""
    found, at = [], 0
    try:
        while at < len(data):
            tag, at = _varint(data, at)
            found.append(tag >> 3)
            at = _past(data, at, tag & 7)
    except (IndexError, ValueError):
        return [TIME]
    return found if at == len(data) else [TIME]


def _past(data: bytes, at: int, wire: int) -> int:
    """Where a value of that wire type ends. Raises ValueError for a group."""
    if wire == 0:
        return _varint(data, at)[1]
    if wire == 2:
        size, at = _varint(data, at)
        return at + size
    if wire in (1, 5):
        return at + (8 if wire == 1 else 4)
    raise ValueError("a group")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < _LONG:
            return value, at


def ports(data: bytes) -> tuple[int, int, bytes] | None:
    """Both ports of an encoded flow.Layer4 with nothing but TCP, and what follows them; None for any other."""
    try:
        if data[0] != 0x0A or data[1] != len(data) - 2 or data[1] >= _LONG or data[2] != 0x08:
            return None
        source, at = _varint(data, 3)
        if data[at] != 0x10:
            return None
        destination, at = _varint(data, at + 1)
    except IndexError:
        return None
    # Zero is not told, and more than sixteen bits are cut by whoever reads them.
    return (source, destination, data[at:]) if 0 < source < 1 << 16 and 0 < destination < 1 << 16 else None


def only_flags(data: bytes) -> bool:
    """Whether what follows the ports is TCP's flags and nothing else."""
    return len(data) > 1 and data[0] == 0x1A and data[1] == len(data) - 2 < _LONG
