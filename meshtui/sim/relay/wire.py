"""gRPC over HTTP/2 for a Relay's handlers: grpcio's own server hands each flow between two threads, too slow for us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
FULL = 1 << 18
"""Bytes of one call that wait to be sent before its handler has to wait, too."""
PREFIX = 5
"""Bytes before each message: compressed or not, and its length."""
_log = logging.getLogger(__name__)


class Aborted(Exception):
    """A handler ended its call with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        self.code, self.details = code, details
        super().__init__(details)


class _Details(NamedTuple):
    """What grpcio's handlers choose a method by."""

    method: str
    invocation_metadata: tuple[()] = ()


class Call:
    """One call: what a handler of grpc.aio uses of its context, and its messages."""

    def __init__(self, connection: Connection, stream: int) -> None:
        self._connection = connection
        self._stream = stream
        self._received = bytearray()
        self._requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._began = False
        self._room = asyncio.Event()
        self.waiting = bytearray()
        self.status: tuple[grpc.StatusCode, str] | None = None
        self.task: asyncio.Task[None] | None = None

    async def send_initial_metadata(self, metadata: Iterable[tuple[str, str]]) -> None:
        """Send the headers; `write` does when nobody did."""
        self.begin(metadata)

    def begin(self, metadata: Iterable[tuple[str, str]] = ()) -> None:
        """Send the headers unless they were."""
        if not self._began:
            self._began = True
            self._connection.http.send_headers(self._stream, [*HEADERS, *metadata])
            self._connection.soon()

    async def write(self, message: bytes) -> None:
        """Send one message, waiting only while the client is far behind."""
        self.begin()
        self.waiting += b"\0" + len(message).to_bytes(4, "big") + message
        self._connection.soon()
        while len(self.waiting) > FULL:
            self._room.clear()
            await self._room.wait()

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None:
        """End the call with a status."""
        raise Aborted(code, details)

    def sent(self) -> None:
        """Some of what waited left."""
        if len(self.waiting) <= FULL:
            self._room.set()

    def receive(self, data: bytes) -> None:
        """Take bytes of requests."""
        self._received += data
        while len(self._received) >= PREFIX:
            end = PREFIX + int.from_bytes(self._received[1:PREFIX], "big")
            if len(self._received) < end:
                return
            self._requests.put_nowait(bytes(self._received[PREFIX:end]))
            del self._received[:end]

    def end_requests(self) -> None:
        """No request follows."""
        self._requests.put_nowait(None)

    async def requests(self, decode: Any) -> AsyncIterator[Any]:
        """The requests as they come."""
        while (data := await self._requests.get()) is not None:
            yield decode(data)

    async def run(self, method: Any) -> None:
        """Answer with a handler's method, None for one there is not."""
        try:
            if method is None:
                raise Aborted(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
            await self._answer(method)
            self.status = (grpc.StatusCode.OK, "")
        except Aborted as aborted:
            self.status = (aborted.code, aborted.details)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises ends its own call only
            _log.exception("a call failed")
            self.status = (grpc.StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")
        self.begin()
        self._connection.soon()

    async def _answer(self, method: Any) -> None:
        decode = method.request_deserializer or bytes
        encode = method.response_serializer or bytes
        if method.request_streaming:
            async for answer in method.stream_stream(self.requests(decode), self):
                await self.write(encode(answer))
            return
        data = await self._requests.get()
        if data is None:
            raise Aborted(grpc.StatusCode.INTERNAL, "no request")
        request = decode(data)
        if method.response_streaming:
            await method.unary_stream(request, _Encoding(self, encode))
        else:
            await self.write(encode(await method.unary_unary(request, self)))


class _Encoding:
    """A call whose `write` takes messages."""

    def __init__(self, call: Call, encode: Any) -> None:
        self._call = call
        self._encode = encode
        self.send_initial_metadata = call.send_initial_metadata
        self.abort = call.abort

    async def write(self, message: Any) -> None:
        await self._call.write(self._encode(message))


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._calls: dict[int, Call] = {}
        self._paused = self._due = False
        self._transport: asyncio.Transport | None = None
        self.http = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="utf-8", validate_inbound_headers=False)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(self)
        self.http.initiate_connection()
        self.soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """End all its calls."""
        self.close()

    def close(self) -> list[asyncio.Task[None]]:
        """Hang up; returns the calls that end by it."""
        if self._transport is not None:
            self._transport.abort()
        self._transport = None
        self._server.connections.discard(self)
        return [task for stream in list(self._calls) if (task := self._drop(stream))]

    def pause_writing(self) -> None:
        """The socket is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The socket has room."""
        self._paused = False
        self.soon()

    def data_received(self, data: bytes) -> None:
        """Take the client's frames."""
        try:
            for event in self.http.receive_data(data):
                self._take(event)
        except h2.exceptions.ProtocolError:
            self._flush()
            self.close()
            return
        self.soon()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            call = self._calls[event.stream_id] = Call(self, event.stream_id)
            headers: dict[Any, Any] = dict(event.headers)
            path = headers.get(":path", "")
            call.task = asyncio.get_running_loop().create_task(call.run(self._server.method(path)))
        elif isinstance(event, h2.events.DataReceived):
            self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._calls:
                self._calls[event.stream_id].receive(event.data)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self._calls:
            self._calls[event.stream_id].end_requests()
        elif isinstance(event, h2.events.StreamReset):
            self._drop(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.close()

    def _drop(self, stream: int) -> asyncio.Task[None] | None:
        call = self._calls.pop(stream, None)
        if call is None or call.task is None:
            return None
        call.task.cancel()
        return call.task

    def soon(self) -> None:
        """Send what there is once the handlers that run now have written all they had."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._send)

    def _send(self) -> None:
        self._due = False
        for stream, call in list(self._calls.items()):
            if self._paused:
                break
            self._send_call(stream, call)
        self._flush()

    def _send_call(self, stream: int, call: Call) -> None:
        at, size = 0, len(call.waiting)
        while at < size:
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size, size - at)
            if room <= 0:
                break
            self.http.send_data(stream, bytes(call.waiting[at : at + room]))
            at += room
        del call.waiting[:at]
        call.sent()
        if call.status is not None and not call.waiting:
            code, details = call.status
            trailers = [("grpc-status", str(code.value[0])), ("grpc-message", quote(details, safe=" !'()*,;:=+/<>[]"))]
            self.http.send_headers(stream, trailers, end_stream=True)
            del self._calls[stream]

    def _flush(self) -> None:
        data = self.http.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)


class Server:
    """Listens on loopback and serves handlers made for grpc.aio."""

    def __init__(self) -> None:
        self._handlers: list[Any] = []
        self._listening: asyncio.Server | None = None
        self.connections: set[Connection] = set()

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """Serve these services, too."""
        self._handlers += handlers

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """What generated code calls besides: the same methods once more."""

    def method(self, path: str) -> Any:
        """The handler of `/service/method`, or None."""
        found = (handler.service(_Details(path)) for handler in self._handlers)
        return next((method for method in found if method is not None), None)

    async def start(self, port: int) -> int:
        """Listen on a port, or any for 0; returns it."""
        loop = asyncio.get_running_loop()
        self._listening = await loop.create_server(lambda: Connection(self), "127.0.0.1", port)
        return int(self._listening.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._listening is not None:
            self._listening.close()
        ended = [task for connection in list(self.connections) for task in connection.close()]
        if ended:
            await asyncio.wait(ended)
