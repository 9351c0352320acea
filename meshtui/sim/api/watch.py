"""Watch: a stream of events from a version on, with bookmarks and the refusals of the real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from meshtui.sim.api import selectors
from meshtui.sim.api.errors import ApiError, internal
from meshtui.sim.api.faults import down, thawed
from meshtui.sim.api.read import full, partial
from meshtui.sim.api.registry import storage
from meshtui.sim.api.request import Request
from meshtui.sim.api.tables import Shape, table_of
from meshtui.sim.store import Compacted, Entry, Event, Watcher
from meshtui.sim.world import SimCluster

BOOKMARK_EVERY = 60.0
LOOK_EVERY = 0.5
"""Seconds after which a quiet watch notices that its server is down."""
DEFAULT_TIMEOUT = 2400.0
_NO_PROGRESS = (
    "a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled"
)


class Watch:
    """One watch request: which events it passes on, and how they are written."""

    def __init__(
        self, cluster: SimCluster, ask: Request, query: Mapping[str, str], shape: Shape, now: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._resource = ask.resource
        self._gvr = storage(ask.resource)
        self._namespace = ask.namespace
        self._name = ask.name
        self._query = query
        self._shape = shape
        self._now = now
        self._headers = True
        self._labels = selectors.labels(query.get("labelSelector", ""))
        self._fields = selectors.fields(
            query.get("fieldSelector", ""),
            ask.resource.plural,
            ask.resource.group_version,
            ask.resource.kind,
        )
        self._bookmarks = query.get("allowWatchBookmarks") in ("1", "true")
        self._timeout = float(query.get("timeoutSeconds") or DEFAULT_TIMEOUT)

    async def lines(self) -> AsyncIterator[bytes]:
        """Events as lines of JSON, until the timeout or an ERROR event."""
        if self._query.get("sendInitialEvents") in ("1", "true"):
            error = ApiError(500, "InternalError", _NO_PROGRESS)
            yield _line("ERROR", msgspec.json.encode(error.status()))
            return
        watcher = self._store.watch(self._gvr)
        try:
            for line in self._backlog():
                yield line
            async for line in self._follow(watcher):
                yield line
        except Compacted as error:
            yield _line("ERROR", msgspec.json.encode(ApiError(410, "Expired", str(error)).status()))
        finally:
            self._store.unwatch(self._gvr, watcher)

    def _backlog(self) -> list[bytes]:
        """What comes first: events since the version asked for, or everything there is."""
        text = self._query.get("resourceVersion", "")
        if text and not text.isdigit():
            raise internal(f"strconv.ParseUint: parsing {text!r}: invalid syntax")
        if int(text or 0) == 0:
            entries = self._store.entries(self._gvr, self._namespace or None)
            return [self._event("ADDED", e) for e in entries if self._wants(e)]
        if self._storm():
            raise Compacted(int(text), self._store.rv)
        events = self._store.since(self._gvr, int(text))
        return [line for event in events for line in self._told(event)]

    def _storm(self) -> bool:
        """Whether an injected fault lets every watch expire."""
        faults = self._cluster.world.faults
        return bool(faults.storm(self._cluster.name))

    async def _follow(self, watcher: Watcher) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout
        bookmark = loop.time() + BOOKMARK_EVERY
        while True:
            while watcher.events:
                for line in self._told(watcher.events.popleft()):
                    yield line
            if watcher.expired:
                raise Compacted(max(self._store.rv - 1, 0), self._store.rv)
            watcher.wake.clear()
            left = min(end, bookmark, loop.time() + LOOK_EVERY) - loop.time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watcher.wake.wait(), max(left, 0.0))
            if down(self._cluster):
                raise ConnectionResetError("the API server is down")
            await thawed(self._cluster)
            if watcher.events or loop.time() < min(end, bookmark):
                continue
            if self._bookmarks:
                yield self._bookmark()
            if loop.time() >= end:
                return
            bookmark = loop.time() + BOOKMARK_EVERY

    def _wants(self, entry: Entry) -> bool:
        if self._namespace and entry.key[0] != self._namespace:
            return False
        if self._name and entry.key[1] != self._name:
            return False
        if self._labels and not self._labels(entry.obj):
            return False
        return not self._fields or self._fields(entry.obj)

    def _told(self, event: Event) -> list[bytes]:
        """An event as the selectors see it: an object that starts to match is ADDED to them."""
        now = self._wants(event.entry)
        before = event.old is not None and self._wants(event.old)
        if event.type == "DELETED":
            return [self._event("DELETED", event.entry)] if before else []
        if now:
            return [self._event("MODIFIED" if before else "ADDED", event.entry)]
        return [self._event("DELETED", event.entry)] if before else []

    def _event(self, kind: str, entry: Entry) -> bytes:
        if self._shape.kind == "Table":
            table = table_of(self._resource, [entry], self._shape, self._now(), str(entry.rv), headers=self._headers)
            self._headers = False
            return _line(kind, msgspec.json.encode(table))
        if self._shape.kind:
            return _line(kind, msgspec.json.encode(partial(entry)))
        return _line(kind, full(entry, self._resource))

    def _bookmark(self) -> bytes:
        obj: dict[str, Any] = {
            "kind": self._resource.kind,
            "apiVersion": self._resource.group_version,
            "metadata": {"resourceVersion": str(self._store.rv), "creationTimestamp": None},
        }
        if self._shape.kind == "Table":
            return _line("BOOKMARK", msgspec.json.encode(self._empty_table(obj)))
        return _line("BOOKMARK", msgspec.json.encode(obj))

    def _empty_table(self, obj: dict[str, Any]) -> dict[str, Any]:
        entry = Entry(("", ""), obj, self._store.rv)
        table = table_of(self._resource, [], self._shape, self._now(), str(entry.rv), headers=False)
        table["rows"] = [{"cells": [], "object": obj}]
        return table


def _line(kind: str, body: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), body)
