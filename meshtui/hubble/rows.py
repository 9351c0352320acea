"""Turns an encoded GetFlowsResponse into a FlowRow, a node's status or a loss, in a few microseconds.

Reads through `skim.proto`, which leaves the parts that repeat from flow to flow encoded, and looks those up in
caches: equal endpoints become the same Peer object, equal texts the same string. A row that keeps its raw bytes
reads time, uuid, node and verdict at once and the rest when it is first asked for: of a firehose, few are looked at.
Where all are looked at anyway, it reads everything at once. The two endpoints are half of a flow's bytes and the same
in flow after flow: rows that were read keep them once for all (`docs/internals/flows.md`).
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from meshtui.core.flows.flow import NO_EXTRA, EventType, FlowExtra, FlowRow, Peer, PolicyRef
from meshtui.hubble import parts
from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2, skim_pb2

_NO_ADDRESSES = parts.Addresses("", "", False, "")
_NO_APPLICATION = parts.Application()
_NOBODY = Peer()
_BILLION = 1_000_000_000
_POLICY_VERDICT = int(EventType.POLICY_VERDICT)
_ENDS_SHARED = 20_000
"""Pairs of endpoints that are known at a time."""
_TELLING = 16
"""Bytes of an endpoint by which it is found: looking for all of it takes as long as reading the flow."""
_ONE_BYTE = 128
"""Up to this length an endpoint has a byte for its tag and one for its length before it, from then on two."""


class NodeStatus(Struct, frozen=True):
    """What a Relay says of some of its nodes; `state` is relay.NodeState (1 connected, 2 unavailable, 4 error)."""

    state: int
    nodes: tuple[str, ...]
    message: str = ""


class Lost(Struct, frozen=True):
    """Events that were observed and never reached us; `source` is flow.LostEventSource."""

    source: int
    count: int
    node: str = ""
    first_ns: int = 0
    last_ns: int = 0

    @property
    def where(self) -> str:
        """Where they were lost: `HUBBLE_RING_BUFFER`, …"""
        try:
            return flow_pb2.LostEventSource.Name(flow_pb2.LostEventSource.ValueType(self.source))
        except ValueError:
            return f"source {self.source}"


class Undecodable(Struct, frozen=True):
    """A message that is not a GetFlowsResponse, or one of a kind not known here."""

    cause: str


Item = FlowRow | NodeStatus | Lost | Undecodable


class _KeptRow(FlowRow):
    """A FlowRow with raw bytes whose slots, but for a few, may be empty until one of them is asked for."""

    __slots__ = ("at", "decoder", "ends", "rest")

    decoder: Decoder
    rest: bytes
    """The raw bytes without `ends`, which are at `at`."""
    ends: bytes
    """Both endpoints as they are encoded, shared with other rows; empty where nothing is shared."""
    at: int

    def __getattr__(self, name: str) -> Any:
        """Called for empty slots alone."""
        if name not in _SLOTS:
            raise AttributeError(name)
        self.decoder.fill(self)
        return object.__getattribute__(self, name)

    @property
    def raw(self) -> bytes:
        """The encoded GetFlowsResponse, byte by byte as it came."""
        rest, at = self.rest, self.at
        return rest[:at] + self.ends + rest[at:] if self.ends else rest

    @raw.setter
    def raw(self, raw: bytes) -> None:
        self.rest, self.ends, self.at = raw, b"", 0


_SLOTS = frozenset(field.name for field in fields(FlowRow))


class Decoder:
    """Decodes one source's messages. Not shared between threads: each stream has its own."""

    def __init__(self, context: str, *, keep_raw: bool = True) -> None:
        self.context = context
        self.keep_raw = keep_raw
        self._strings = parts.Strings()
        self._ends = parts.PartCache(bytes, _ENDS_SHARED)
        self._peers = parts.PartCache(parts.peer)
        self._addresses = parts.PartCache(parts.addresses)
        self._flags = parts.PartCache(parts.tcp_flags)
        self._interfaces = parts.PartCache(parts.interface_extra)
        self._events = parts.PartCache(parts.event)
        self._services = parts.PartCache(parts.service)
        self._policies = parts.PartCache(parts.policy)
        self._applications = parts.PartCache(parts.application, 5_000)
        self._extras: dict[FlowExtra, FlowExtra] = {}
        self._node_labels: dict[str, tuple[str, ...]] = {}
        self._parse = skim_pb2.Response.FromString

    def decode(self, raw: bytes, *, whole: bool = False) -> Item:
        """One message. Never raises for what a server may send: the worst is `Undecodable`.

        `whole`: read everything at once, for a row of which more than the time and the verdict will be asked.
        """
        try:
            response = self._parse(raw)
            if response.HasField("flow"):
                if not self.keep_raw:
                    return FlowRow(*self._fields(raw, response))
                return self._read(raw, response) if whole else self._unread(raw, response)
            if response.HasField("lost_events"):
                return _lost(response)
            if response.HasField("node_status"):
                return _node_status(response.node_status)
        except (DecodeError, ValueError) as error:
            return Undecodable(str(error))
        return Undecodable("neither a flow nor a status")

    def _unread(self, raw: bytes, response: skim_pb2.Response) -> FlowRow:
        flow = response.flow
        row = _new_row(_KeptRow)
        row.time_ns = _time_of(response, flow)
        row.uuid = flow.uuid
        row.verdict = flow.verdict
        row.node = self._strings[flow.node_name or response.node_name]
        row.rest, row.ends, row.at = raw, b"", 0
        row.decoder = self
        return row

    def _read(self, raw: bytes, response: skim_pb2.Response) -> FlowRow:
        try:
            values = self._fields(raw, response)
        except (DecodeError, ValueError):
            return self._unread(raw, response)  # what cannot be read of it is told when it is asked for
        row = _new_row(_KeptRow)
        FlowRow.__init__(row, *values)
        row.decoder = self
        self._share(row, raw, response.flow)
        return row

    def fill(self, row: _KeptRow) -> None:
        """Read what is still unread of a row. A part that cannot be read makes a row without any, that says so."""
        raw = row.rest
        try:
            response = self._parse(raw)
            values = self._fields(raw, response)
        except (DecodeError, ValueError) as error:
            blank = (0, 0, 0, None, _NOBODY, _NOBODY, "", "", "", 0, 0, "")
            values = (row.time_ns, row.uuid, "", row.verdict, *blank, f"undecodable flow: {error}")
            FlowRow.__init__(row, *values, received=self.context, raw=raw)
        else:
            FlowRow.__init__(row, *values)
            self._share(row, raw, response.flow)

    def _share(self, row: _KeptRow, raw: bytes, flow: skim_pb2.Flow) -> None:
        """Keep the endpoints once for all rows that have the same, where they stand one after the other."""
        source, destination = flow.source, flow.destination
        if not (source and destination):
            return
        # Wherever the cut is, the pieces give the bytes again: that it is right only makes them repeat.
        start = max(0, raw.find(source[:_TELLING]))
        stop = start + len(source) + len(destination) + (2 if len(destination) < _ONE_BYTE else 3)
        row.ends, row.at = self._ends[raw[start:stop]], start
        row.rest = raw[:start] + raw[stop:]

    def _fields(self, raw: bytes, response: skim_pb2.Response) -> tuple[Any, ...]:
        """FlowRow's values in order."""
        flow = response.flow
        strings = self._strings
        protocol, source_port, destination_port, flags, icmp_type = self._transport(flow.l4)
        encoded = flow.IP
        addresses = self._addresses[encoded] if encoded else _NO_ADDRESSES
        encoded = flow.l7
        application = self._applications[encoded] if encoded else _NO_APPLICATION
        encoded = flow.event_type
        event_type, sub_type = self._events[encoded] if encoded else (0, 0)
        encoded = flow.source
        source = self._peers[encoded] if encoded else _NOBODY
        encoded = flow.destination
        destination = self._peers[encoded] if encoded else _NOBODY
        source_service, destination_service = flow.source_service, flow.destination_service
        source_names, destination_names = flow.source_names, flow.destination_names
        allowed_by, denied_by = self._policies_of(flow) if event_type == _POLICY_VERDICT else ((), ())
        node = strings[flow.node_name or response.node_name]
        return (
            _time_of(response, flow),
            flow.uuid,
            node,
            flow.verdict,
            event_type,
            sub_type,
            flow.traffic_direction,
            (flow.is_reply != b"") if flow.HasField("is_reply") else None,
            source,
            destination,
            addresses[0],
            addresses[1],
            protocol,
            source_port,
            destination_port,
            flags,
            strings[flow.Summary],
            flow.drop_reason_desc or flow.drop_reason,
            flow.policy_match_type,
            flow.trace_observation_point,
            self._services[source_service] if source_service else "",
            self._services[destination_service] if destination_service else "",
            tuple(source_names) if source_names else (),
            tuple(destination_names) if destination_names else (),
            application[0],
            application[1],
            application[2],
            allowed_by,
            denied_by,
            self.context,
            raw if self.keep_raw else b"",
            self._extra(flow, addresses, application),
            self._labels_of(node, flow),
            icmp_type,
        )

    def _transport(self, layer: skim_pb2.Layer4) -> tuple[str, int, int, str, int]:
        if not layer.HasField("TCP"):
            return parts.other_transport(layer)
        tcp = layer.TCP
        return "TCP", tcp.source_port, tcp.destination_port, self._flags[tcp.flags], -1

    def _policies_of(self, flow: skim_pb2.Flow) -> tuple[tuple[PolicyRef, ...], tuple[PolicyRef, ...]]:
        known = self._policies
        allowed = [known[p] for p in flow.egress_allowed_by] + [known[p] for p in flow.ingress_allowed_by]
        denied = [known[p] for p in flow.egress_denied_by] + [known[p] for p in flow.ingress_denied_by]
        return tuple(allowed), tuple(denied)

    def _labels_of(self, node: str, flow: skim_pb2.Flow) -> tuple[str, ...]:
        """A node's labels, read once per node: they are the same in each of its flows."""
        labels = self._node_labels.get(node)
        if labels is None:
            labels = tuple(flow.node_labels)
            if len(self._node_labels) < 10_000:
                self._node_labels[node] = labels
        return labels

    def _extra(self, flow: skim_pb2.Flow, addresses: parts.Addresses, application: parts.Application) -> FlowExtra:
        interface, ip_trace, trace = flow.interface, flow.ip_trace_id, flow.trace_context
        xlate, capture, auth = flow.sock_xlate_point, flow.debug_capture_point, flow.auth_type
        no_ip = addresses is _NO_ADDRESSES
        if not (
            ip_trace
            or trace
            or xlate
            or capture
            or auth
            or no_ip
            or application.http
            or application.latency_ns
            or addresses.encrypted
            or addresses.source_xlated
        ):
            return self._interfaces[interface] if interface else NO_EXTRA
        ethernet = flow_pb2.Ethernet.FromString(flow.ethernet) if no_ip else flow_pb2.Ethernet()
        http = application.http or ("", "", "", ())
        extra = FlowExtra(
            ethernet.source,
            ethernet.destination,
            xlate,
            capture,
            auth,
            flow_pb2.IPTraceID.FromString(ip_trace).trace_id if ip_trace else 0,
            flow_pb2.TraceContext.FromString(trace).parent.trace_id if trace else "",
            flow_pb2.NetworkInterface.FromString(interface).name if interface else "",
            addresses.encrypted,
            addresses.source_xlated,
            *http,
            application.latency_ns,
        )
        if len(self._extras) > 5_000:
            self._extras.clear()
        return self._extras.setdefault(extra, extra)


