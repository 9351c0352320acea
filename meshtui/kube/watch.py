"""Follows one resource of one cluster for ever: list, watch, list again when told so, back off when it fails."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import msgspec

from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, Expired, Forbidden, MeshtuiError, NotFound
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Event
from meshtui.kube import failures
from meshtui.kube.api import PAGE, Api, object_decoder
from meshtui.kube.delivery import Deliver
from meshtui.kube.http.client import Request
from meshtui.kube.http.connection import Cut, Response, Silent
from meshtui.kube.turns import own_turn

WATCH_SECONDS = 300
IDLE_SECONDS = 75.0
"""Bookmarks come every minute: after this long without a byte the watch is opened anew where it stood."""
COALESCE_SECONDS = 0.05
SLOW_RETRY_SECONDS = 60.0
"""How often to ask again for what is absent or forbidden."""
SHORT_SECONDS = 1.0
"""A watch that ends sooner without an event is no reason to open the next at once."""
_BACKOFF_FIRST, _BACKOFF_LAST = 0.5, 30.0
_MAX_LINE = 64 * 1024 * 1024
_BATCH = 200
_CUT = (ssl.SSLError, OSError)

Emit = Callable[[Event], None]
Sleep = Callable[[float], Awaitable[None]]


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Bare(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Envelope(msgspec.Struct):
    type: str
    object: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_BARE = msgspec.json.Decoder(_Bare)


async def follow(
    api: Api,
    resource: Resource,
    emit: Emit,
    *,
    namespaces: Sequence[str] = (),
    aside: Sequence[str] = (),
    clock: Clock,
    rng: random.Random,
    sleep: Sleep = asyncio.sleep,
    once: bool = False,
) -> None:
    """Emit Listed, then Changed batches, and WatchChanged at every change of phase, until cancelled.

    Without `namespaces` the whole cluster is followed; those of them that are `aside` may be forbidden. A resource the
    cluster does not have is ABSENT when optional, a missing right is FAILED: both are asked for again every minute.
    Everything else backs off with jitter from 0.5 to 30 s and is STALE once there was a list. Raises nothing.
    With `once` the list is all that is wanted, and it ends with that.
    """
    chosen = tuple(namespaces) if resource.namespaced and namespaces else ("",)
    deliver = Deliver(api.context, resource, chosen, emit, clock, aside)
    async with asyncio.TaskGroup() as group:
        for namespace in chosen:
            group.create_task(_Follower(api, resource, namespace, deliver, clock, rng, sleep, once).run())


class _Follower:
    """One (cluster, resource, namespace): where its watch stands and how often it failed."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str,
        deliver: Deliver,
        clock: Clock,
        rng: random.Random,
        sleep: Sleep,
        once: bool,
    ) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._deliver = deliver
        self._clock = clock
        self._rng = rng
        self._sleep = sleep
        self._once = once
        self._version = ""
        self._failures = 0
        self._decoder = object_decoder(resource.struct)
        self._call = api.connection.call("watch", failures.plural(resource), namespace)

    async def run(self) -> None:
        while True:
            try:
                if not self._version:
                    items, self._version = await self._api.list_all(self._resource, self._namespace)
                    async with own_turn(len(items) >= PAGE):
                        self._deliver.listed(self._namespace, items)
                    if self._once:
                        return
                began = self._clock.monotonic()
                events = await self._watch()
                if not events and self._clock.monotonic() - began < SHORT_SECONDS:
                    await self._pause()
            except Expired:
                self._version = ""
                if self._failures:
                    await self._pause()
                self._failures += 1
            except MeshtuiError as error:
                await self._fail(error)

    async def _fail(self, error: MeshtuiError) -> None:
        self._deliver.failed(self._namespace, error)
        if isinstance(error, NotFound | Forbidden):
            self._version = ""
            await self._sleep(SLOW_RETRY_SECONDS * self._rng.uniform(0.8, 1.0))
        else:
            await self._pause()

    async def _pause(self) -> None:
        """Wait ever longer, and never in step with the other watches."""
        delay = min(_BACKOFF_LAST, _BACKOFF_FIRST * 2 ** min(self._failures, 10))
        self._failures += 1
        await self._sleep(delay * self._rng.uniform(0.5, 1.0))

    async def _watch(self) -> int:
        """One watch until the server ends it or it falls silent; how many events it brought."""
        response = await self._open()
        events = 0
        async with _Reader(response) as reader:
            self._deliver.live(self._namespace)
            try:
                while batch := await reader.next():
                    self._apply(batch)
                    self._failures = 0
                    events += len(batch)
                    await asyncio.sleep(0)
            except Silent:
                return 1
            except _CUT:
                # Load balancers cut watches; only failing to open the next one is news.
                return events
        return events

    def _apply(self, batch: list[bytes]) -> None:
        changes: dict[str, Any] = {}
        error: ClusterError | None = None
        for line in batch:
            error = self._take(line, changes)
            if error is not None:
                break
        if changes:
            self._deliver.changed(self._namespace, changes)
        if error is not None:
            raise error

    def _take(self, line: bytes, changes: dict[str, Any]) -> ClusterError | None:
        """Put one event's object into `changes`; an event that cannot be read is passed over."""
        try:
            envelope = _ENVELOPE.decode(line)
            if envelope.type == "ERROR":
                return self._error(bytes(envelope.object))
            metadata = _BARE.decode(envelope.object).metadata
            self._version = metadata.resource_version or self._version
            if envelope.type == "BOOKMARK" or not metadata.name:
                return None
            key = f"{metadata.namespace}/{metadata.name}" if metadata.namespace else metadata.name
            gone = envelope.type == "DELETED"
            changes[key] = None if gone else self._decoder.decode(envelope.object)
        except msgspec.DecodeError:
            return None
        return None

    def _error(self, body: bytes) -> ClusterError:
        """An ERROR event. Whatever it says, the watch's position cannot be trusted any more."""
        self._version = ""
        return failures.from_status(self._call, failures.status_of(body).code or 500, body)

    async def _open(self) -> Response:
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(WATCH_SECONDS * self._rng.uniform(0.8, 1.0))),
        }
        request = Request("GET", self._resource.path(self._namespace), params)
        await self._api.connection.source.headers()
        try:
            async with asyncio.timeout(self._api.request_timeout):
                response = await self._api.connection.stream(request)
                if response.status < 300:
                    return response
                try:
                    body = await response.body()
                finally:
                    response.drop()
        except TimeoutError:
            raise self._api.late(self._call) from None
        except (ssl.SSLError, OSError) as error:
            raise await self._api.connection.explain(self._call, error) from None
        raise self._api.refusal(self._call, response.status, body, response.headers.get("location", ""))


