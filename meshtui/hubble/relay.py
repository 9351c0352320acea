"""Asks a Relay or an agent about itself, and reads flows that already happened.

All functions block: call them in a thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import replace

from meshtui.core.errors import RelayHeldUp
from meshtui.core.flows.flow import FlowRow
from meshtui.hubble.dial import TlsOptions, failure, open_channel
from meshtui.hubble.pb import observer_pb2, relay_pb2
from meshtui.hubble.query import FlowQuery, refuses_mask, request
from meshtui.hubble.rows import Decoder, Item, NodeStatus

GET_FLOWS = "/observer.Observer/GetFlows"
CONNECTED = "NODE_CONNECTED"
_HEALTH = "/grpc.health.v1.Health/Check"
_SERVING = b"\x08\x01"
"""HealthCheckResponse{status: SERVING}."""
_M = TypeVar("_M", bound=Message)
Filters = Sequence[Mapping[str, Any]]


class ServerStatus(Struct, frozen=True):
    """What a Relay or an agent says of itself. Of a Relay the numbers are sums over its nodes."""

    num_flows: int
    max_flows: int
    seen_flows: int
    uptime_ns: int
    version: str
    flows_rate: float
    """Flows per second over the last minute, by the server's account."""
    nodes_connected: int | None
    """None: an agent answered, not a Relay."""
    nodes_unavailable: int | None
    unavailable: tuple[str, ...]
    """At most ten names."""


class HubbleNode(Struct, frozen=True):
    """One node behind a Relay."""

    name: str
    version: str
    address: str
    state: str
    """`NODE_CONNECTED`, `NODE_UNAVAILABLE`, `NODE_ERROR`, …"""
    tls: bool
    uptime_ns: int
    num_flows: int
    max_flows: int
    seen_flows: int


def server_status(
    target: str, *, context: str = "", tls: TlsOptions | None = None, timeout: float = 5.0
) -> ServerStatus:
    """ServerStatus. Raises RelayUnreachable or RelayRefused."""
    with open_channel(target, tls, context=context) as channel:
        return status_over(channel, target, context, timeout)


def status_over(channel: grpc.Channel, target: str, context: str, timeout: float) -> ServerStatus:
    """ServerStatus over a channel that is open already. Raises RelayUnreachable or RelayRefused."""
    asked = observer_pb2.ServerStatusRequest()
    answer = _call(channel, "ServerStatus", asked, observer_pb2.ServerStatusResponse, target, context, timeout)
    relay = answer.HasField("num_connected_nodes")
    return ServerStatus(
        answer.num_flows,
        answer.max_flows,
        answer.seen_flows,
        answer.uptime_ns,
        answer.version,
        answer.flows_rate,
        answer.num_connected_nodes.value if relay else None,
        answer.num_unavailable_nodes.value if relay else None,
        tuple(answer.unavailable_nodes),
    )


def serving_over(channel: grpc.Channel, timeout: float) -> bool:
    """Whether a Relay says that it is well, by itself: it asks no peer for that (grpc.health.v1, the empty name)."""
    call: Any = channel.unary_unary(_HEALTH, request_serializer=None, response_deserializer=None)
    try:
        answer: bytes = call(b"", timeout=timeout)
    except grpc.RpcError:
        return False
    return answer == _SERVING


def answers(target: str, *, context: str = "", tls: TlsOptions | None = None, timeout: float = 1.0) -> bool:
    """Whether a Relay or an agent is there, held up by a peer of its or not. Raises RelayUnreachable, RelayRefused."""
    with open_channel(target, tls, context=context) as channel:
        try:
            status_over(channel, target, context, timeout)
        except RelayHeldUp:
            return serving_over(channel, timeout)
    return True


def get_nodes(
    target: str, *, context: str = "", tls: TlsOptions | None = None, timeout: float = 5.0
) -> list[HubbleNode]:
    """The nodes behind a Relay, other clusters' included. Raises RelayUnreachable or RelayRefused."""
    with open_channel(target, tls, context=context) as channel:
        return nodes_over(channel, target, context, timeout)


