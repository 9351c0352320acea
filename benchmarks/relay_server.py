"""A Relay that sends recorded flows as fast as they are read, or at a given pace: HTTP/2 fed by hand, little CPU.

Run as a child process: `python benchmarks/relay_server.py COUNT [RATE [SEED]]` prints its port.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
import uuid
from pathlib import Path
from random import Random

import h2.config
import h2.connection
import h2.events

from meshtui.hubble.pb import observer_pb2

RECORDED = Path(__file__).resolve().parents[1] / "tests" / "recordings" / "protocol" / "getflows.delimited.bin"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]
_CONNECTION_FLOWS = 10
"""Flows of one connection share its port, as real ones do."""


def frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def messages(count: int, seed: int = 7) -> list[bytes]:
    """`count` distinct flows made of the recorded ones: own uuid, own time, a port per connection."""
    data, at = RECORDED.read_bytes(), 0
    recorded = []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        response = observer_pb2.GetFlowsResponse.FromString(data[at + 4 : at + 4 + size])
        if response.HasField("flow"):
            recorded.append(response)
        at += 4 + size
    rng = Random(seed)
    start = time.time_ns()
    made = []
    for number in range(count):
        response = recorded[number % len(recorded)]
        flow = response.flow
        flow.uuid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        flow.time.FromNanoseconds(start + number * 20_000)
        response.time.CopyFrom(flow.time)
        if flow.l4.HasField("TCP"):
            flow.l4.TCP.source_port = 1024 + number // _CONNECTION_FLOWS % 60_000
        made.append(frame(response.SerializeToString()))
    return made


class Connection(threading.Thread):
    """Serves one client; its GetFlows calls one after the other."""

    def __init__(self, sock: socket.socket, flows: list[bytes], rate: float) -> None:
        super().__init__(daemon=True)
        self.sock, self.flows, self.rate = sock, flows, rate
        self.asked: dict[int, tuple[str, bytearray]] = {}
        """Stream → path and body of a question that is not complete."""
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, validate_inbound_headers=False)
        )

    def run(self) -> None:
        self.h2.initiate_connection()
        self.sock.sendall(self.h2.data_to_send())
        try:
            while self.receive():
                pass
        except (OSError, h2.exceptions.H2Error):
            pass
        finally:
            self.sock.close()

    def receive(self) -> bool:
        data = self.sock.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.asked[event.stream_id] = (dict(event.headers)[b":path"].decode(), bytearray())
            elif isinstance(event, h2.events.DataReceived):
                self.asked[event.stream_id][1].extend(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self.answer(event.stream_id, *self.asked.pop(event.stream_id))
        self.sock.sendall(self.h2.data_to_send())
        return True

    def answer(self, stream: int, path: str, body: bytearray) -> None:
        self.h2.send_headers(stream, HEADERS)
        if path.endswith("GetFlows"):
            asked = observer_pb2.GetFlowsRequest.FromString(bytes(body[5:]))
            self.send_flows(stream, 0 if asked.follow else asked.number)
        elif path.endswith("GetNodes"):
            self.h2.send_data(stream, frame(b""))
        else:
            status = observer_pb2.ServerStatusResponse(version="benchmark")
            status.num_connected_nodes.value = 1
            self.h2.send_data(stream, frame(status.SerializeToString()))
        self.h2.send_headers(stream, TRAILERS, end_stream=True)
        self.sock.sendall(self.h2.data_to_send())

    def send_flows(self, stream: int, last: int) -> None:
        if last:
            self.send(stream, memoryview(b"".join(self.flows[-last:])))
        elif not self.rate:
            self.send(stream, memoryview(b"".join(self.flows)))
        else:
            self.send_paced(stream)

    def send_paced(self, stream: int) -> None:
        start = time.perf_counter()
        for number, message in enumerate(self.flows):
            ahead = start + number / self.rate - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            self.send(stream, memoryview(message))

    def send(self, stream: int, data: memoryview) -> None:
        while data:
            window = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if window <= 0:
                self.sock.sendall(self.h2.data_to_send())
                if not self.receive():
                    raise OSError("client left")
                continue
            self.h2.send_data(stream, bytes(data[:window]))
            data = data[window:]
            self.sock.sendall(self.h2.data_to_send())


def main() -> None:
    count = int(sys.argv[1])
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    flows = messages(count, int(sys.argv[3]) if len(sys.argv) > 3 else 7)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Connection(sock, flows, rate).start()


if __name__ == "__main__":
    main()
