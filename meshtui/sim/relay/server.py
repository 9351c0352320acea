"""What a Relay answers: the observer and health services over a cluster's peers."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from meshtui.hubble.pb import observer_pb2 as pb
from meshtui.hubble.pb import relay_pb2
from meshtui.sim.builds import build
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.peers import Peer, peers
from meshtui.sim.relay.ring import Ring, Template
from meshtui.sim.relay.stream import FlowStream
from meshtui.sim.world import SimCluster

POLL = 0.02
"""Seconds between two looks at the rings while following."""
HELD_POLL = 0.2
"""Seconds between two looks at whether an agent that held up an answer is heard again."""
SERVICE, HEALTH = "observer.Observer", "grpc.health.v1.Health"
HEALTH_INTERVAL = 5.0
"""Seconds between two looks at the agents for who watches the health service."""
KNOWN = ("", "hubble.server.Observer")
"""Services that a Relay's health answers for; measured on a real 1.20."""


def _plain(encoded: bytes) -> bytes:
    return encoded


class Observer:
    """The methods of observer.Observer."""

    def __init__(self, cluster: SimCluster) -> None:
        self._cluster = cluster

    @property
    def _headers(self) -> tuple[tuple[str, str], ...]:
        """What a Relay sends before each answer."""
        return (("hubble-relay-version", build(view(self._cluster).version).version),)

    def handler(self) -> grpc.GenericRpcHandler:
        """All six methods, two of which the Relay does not implement."""
        methods = {
            "GetFlows": grpc.unary_stream_rpc_method_handler(
                self.get_flows, request_deserializer=pb.GetFlowsRequest.FromString, response_serializer=_plain
            )
        }
        for name, call in (
            ("GetNodes", self.get_nodes),
            ("GetNamespaces", self.get_namespaces),
            ("ServerStatus", self.server_status),
        ):
            request: Any = getattr(pb, f"{name}Request")
            methods[name] = grpc.unary_unary_rpc_method_handler(
                call, request_deserializer=request.FromString, response_serializer=lambda m: m.SerializeToString()
            )
        for name in ("GetAgentEvents", "GetDebugEvents"):
            methods[name] = grpc.unary_stream_rpc_method_handler(
                self.unimplemented(name), request_deserializer=_plain, response_serializer=_plain
            )
        handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(SERVICE, methods)
        return handler

    @staticmethod
    def unimplemented(name: str) -> Any:
        """What a Relay says to calls that only agents answer."""

        async def refuse(request: bytes, context: grpc.aio.ServicerContext) -> None:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} not implemented")

        return refuse

    async def get_flows(self, request: pb.GetFlowsRequest, context: grpc.aio.ServicerContext) -> None:
        """Flows of every node of the mesh."""
        await context.send_initial_metadata(self._headers)
        stream = FlowStream(self._cluster, request)
        for message in stream.begin():
            await context.write(message)
        while stream.following:
            await asyncio.sleep(POLL)
            for message in stream.poll():
                await context.write(message)
        for message in stream.end():
            await context.write(message)

    async def _heard(self) -> None:
        """Wait for every agent's own answer: one that is silent holds up the whole, until the client gives up."""
        while True:
            if not any(peer.held for peer in peers(self._cluster)):
                return
            await asyncio.sleep(HELD_POLL)

    async def get_nodes(self, request: pb.GetNodesRequest, context: grpc.aio.ServicerContext) -> pb.GetNodesResponse:
        """All agents, reachable or not."""
        await context.send_initial_metadata(self._headers)
        await self._heard()
        answer = pb.GetNodesResponse()
        found = peers(self._cluster)
        now = self._cluster.world.clock.monotonic()
        for peer in found:
            node = answer.nodes.add(name=peer.name, address=peer.address)
            node.tls.enabled, node.tls.server_name = True, peer.server_name
            node.state = relay_pb2.NODE_CONNECTED if peer.available else relay_pb2.NODE_UNAVAILABLE
            if peer.available:
                node.version = peer.version
                node.uptime_ns = uptime(peer, now)
                node.num_flows, node.max_flows, node.seen_flows = len(peer.ring), peer.ring.capacity, peer.ring.flows
        return answer

    async def get_namespaces(
        self, request: pb.GetNamespacesRequest, context: grpc.aio.ServicerContext
    ) -> pb.GetNamespacesResponse:
        """Namespaces that flows were seen of, by the observing node's cluster."""
        await context.send_initial_metadata(self._headers)
        await self._heard()
        seen: set[tuple[str, str]] = set()
        for peer in peers(self._cluster):
            if peer.available:
                cluster = peer.name.partition("/")[0]
                seen |= {(cluster, namespace) for namespace in _namespaces(peer.ring)}
        answer = pb.GetNamespacesResponse()
        for cluster, namespace in sorted(seen):
            answer.namespaces.add(cluster=cluster, namespace=namespace)
        return answer

    async def server_status(
        self, request: pb.ServerStatusRequest, context: grpc.aio.ServicerContext
    ) -> pb.ServerStatusResponse:
        """Sums over the reachable agents; the uptime is the longest."""
        await context.send_initial_metadata(self._headers)
        await self._heard()
        found = peers(self._cluster)
        up = [p for p in found if p.available]
        down = [p.name for p in found if not p.available]
        now = self._cluster.world.clock.monotonic()
        answer = pb.ServerStatusResponse(
            num_flows=sum(len(p.ring) for p in up),
            max_flows=sum(p.ring.capacity for p in up),
            seen_flows=sum(p.ring.flows for p in up),
            uptime_ns=max((uptime(p, now) for p in up), default=0),
            unavailable_nodes=down[:10],
            version=build(view(self._cluster).version).hubble("hubble-relay"),
            flows_rate=sum(rate(p.ring) for p in up),
        )
        answer.num_connected_nodes.value = len(up)
        answer.num_unavailable_nodes.value = len(down)
        return answer


