"""Relays' gRPC servers, on an event loop in a thread of its own so that no stream holds up the API servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from meshtui.sim.relay.server import HEALTH, SERVICE, Observer, health
from meshtui.sim.relay.wire import Server
from meshtui.sim.world import SimCluster

T = TypeVar("T")
PATIENCE = 10.0


class RelayLoop:
    """The thread all Relays of a world are served from."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread
        self._users = 0

    def _begin(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="relays", daemon=True)
        self._thread.start()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def enter(self) -> None:
        """One more server; the first starts the thread."""
        self._users += 1
        if self._users == 1:
            self._begin()

    def leave(self) -> None:
        """One server less; the last ends the thread."""
        self._users -= 1
        if not self._users:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class RelayServer:
    """The listening server of one cluster."""

    def __init__(self, cluster: SimCluster, loop: RelayLoop) -> None:
        self._cluster = cluster
        self._loop = loop
        self._server: Server | None = None
        self.port = cluster.relay_port
        """The port of last time, so that who knows it finds the next Relay there, too."""

    def open(self) -> int:
        """Begin to serve; returns the port."""
        self._loop.enter()
        return self.start()

    def start(self) -> int:
        """Listen on loopback, on the port of last time if there was one; returns it."""
        return self._loop.call(self._start())

    async def _start(self) -> int:
        server = Server()
        server.add_generic_rpc_handlers((Observer(self._cluster).handler(), health(self._cluster)))
        services = reflection.aio.ReflectionServicer((SERVICE, HEALTH, reflection.SERVICE_NAME))
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(services, server)
        self.port = await server.start(self.port)
        self._server = server
        return self.port

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def stop(self) -> None:
        """End all calls and stop listening."""
        if self._server is not None:
            self._loop.call(self._server.stop())
            self._server = None

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._loop.leave()