_new_row = _KeptRow.__new__


def _time_of(response: skim_pb2.Response, flow: skim_pb2.Flow) -> int:
    time = flow.time
    return time.seconds * _BILLION + time.nanos or response.time.seconds * _BILLION + response.time.nanos


def _lost(response: skim_pb2.Response) -> Lost:
    event = flow_pb2.LostEvent.FromString(response.lost_events)
    return Lost(
        event.source,
        event.num_events_lost,
        response.node_name,
        event.first.seconds * _BILLION + event.first.nanos,
        event.last.seconds * _BILLION + event.last.nanos,
    )


def _node_status(encoded: bytes) -> NodeStatus:
    event = relay_pb2.NodeStatusEvent.FromString(encoded)
    return NodeStatus(event.state_change, tuple(event.node_names), event.message)


def row_from_response(response: bytes | Message, context: str) -> FlowRow:
    """One GetFlowsResponse, encoded or not, as a row. Raises ValueError when it holds no flow.

    For many responses use a `Decoder`: it shares what repeats.
    """
    raw = response if isinstance(response, bytes) else response.SerializeToString()
    item = Decoder(context).decode(raw)
    if not isinstance(item, FlowRow):
        raise ValueError(f"not a flow: {item}")
    return item


def full_response(row: FlowRow) -> observer_pb2.GetFlowsResponse:
    """The whole message a row was made from. Raises ValueError when the row kept no raw bytes."""
    if not row.raw:
        raise ValueError("this flow was kept without its raw bytes")
    return observer_pb2.GetFlowsResponse.FromString(row.raw)
