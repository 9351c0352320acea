"""A pod's port as a local unix socket that gRPC can dial: one WebSocket per connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable

from meshtui.core.errors import ClusterError, MeshtuiError, NotFound, Unreachable
from meshtui.core.model.objects import Endpoint, EndpointSlice, Service, ServicePort
from meshtui.core.model.resources import ENDPOINTSLICES, PODS, SERVICES
from meshtui.core.model.slices import SERVICE_NAME
from meshtui.core.text import clean
from meshtui.kube.api import Api
from meshtui.kube.channels import dial
from meshtui.kube.http.websocket import WebSocket

_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_CHUNK = 64 * 1024


class _Forward:
    """The listener's state: the dialled spare connection, and what went wrong last."""

    def __init__(
        self, api: Api, namespace: str, pod: str, port: int, failed: Callable[[MeshtuiError], None] | None
    ) -> None:
        self.call = api.connection.call("create", "pods/portforward", namespace, pod)
        self._api = api
        self._path = PODS.path(namespace, pod, "portforward")
        self._port = port
        self._failed = failed
        self._spare: WebSocket | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._closed = False

    async def dial(self) -> WebSocket:
        return await dial(self._api, self.call, self._path, [("ports", str(self._port))], [_PROTOCOL])

    async def prepare(self) -> None:
        """Dial once before anyone connects: a missing pod or right is an error at once, not a dead socket."""
        self._spare = await self.dial()

    async def close(self) -> None:
        self._closed = True
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._spare is not None:
            await self._spare.close()

    def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._closed:  # it was accepted while the listener was being closed
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        # A task that is cancelled before its first step never comes to its `finally`.
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spare, self._spare = self._spare, None
        try:
            connection = spare if spare is not None and spare.open else await self.dial()
            await self._bridge(connection, reader, writer)
        except MeshtuiError as error:
            if self._failed is not None:
                self._failed(error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _bridge(self, connection: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Both directions until either ends; raises what the error channel says."""
        up = asyncio.create_task(_upstream(connection, reader))
        down = asyncio.create_task(self._downstream(connection, writer))
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            await connection.close()

    async def _downstream(self, connection: WebSocket, writer: asyncio.StreamWriter) -> None:
        headers = {_DATA, _ERROR}
        with contextlib.suppress(ConnectionError):
            async for data in connection:
                if not data:
                    continue
                channel = data[0]
                if channel in headers:
                    # The first frame of each channel repeats the port, two bytes little endian.
                    headers.discard(channel)
                elif channel == _DATA:
                    writer.write(data[1:])
                    await writer.drain()
                elif channel == _ERROR:
                    raise self._error(data[1:])

    def _error(self, text: bytes) -> ClusterError:
        cause = self.call.secrets.words(text, 400)
        return self.call.fail(Unreachable, cause, f"does the container listen on port {self._port}?")


async def _upstream(connection: WebSocket, reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK):
            await connection.send(bytes([_DATA]) + chunk)


@contextlib.asynccontextmanager
async def forward(
    api: Api, namespace: str, pod: str, port: int, *, failed: Callable[[MeshtuiError], None] | None = None
) -> AsyncIterator[str]:
    """Yield `unix:/dir/sock`, in a directory only this user can enter, as long as the block lasts.

    Raises the typed error of a refused handshake before yielding; `failed` is told of every connection that
    breaks later (Unreachable with the kubelet's words when nothing listens on the port).
    """
    state = _Forward(api, namespace, pod, port, failed)
    await state.prepare()
    try:
        folder = tempfile.mkdtemp(prefix="meshtui-")
        path = os.path.join(folder, "sock")
        try:
            server = await asyncio.start_unix_server(state.accepted, path)
            try:
                yield f"unix:{path}"
            finally:
                await _stop(server)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        await state.close()


async def _stop(server: asyncio.Server) -> None:
    """Python 3.11 forgets a connection that it accepted and has not handed over yet when its listener is closed."""
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    try:
        await asyncio.sleep(0)
    finally:
        server.close()


async def resolve_service_pod(api: Api, namespace: str, service: str, port: str | int | None = None) -> tuple[str, int]:
    """A ready pod behind a Service and the port its container listens on.

    `port` is a name or number of the Service's ports; None takes its first. Raises NotFound when the Service, the
    port or a ready pod is missing.
    """
    label = f"{SERVICE_NAME}={service}"
    found: Service
    found, (slices, _) = await asyncio.gather(
        api.get(SERVICES, service, namespace), api.list_all(ENDPOINTSLICES, namespace, label_selector=label)
    )
    wanted = _service_port(api, found, port)
    choices = sorted(
        (endpoint.target_ref.name, number)
        for entry in slices.values()
        if (number := _slice_port(entry, wanted)) is not None
        for endpoint in entry.endpoints or ()
        if _usable(endpoint) and endpoint.target_ref is not None
    )
    if not choices:
        raise _nothing(api, namespace, service, "it has no ready pod", f"kubectl -n {namespace} get pods -o wide")
    return choices[0]


def _service_port(api: Api, service: Service, port: str | int | None) -> ServicePort:
    ports = service.spec.ports or ()
    for candidate in ports:
        if port is None or port in {candidate.name, candidate.port} or str(port) == str(candidate.port):
            return candidate
    known = ", ".join(clean(f"{each.name or '-'}:{each.port}") for each in ports) or "none"
    raise _nothing(api, service.namespace, service.name, f"it has no port {port}", f"its ports: {known}")


def _slice_port(entry: EndpointSlice, wanted: ServicePort) -> int | None:
    for port in entry.ports or ():
        if (port.name or "") == wanted.name and port.protocol == wanted.protocol:
            return port.port
    return None


def _usable(endpoint: Endpoint) -> bool:
    kind = endpoint.target_ref.kind if endpoint.target_ref else ""
    return endpoint.conditions.ready is not False and kind == "Pod"


def _nothing(api: Api, namespace: str, service: str, cause: str, hint: str) -> NotFound:
    return NotFound(
        clean(f"{api.context}: cannot forward to service {namespace}/{service}"),
        context=api.context,
        verb="get",
        resource="services",
        cause=clean(cause),
        hint=clean(hint),
    )