class _Reader:
    """Reads a stream's lines in a task of its own and hands them out at most twenty times a second.

    The first line after a pause is handed out at once: what a person did must not wait for company.
    """

    def __init__(self, response: Response) -> None:
        self._response = response
        self._lines: list[bytes] = []
        self._arrived = asyncio.Event()
        self._handed_out = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._pump())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            # Whoever reads may be cancelled meanwhile, and must hear of it: then its cancel is not taken for this one.
            await asyncio.gather(self._task, return_exceptions=True)
        self._response.drop()

    async def next(self) -> list[bytes]:
        """The next lines, at most 200; empty at the end of the stream. Raises what reading raised."""
        loop = asyncio.get_running_loop()
        await self._arrived.wait()
        too_soon = self._handed_out + COALESCE_SECONDS - loop.time()
        if too_soon > 0 and len(self._lines) < _BATCH:
            await asyncio.sleep(too_soon)
        self._handed_out = loop.time()
        batch, self._lines = self._lines[:_BATCH], self._lines[_BATCH:]
        if not batch and self._task is not None:
            await self._task
        if not self._lines and self._task is not None and not self._task.done():
            self._arrived.clear()
        return batch

    async def _pump(self) -> None:
        rest = bytearray()
        try:
            async for chunk in self._response.chunks(IDLE_SECONDS):
                *complete, last = chunk.split(b"\n")
                for part in complete:
                    rest += part
                    if rest:
                        self._lines.append(bytes(rest))
                        rest.clear()
                rest += last
                if len(rest) > _MAX_LINE:
                    raise Cut("an event without end")
                if self._lines:
                    self._arrived.set()
        finally:
            self._arrived.set()
