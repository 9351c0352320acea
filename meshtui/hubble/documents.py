"""Finds the JSON and YAML documents in what people keep flows in: lines, pretty print, arrays, logs with prefixes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_OUTSIDE = re.compile(rb'"(?:[^"\\]|\\.)*"?')
"""A string, closed or not: braces in it are no braces. No string goes over the end of a line."""
_BETWEEN = " \t\r\n,"
_YAML = re.compile(rb"-\s+(?:flow|lost_events|node_status|node_name|time):")
_DECODER = json.JSONDecoder()


class Unfinished(ValueError):
    """A document was cut off before its end."""


def depth(line: bytes) -> int:
    """How many more braces and brackets a line opens than it closes."""
    bare = _OUTSIDE.sub(b"", line)
    return sum(map(bare.count, (b"{", b"["))) - sum(map(bare.count, (b"}", b"]")))


def without_prefix(line: bytes) -> bytes:
    """A line from its first brace on: grep, the container runtime and kubectl write before it.

    (`x.json:{`, `stdout F {`, `[pod/cilium-x/agent] {`.) The line itself where it begins with one, or has none.
    """
    at = line.find(b"{")
    return line[at:] if at > 0 and not line.startswith(b"[{") else line


def documents(text: str) -> Iterator[Any]:
    """The JSON documents that follow each other in a text, those of an array one by one. Raises ValueError."""
    at = 0
    while at < len(text):
        if text[at] in _BETWEEN:
            at += 1
            continue
        found, at = _DECODER.raw_decode(text, at)
        yield from found if isinstance(found, list) else (found,)


def from_yaml(text: str) -> Iterator[Any]:
    """The documents of a YAML list. Raises ValueError."""
    import yaml

    class Loader(yaml.SafeLoader):
        """Leaves times as they are written."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        found = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    yield from found if isinstance(found, list) else (found,)


class Gathering:
    """Puts the lines of a document that goes over several together. `add` says when it is whole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: list[bytes] = []
        self._depth = 0
        self._size = 0
        self.yaml = False

    def __bool__(self) -> bool:
        return bool(self._lines)

    def begins(self, line: bytes) -> bool:
        """Whether a line opens a document that it does not close, or one of a YAML list."""
        self.yaml = bool(_YAML.match(line))
        return self.yaml or (line[:1] in (b"{", b"[") and depth(line) > 0)

    def ends_before(self, line: bytes) -> bool:
        """Whether a line is none of the YAML document that is gathered."""
        return self.yaml and line[:1] not in (b" ", b"\t", b"\r", b"")

    def add(self, line: bytes) -> bool:
        """Take a line; whether the document is whole with it."""
        self._lines.append(line)
        self._size += len(line)
        self._depth += 0 if self.yaml else depth(line)
        if self._size > self._limit:
            self._lines, self._size, self._depth = [b"!"], 0, 0
            return True
        return not self.yaml and self._depth <= 0

    def take(self) -> list[Any]:
        """The documents gathered. Raises ValueError for what is none."""
        text = b"\n".join(self._lines).decode("utf-8", "surrogatepass")
        cut = not self.yaml and self._depth > 0
        self._lines, self._depth, self._size = [], 0, 0
        if cut:
            raise Unfinished("a document that is cut off")
        return list(from_yaml(text) if self.yaml else documents(text))
