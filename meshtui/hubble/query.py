"""What to ask of a Relay: filters, start, field mask; and the request made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from meshtui.core.errors import UsageError
from meshtui.hubble.pb import observer_pb2

MASK = (
    "uuid",
    "time",
    "verdict",
    "drop_reason",
    "drop_reason_desc",
    "ethernet",
    "IP",
    "l4",
    "l7",
    "source",
    "destination",
    "Type",
    "node_name",
    "event_type",
    "source_service",
    "destination_service",
    "source_names",
    "destination_names",
    "traffic_direction",
    "policy_match_type",
    "trace_observation_point",
    "trace_reason",
    "debug_capture_point",
    "sock_xlate_point",
    "interface",
    "proxy_port",
    "trace_context",
    "auth_type",
    "is_reply",
    "reply",
    "Summary",
    "egress_allowed_by",
    "ingress_allowed_by",
    "egress_denied_by",
    "ingress_denied_by",
)
"""Every field a row or its details show. All of them exist since Cilium 1.18: an unknown path fails the call."""


class FlowQuery(Struct, frozen=True):
    """One GetFlows request. Filters are FlowFilters as plain dicts, as `FlowFilter.to_server()` gives them."""

    whitelist: Sequence[Mapping[str, Any]] = ()
    blacklist: Sequence[Mapping[str, Any]] = ()
    follow: bool = True
    number: int = 1
    """Per node. In a follow it only sets how far back to start and how long the Relay's sort buffer holds
    flows: 1 is fastest (measured: 1.0 s at the median against 4.0 s with 0)."""
    first: bool = False
    since_ns: int | None = None
    until_ns: int | None = None
    mask: tuple[str, ...] = MASK
    """Empty: everything, as an export identical to the hubble CLI's needs."""


def refuses_mask(words: str) -> bool:
    """Whether a server's words say that it is too old for a field of the mask it was sent: `invalid fieldmask`.

    Agents answer so as a call's failure, a Relay for some of its nodes (recorded of 1.17 beside 1.20). One that does
    not know masks at all sends everything, which does no harm.
    """
    return "fieldmask" in words.replace(" ", "").replace("_", "").lower()


def request(query: FlowQuery) -> observer_pb2.GetFlowsRequest:
    """The request of a query. Raises UsageError when a filter is not a FlowFilter."""
    from google.protobuf import json_format

    message = observer_pb2.GetFlowsRequest(number=query.number, follow=query.follow, first=query.first)
    for filters, field in ((query.whitelist, message.whitelist), (query.blacklist, message.blacklist)):
        for document in filters:
            try:
                json_format.ParseDict(dict(document), field.add())
            except json_format.ParseError as error:
                raise UsageError(
                    "A flow filter is not understood", cause=str(error), hint="See `hubble observe --help`."
                ) from error
    if query.since_ns is not None:
        message.since.FromNanoseconds(query.since_ns)
    if query.until_ns is not None:
        message.until.FromNanoseconds(query.until_ns)
    message.field_mask.paths.extend(query.mask)
    return message
