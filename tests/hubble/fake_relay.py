"""A Relay for tests: answers what it is told to, over a unix socket or a TCP port, and can be killed and revived."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from meshtui.core.clock import Clock
from meshtui.hubble.pb import flow_pb2, observer_pb2, relay_pb2
from tests.waiting import GUARD

NODE = "koornacht/worker"


def flow(number: int, **fields: Any) -> observer_pb2.GetFlowsResponse:
    """A flow with the uuid `u<number>`, `number` seconds after the epoch's second billion."""
    response = observer_pb2.GetFlowsResponse(node_name=NODE)
    response.time.seconds = 1_000_000_000 + number
    response.flow.CopyFrom(flow_pb2.Flow(uuid=f"u{number}", node_name=NODE, verdict=2, **fields))
    response.flow.time.CopyFrom(response.time)
    return response


def connected(*names: str) -> observer_pb2.GetFlowsResponse:
    """What a Relay says first."""
    status = relay_pb2.NodeStatusEvent(state_change=1, node_names=names)
    return observer_pb2.GetFlowsResponse(node_status=status)


class FakeRelay(grpc.GenericRpcHandler):
    """Holds `ring` and sends what `push` adds. Requests are kept in `requests`, those followed now in `followed`."""

    def __init__(self, address: str, credentials: grpc.ServerCredentials | None = None) -> None:
        self.address = address
        self.credentials = credentials
        self.requests: list[observer_pb2.GetFlowsRequest] = []
        self.followed: list[observer_pb2.GetFlowsRequest] = []
        self.ring: list[observer_pb2.GetFlowsResponse] = []
        self.peers = 2
        self.states = {NODE: relay_pb2.NODE_CONNECTED, "tion/gone": relay_pb2.NODE_UNAVAILABLE}
        self.seen = 0
        self.healthy = True
        self.held_up = threading.Event()
        """Set while a peer that cannot be reached holds up what is asked of all peers."""
        self.refuse: Callable[[observer_pb2.GetFlowsRequest], tuple[grpc.StatusCode, str] | None] = lambda _: None
        self.changed = threading.Condition()
        self.server: Any = None

    def start(self) -> str:
        self.server = grpc.server(ThreadPoolExecutor(8), handlers=[self])
        if self.credentials:
            port = self.server.add_secure_port(self.address, self.credentials)
        else:
            port = self.server.add_insecure_port(self.address)
        self.server.start()
        if not self.address.startswith("unix:"):
            self.address = f"127.0.0.1:{port}"
        return self.address

    def kill(self) -> None:
        server, self.server = self.server, None
        if server is None:
            return
        with self.changed:
            self.changed.notify_all()
        server.stop(None).wait()

    def push(self, *responses: observer_pb2.GetFlowsResponse) -> None:
        with self.changed:
            self.ring += responses
            self.changed.notify_all()

    def wait(self, answer: bytes) -> bytes:
        while self.held_up.is_set() and self.server is not None:
            with self.changed:
                self.changed.wait(0.05)
        return answer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        if details.method == "/observer.Observer/ServerStatus":
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: self.wait(self.status()))
        if details.method == "/observer.Observer/GetNodes":
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: self.wait(self.nodes()))
        if details.method == "/grpc.health.v1.Health/Check" and self.healthy:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")
        if details.method == "/observer.Observer/GetFlows":
            return grpc.unary_stream_rpc_method_handler(
                self.flows,
                request_deserializer=observer_pb2.GetFlowsRequest.FromString,
                response_serializer=lambda m: m.SerializeToString(),
            )
        return None

    def status(self) -> bytes:
        answer = observer_pb2.ServerStatusResponse(num_flows=len(self.ring), version="hubble-relay v1.21")
        answer.num_connected_nodes.value = self.peers
        answer.num_unavailable_nodes.value = 0
        return answer.SerializeToString()

    def nodes(self) -> bytes:
        answer = observer_pb2.GetNodesResponse()
        for name, state in self.states.items():
            answer.nodes.add(name=name, state=state, seen_flows=self.seen, uptime_ns=7)
        return answer.SerializeToString()

    def after(self, at: int) -> list[observer_pb2.GetFlowsResponse]:
        with self.changed:
            self.changed.wait_for(lambda: len(self.ring) > at or self.server is None, timeout=0.2)
            return self.ring[at:]

    def flows(
        self, request: observer_pb2.GetFlowsRequest, context: grpc.ServicerContext
    ) -> Iterator[observer_pb2.GetFlowsResponse]:
        at = len(self.ring)
        self.requests.append(request)
        if refusal := self.refuse(request):
            context.abort(*refusal)
        since = request.since.ToNanoseconds() if request.HasField("since") else None
        yield connected(NODE)
        if request.first:
            yield from [r for r in self.ring if r.HasField("flow")][: request.number or None]
            return
        if not request.follow:
            yield from self.ring[-request.number :]
            return
        at = at if since is None else 0
        self.followed.append(request)
        try:
            while context.is_active() and self.server is not None:
                batch = self.after(at)
                for response in batch:
                    if since is None or response.time.ToNanoseconds() >= since or not response.HasField("flow"):
                        yield response
                at += len(batch)
        finally:
            self.followed.remove(request)


class Collected:
    """Gathers what a stream delivers, and waits for a condition with a deadline."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self.batches: list[int] = []
        self.statuses: list[Any] = []
        self.changed = threading.Condition()

    def deliver(self, rows: Sequence[Any]) -> None:
        with self.changed:
            self.rows += rows
            self.batches.append(len(rows))
            self.changed.notify_all()

    def status(self, status: Any) -> None:
        with self.changed:
            self.statuses.append(status)
            self.changed.notify_all()

    def until(self, condition: Callable[[], Any]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, GUARD), (len(self.rows), self.statuses[-3:])


class FixedWall(Clock):
    """A wall clock that stands where the test puts it, with a real monotonic time."""

    def __init__(self, now: float) -> None:
        self.wall = now

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        import time

        return time.monotonic()
