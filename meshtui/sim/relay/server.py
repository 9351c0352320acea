"""A cluster's Relay over gRPC: observer service, health and reflection, on threads of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from meshtui.hubble.pb import observer_pb2 as pb
from meshtui.hubble.pb import relay_pb2
from meshtui.sim.relay.peers import Peer, peers
from meshtui.sim.relay.ring import Ring, Template
from meshtui.sim.relay.stream import FlowStream
from meshtui.sim.world import SimCluster

STREAMS = 64
"""Calls served at once."""
SERVICE = "observer.Observer"
VERSION = (("hubble-relay-version", "1.21.0-dev"),)


def _plain(encoded: bytes) -> bytes:
    return encoded


class Observer:
    """The methods of observer.Observer."""

    def __init__(self, cluster: SimCluster) -> None:
        self._cluster = cluster

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

        def refuse(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} not implemented")
            yield b""

        return refuse

    def get_flows(self, request: pb.GetFlowsRequest, context: grpc.ServicerContext) -> Iterator[bytes]:
        """Flows of every node of the mesh."""
        context.send_initial_metadata(VERSION)
        stream = FlowStream(self._cluster, request, context.is_active)
        context.add_callback(stream.wake)
        return stream.responses()

    def get_nodes(self, request: pb.GetNodesRequest, context: grpc.ServicerContext) -> pb.GetNodesResponse:
        """All agents, reachable or not."""
        context.send_initial_metadata(VERSION)
        answer = pb.GetNodesResponse()
        now = self._cluster.world.clock.monotonic()
        for peer in peers(self._cluster):
            node = answer.nodes.add(name=peer.name, address=peer.address)
            node.tls.enabled, node.tls.server_name = True, peer.server_name
            node.state = relay_pb2.NODE_CONNECTED if peer.available else relay_pb2.NODE_UNAVAILABLE
            if peer.available:
                node.version = "cilium"
                node.uptime_ns = uptime(peer, now)
                node.num_flows, node.max_flows, node.seen_flows = len(peer.ring), peer.ring.capacity, peer.ring.seen
        return answer

    def get_namespaces(
        self, request: pb.GetNamespacesRequest, context: grpc.ServicerContext
    ) -> pb.GetNamespacesResponse:
        """Namespaces that flows were seen of, by the observing node's cluster."""
        context.send_initial_metadata(VERSION)
        seen: set[tuple[str, str]] = set()
        for peer in peers(self._cluster):
            if peer.available:
                cluster = peer.name.partition("/")[0]
                seen |= {(cluster, namespace) for namespace in _namespaces(peer.ring)}
        answer = pb.GetNamespacesResponse()
        for cluster, namespace in sorted(seen):
            answer.namespaces.add(cluster=cluster, namespace=namespace)
        return answer

    def server_status(self, request: pb.ServerStatusRequest, context: grpc.ServicerContext) -> pb.ServerStatusResponse:
        """Sums over the reachable agents; the uptime is the longest."""
        context.send_initial_metadata(VERSION)
        found = peers(self._cluster)
        up = [p for p in found if p.available]
        down = [p.name for p in found if not p.available]
        now = self._cluster.world.clock.monotonic()
        answer = pb.ServerStatusResponse(
            num_flows=sum(len(p.ring) for p in up),
            max_flows=sum(p.ring.capacity for p in up),
            seen_flows=sum(p.ring.seen for p in up),
            uptime_ns=max((uptime(p, now) for p in up), default=0),
            unavailable_nodes=down[:10],
            version="hubble-relay",
            flows_rate=sum(rate(p.ring) for p in up),
        )
        answer.num_connected_nodes.value = len(up)
        answer.num_unavailable_nodes.value = len(down)
        return answer


def uptime(peer: Peer, now: float) -> int:
    """Nanoseconds an agent has been listening."""
    return int((now - peer.ring.started) * 1e9)


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


class RelayServer:
    """The listening server of one cluster."""

    def __init__(self, cluster: SimCluster) -> None:
        self._cluster = cluster
        self._server: grpc.Server | None = None
        self.port = 0

    def start(self) -> int:
        """Listen on loopback, on the port of last time if there was one; returns it."""
        pool = futures.ThreadPoolExecutor(STREAMS, thread_name_prefix=f"relay-{self._cluster.name}")
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((Observer(self._cluster).handler(),))
        servicer = health.HealthServicer()
        servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server = server
        return self.port

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def stop(self) -> None:
        """End all calls and stop listening."""
        if self._server is not None:
            self._server.stop(grace=None).wait(2.0)
            self._server = None
