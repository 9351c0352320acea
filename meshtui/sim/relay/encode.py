"""Events as the bytes of a GetFlowsResponse, whole or under a field mask."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2
from meshtui.sim.relay.ring import Event, Lost, Template, stamp, varint


class BadMask(ValueError):
    """A mask names a field that flows do not have."""


NEWER: dict[str, tuple[int, int]] = {
    "file": (1, 18), "tunnel": (1, 18), "ip_trace_id": (1, 18), "emitter": (1, 18), "policy_log": (1, 18),
    "aggregate": (1, 21),
}  # fmt: skip
"""Fields of a flow that agents of older versions do not have (recorded of 1.17 beside 1.20)."""


def understood(paths: Sequence[str], version: tuple[int, int]) -> bool:
    """Whether agents of a version know every field of a mask."""
    return all(version >= NEWER.get(path.partition(".")[0], (0, 0)) for path in paths)


def _known(path: str) -> bool:
    """Whether a path like `source.pod_name` leads to a field of a flow."""
    fields = flow_pb2.Flow.DESCRIPTOR.fields_by_name
    for part in path.split("."):
        if part not in fields:
            return False
        kind = fields[part].message_type
        fields = kind.fields_by_name if kind else {}
    return True


class Encoder:
    """Encodes events for one request; masked templates are kept."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._mask = FieldMask(paths=paths)
        if not all(_known(path) for path in paths):
            raise BadMask("invalid fieldmask")
        self._masked = bool(paths)
        self._time = "time" in paths
        self._uuid = "uuid" in paths
        self._kept: dict[int, tuple[Template, bytes]] = {}

    def encode(self, event: Event, node: str) -> bytes:
        """The response for one event of a node (`cluster/node`)."""
        template = event.what
        if isinstance(template, Lost):
            return lost(template, node, event.time_ns)
        if not self._masked:
            return template.response(event.time_ns, event.uuid)
        when = stamp(event.time_ns)
        flow = self._body(template)
        if self._time:
            flow += b"\x0a" + when
        if self._uuid:
            flow += b"\x92\x02\x24" + event.uuid.encode()
        return b"".join((b"\x0a", varint(len(flow)), flow, template.tail, b"\xca\x3e", when))

    def _body(self, template: Template) -> bytes:
        held = self._kept.get(id(template))
        if held is not None and held[0] is template:
            return held[1]
        masked = flow_pb2.Flow()
        self._mask.MergeMessage(template.flow, masked)
        body: bytes = masked.SerializeToString()
        if len(self._kept) > 8192:
            self._kept.clear()
        self._kept[id(template)] = (template, body)
        return body


def lost(gap: Lost, node: str, time_ns: int) -> bytes:
    """A LostEvent."""
    message = observer_pb2.GetFlowsResponse(node_name=node)
    message.time.FromNanoseconds(time_ns)
    message.lost_events.source = gap.source  # type: ignore[assignment]
    message.lost_events.num_events_lost = gap.count
    message.lost_events.first.FromNanoseconds(gap.first_ns)
    message.lost_events.last.FromNanoseconds(gap.last_ns)
    return bytes(message.SerializeToString())


def node_status(change: int, nodes: Sequence[str], relay: str, now: float, text: str = "") -> bytes:
    """A NodeStatusEvent, signed by the Relay's pod."""
    message = observer_pb2.GetFlowsResponse(node_name=relay)
    message.time.FromNanoseconds(int(now * 1e9))
    status = relay_pb2.NodeStatusEvent(state_change=change, node_names=nodes, message=text)  # type: ignore[arg-type]
    message.node_status.CopyFrom(status)
    return bytes(message.SerializeToString())