def nodes_over(channel: grpc.Channel, target: str, context: str, timeout: float) -> list[HubbleNode]:
    """The nodes, over a channel that is open already. Raises RelayUnreachable or RelayRefused."""
    asked, kind = observer_pb2.GetNodesRequest(), observer_pb2.GetNodesResponse
    answer = _call(channel, "GetNodes", asked, kind, target, context, timeout)
    return [
        HubbleNode(
            node.name,
            node.version,
            node.address,
            _node_state(node.state),
            node.tls.enabled,
            node.uptime_ns,
            node.num_flows,
            node.max_flows,
            node.seen_flows,
        )
        for node in answer.nodes
    ]


def _node_state(number: int) -> str:
    try:
        return relay_pb2.NodeState.Name(relay_pb2.NodeState.ValueType(number))
    except ValueError:
        return str(number)


def get_namespaces(
    target: str, *, context: str = "", tls: TlsOptions | None = None, timeout: float = 5.0
) -> list[tuple[str, str]]:
    """(cluster, namespace) of recent flows. Raises RelayUnreachable or RelayRefused."""
    with open_channel(target, tls, context=context) as channel:
        asked, kind = observer_pb2.GetNamespacesRequest(), observer_pb2.GetNamespacesResponse
        answer = _call(channel, "GetNamespaces", asked, kind, target, context, timeout)
    return [(entry.cluster, entry.namespace) for entry in answer.namespaces]


def _call(
    channel: grpc.Channel, method: str, asked: Message, kind: type[_M], target: str, context: str, timeout: float
) -> _M:
    call: Any = channel.unary_unary(
        f"/observer.Observer/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=kind.FromString,
    )
    try:
        answer: _M = call(asked, timeout=timeout)
    except grpc.RpcError as error:
        raise failure(error, target, context) from error
    return answer


def flows_over(channel: grpc.Channel, query: FlowQuery, timeout: float | None = None) -> Any:
    """The running GetFlows call: an iterator of encoded GetFlowsResponses that can be cancelled."""
    method = channel.unary_stream(GET_FLOWS, request_serializer=None, response_deserializer=None)
    return method(request(query).SerializeToString(), timeout=timeout)


def fetch(
    target: str, query: FlowQuery, *, context: str = "", tls: TlsOptions | None = None, timeout: float | None = None
) -> list[Item]:
    """Flows, statuses and losses of one request, once the server has ended it.

    Raises RelayUnreachable or RelayRefused.
    """
    with open_channel(target, tls, context=context) as channel:
        try:
            return _items(channel, query, Decoder(context), timeout)
        except grpc.RpcError as error:
            raise failure(error, target, context) from error


def _items(channel: grpc.Channel, query: FlowQuery, decoder: Decoder, timeout: float | None) -> list[Item]:
    """All that a request brings: asked for whole flows where a server, or a node behind it, refuses the mask."""
    try:
        items = [decoder.decode(raw) for raw in flows_over(channel, query, timeout)]
    except grpc.RpcError as error:
        if not query.mask or not refuses_mask(str(error.details() or "")):
            raise
    else:
        if not query.mask or not any(isinstance(item, NodeStatus) and refuses_mask(item.message) for item in items):
            return items
    return [decoder.decode(raw) for raw in flows_over(channel, replace(query, mask=()), timeout)]


def oldest_over(channel: grpc.Channel, timeout: float) -> dict[str, int]:
    """Node → time (ns) of the oldest flow its ring still holds. Raises grpc.RpcError."""
    return dict(reversed(_times(channel, FlowQuery(follow=False, first=True, number=1), timeout)))


def newest_over(channel: grpc.Channel, whitelist: Filters, blacklist: Filters, timeout: float) -> dict[str, int]:
    """Node → time (ns) of the newest flow its ring gives out, of nodes that match. Raises grpc.RpcError."""
    query = FlowQuery(whitelist=whitelist, blacklist=blacklist, follow=False, number=1)
    return dict(_times(channel, query, timeout))


def _times(channel: grpc.Channel, query: FlowQuery, timeout: float) -> list[tuple[str, int]]:
    """(node, time) of the flows asked for, oldest first."""
    asked = replace(query, mask=("time", "node_name"))
    items = _items(channel, asked, Decoder("", keep_raw=False), timeout)
    return sorted(((item.node, item.time_ns) for item in items if isinstance(item, FlowRow)), key=itemgetter(1))