def uptime(peer: Peer, now: float) -> int:
    """Nanoseconds an agent has been listening, of which there are never fewer than none."""
    return max(0, int((now - peer.ring.started) * 1e9))


def rate(ring: Ring) -> float:
    """Flows per second over the last minute of a ring."""
    events, _ = ring.all()
    if len(events) < 2:
        return 0.0
    newest = events[-1].time_ns
    recent = [e for e in events if newest - e.time_ns <= 60_000_000_000]
    span = (newest - recent[0].time_ns) / 1e9
    return len(recent) / span if span > 0 else 0.0


def _namespaces(ring: Ring) -> set[str]:
    events, _ = ring.all()
    templates = {id(e.what): e.what for e in events if isinstance(e.what, Template)}
    found = {n for t in templates.values() for n in (t.flow.source.namespace, t.flow.destination.namespace)}
    return found - {""}


def health(cluster: SimCluster) -> grpc.GenericRpcHandler:
    """grpc.health.v1.Health as a Relay has it: for itself and for its observer, SERVING while any agent is reached."""

    def status() -> Any:
        kinds = health_pb2.HealthCheckResponse
        up = any(p.available for p in peers(cluster))
        return kinds(status=kinds.SERVING if up else kinds.NOT_SERVING)

    async def check(request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> Any:
        if request.service not in KNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return status()

    async def watch(request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> None:
        unknown = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        told = None
        while True:
            now = status() if request.service in KNOWN else unknown
            if now != told:
                told = now
                await context.write(now)
            await asyncio.sleep(HEALTH_INTERVAL)

    codec: dict[str, Any] = {
        "request_deserializer": health_pb2.HealthCheckRequest.FromString,
        "response_serializer": health_pb2.HealthCheckResponse.SerializeToString,
    }
    methods = {
        "Check": grpc.unary_unary_rpc_method_handler(check, **codec),
        "Watch": grpc.unary_stream_rpc_method_handler(watch, **codec),
    }
    handler: grpc.GenericRpcHandler = grpc.method_handlers_generic_handler(HEALTH, methods)
    return handler
