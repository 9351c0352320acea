"""Flows as JSON lines, as `hubble observe -o jsonpb` writes them: read from agents and files, written for export."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from meshtui.core.flows.flow import FlowRow
from meshtui.hubble import jsontext
from meshtui.hubble.documents import Gathering, documents, without_prefix
from meshtui.hubble.jsonparts import UNREADABLE, Encoder, NotPlain
from meshtui.hubble.pb import observer_pb2
from meshtui.hubble.rows import Decoder, Item, Undecodable, full_response

if TYPE_CHECKING:
    from meshtui.hubble.jsonfast import Lines

_FLOW_KEYS = {"flow", "lost_events", "node_status", "lostEvents", "nodeStatus", "agent_event", "debug_event"}
_EXTENSIONS = "extensions"


class JsonLines:
    """Feeds on the bytes of a stream of flows, however they are cut, and gives what its whole documents say.

    One a line as a rule; over several lines (`jq`, grpcurl), in arrays, in YAML, behind a log's prefix as well. What is
    not a GetFlowsResponse becomes `Undecodable`; legacy lines (`HUBBLE_COMPAT=legacy-json-output`), which are the bare
    flow, are understood. A line or document over `limit` bytes is dropped and reported.
    """

    def __init__(self, context: str, *, keep_raw: bool = True, limit: int = 4 << 20) -> None:
        self._decoder = Decoder(context, keep_raw=keep_raw)
        self._encoder = Encoder()
        self._rest = b""
        self._limit = limit
        self._skipping = False
        self._open = Gathering(limit)
        self.left_out = 0
        """Flows whose extension by a vendor could not be read: they are shown without it."""

    def feed(self, data: bytes) -> list[Item]:
        """What the lines completed by `data` say."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        items = []
        for line in lines:
            if self._skipping:
                self._skipping = False
                continue
            items += self.items(line)
        if len(self._rest) > self._limit:
            items.append(Undecodable(f"a line longer than {self._limit} bytes"))
            self._rest, self._skipping = b"", True
        return items

    def finish(self) -> list[Item]:
        """What the last line says when it has no newline, and the last document when nothing closes it."""
        line, self._rest = self._rest, b""
        items = [] if self._skipping else self.items(line)
        return [*items, *self._close()] if self._open else items

    def line(self, line: bytes | str) -> Item | None:
        """One line that is a document; None for an empty one."""
        return next(iter(self.items(line)), None)

    def items(self, line: bytes | str) -> list[Item]:
        """What one more line says."""
        data = line.encode() if isinstance(line, str) else line
        if not data.strip():
            return []
        if self._open:
            return self._go_on(data)
        try:
            return [self._decoder.decode(self._encoder.encode(data))]
        except NotPlain:
            return self._slowly(data)

    def _go_on(self, line: bytes) -> list[Item]:
        """Within a document: a line that is a flow by itself shows that the one before was cut off."""
        if self._open.ends_before(line):
            return [*self._close(), *self.items(line)]
        if line.startswith(b"{"):
            try:
                found = self._decoder.decode(self._encoder.encode(line))
            except NotPlain:
                pass
            else:
                return [*self._close(), found]
        return self._close() if self._open.add(line) else []

    def _slowly(self, line: bytes) -> list[Item]:
        bare = line.strip().removeprefix(_BOM)
        if bare in (b"[", b"]", b",", b"---"):
            return []
        try:
            return [self._judge(document) for document in documents(bare.decode("utf-8", "surrogatepass"))]
        except UNREADABLE as error:
            cause = error
        if self._open.begins(bare):
            self._open.add(line)
            return []
        try:
            return [self._judge(d) for d in documents(without_prefix(bare).decode("utf-8", "surrogatepass"))]
        except UNREADABLE:
            return [Undecodable(str(cause)[:300])]

    def _close(self) -> list[Item]:
        try:
            return [self._judge(document) for document in self._open.take()]
        except UNREADABLE as error:
            return [Undecodable(str(error)[:300])]

    def _judge(self, document: Any) -> Item:
        try:
            message, whole = _encode(document)
        except UNREADABLE as error:
            return Undecodable(str(error)[:300])
        self.left_out += not whole
        return self._decoder.decode(message)


_BOM = b"\xef\xbb\xbf"


def _encode(document: Any) -> tuple[bytes, bool]:
    """The encoded GetFlowsResponse, and whether all of it could be read. Raises what UNREADABLE names."""
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    if not document.keys() & {*_FLOW_KEYS, "time"}:
        raise ValueError("no flow, lost_events or node_status in it")
    if not document.keys() & _FLOW_KEYS:
        name = document.get("node_name", document.get("nodeName", ""))
        document = {"flow": document, "node_name": name, "time": document["time"]}
    message, whole = observer_pb2.GetFlowsResponse(), True
    flow = document.get("flow")
    extension = flow.get(_EXTENSIONS) if isinstance(flow, dict) else None
    known = isinstance(extension, dict) and isinstance(extension.get("@type"), str)
    if known and isinstance(flow, dict):
        # google.protobuf.Any of a vendor's own: only what is kept as bytes can be kept at all.
        document = {**document, "flow": {name: value for name, value in flow.items() if name != _EXTENSIONS}}
    json_format.ParseDict(document, message, ignore_unknown_fields=True)
    if known:
        whole = jsontext.kept(extension, message.flow.extensions)
    return message.SerializeToString(), whole


def read(lines: Iterable[bytes | str], context: str, reader: JsonLines | None = None) -> Iterator[Item]:
    """What each document of a file says, in the file's order."""
    reader = reader or JsonLines(context)
    for line in lines:
        data = line.encode() if isinstance(line, str) else line
        yield from reader.items(data.rstrip(b"\n"))
    yield from reader.finish()


def as_document(row: FlowRow) -> dict[str, Any]:
    """One flow as `hubble observe -o jsonpb` has it: proto3 JSON with flow.proto's field names.

    A row whose clusters go by other names here (`core.flows.naming`) is told by those. Raises ValueError when the row
    kept no raw bytes.
    """
    message = full_response(row)
    if row.node not in ("", message.flow.node_name or message.node_name):
        _rename(message, row)
    return jsontext.document(message)


def _rename(message: observer_pb2.GetFlowsResponse, row: FlowRow) -> None:
    message.node_name = message.flow.node_name = row.node
    for endpoint, peer in ((message.flow.source, row.source), (message.flow.destination, row.destination)):
        if endpoint.cluster_name:
            endpoint.cluster_name = peer.cluster


def as_line(row: FlowRow) -> str:
    """One flow as the line of `hubble observe -o jsonpb`, byte by byte but for its newline and what is not ASCII.

    That is escaped, whatever it is. Raises ValueError when the row kept no raw bytes.
    """
    raw = row.raw
    if not raw:
        raise ValueError("this flow was kept without its raw bytes")
    return _lines().line(raw)


@cache
def _lines() -> Lines:
    from meshtui.hubble.jsonfast import Lines

    return Lines()
