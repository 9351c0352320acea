"""Flows as JSON lines, as `hubble observe -o jsonpb` writes them: read from agents and files, written for export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import json_format

from meshtui.core.flows.flow import FlowRow
from meshtui.hubble import jsontext
from meshtui.hubble.jsonparts import UNREADABLE, Encoder, NotPlain
from meshtui.hubble.pb import observer_pb2
from meshtui.hubble.rows import Decoder, Item, Undecodable, full_response


class JsonLines:
    """Feeds on the bytes of a JSON lines stream, however they are cut, and gives what its whole lines say.

    A line that is not a GetFlowsResponse becomes `Undecodable`; legacy lines (`HUBBLE_COMPAT=legacy-json-output`),
    which are the bare flow, are understood. A line over `limit` bytes is dropped and reported.
    """

    def __init__(self, context: str, *, keep_raw: bool = True, limit: int = 4 << 20) -> None:
        self._decoder = Decoder(context, keep_raw=keep_raw)
        self._encoder = Encoder()
        self._rest = b""
        self._limit = limit
        self._skipping = False

    def feed(self, data: bytes) -> list[Item]:
        """What the lines completed by `data` say."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        items = []
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            if item := self.line(line):
                items.append(item)
        if len(self._rest) > self._limit:
            items.append(Undecodable(f"a line longer than {self._limit} bytes"))
            self._rest, self._skipping = b"", True
        return items

    def finish(self) -> list[Item]:
        """What the last line says when it has no newline."""
        line, self._rest = self._rest, b""
        item = None if self._skipping else self.line(line)
        return [item] if item else []

    def line(self, line: bytes | str) -> Item | None:
        """One line; None for an empty one."""
        if not line.strip():
            return None
        try:
            return self._decoder.decode(self._encoded(line))
        except UNREADABLE as error:
            return Undecodable(str(error)[:300])

    def _encoded(self, line: bytes | str) -> bytes:
        try:
            return self._encoder.encode(line)
        except NotPlain:
            return _encode(json.loads(line))


def _encode(document: Any) -> bytes:
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    if not document.keys() & {"flow", "lost_events", "node_status", "time"}:
        raise ValueError("no flow, lost_events or node_status in it")
    if not document.keys() & {"flow", "lost_events", "node_status"}:
        document = {"flow": document, "node_name": document.get("node_name", ""), "time": document["time"]}
    message = observer_pb2.GetFlowsResponse()
    json_format.ParseDict(document, message, ignore_unknown_fields=True)
    return message.SerializeToString()


def read(lines: Iterable[bytes | str], context: str) -> Iterator[Item]:
    """What each non-empty line of a file says, in the file's order."""
    reader = JsonLines(context)
    for line in lines:
        if item := reader.line(line):
            yield item


def as_document(row: FlowRow) -> dict[str, Any]:
    """One flow as `hubble observe -o jsonpb` has it: proto3 JSON with flow.proto's field names.

    Raises ValueError when the row kept no raw bytes.
    """
    return jsontext.document(full_response(row))


def as_line(row: FlowRow) -> str:
    """One flow as the line of `hubble observe -o jsonpb`, byte by byte but for its newline and what is not ASCII.

    That is escaped, whatever it is. Raises ValueError when the row kept no raw bytes.
    """
    return jsontext.text(as_document(row))
