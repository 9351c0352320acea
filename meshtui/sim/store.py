"""One cluster's objects as plain JSON dicts, with resourceVersions, a bounded history and watchers."""

from __future__ import annotations

import asyncio
import random
import uuid
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from meshtui.sim.clock import SimClock, timestamp

GVR = tuple[str, str]
"""(group, plural): `("", "services")`, `("cilium.io", "ciliumnetworkpolicies")`."""
Object = dict[str, Any]
Key = tuple[str, str]
Callback = Callable[[str, GVR, Object, "Object | None"], None]
HISTORY = 4000
_encoder = msgspec.json.Encoder()


class Exists(Exception):
    """An object with that name is there already."""


class Missing(Exception):
    """No object with that name."""


class Compacted(Exception):
    """The history no longer reaches back to `asked`; `oldest` is the first version it has."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")
        self.asked = asked
        self.oldest = oldest


class Entry:
    """One version of one object, with its JSON encoded once and kept."""

    __slots__ = ("_bare", "key", "obj", "rv")

    def __init__(self, key: Key, obj: Object, rv: int) -> None:
        self.key = key
        self.obj = obj
        self.rv = rv
        self._bare: bytes | None = None

    @property
    def bare(self) -> bytes:
        """JSON without kind and apiVersion, as built-in lists carry items."""
        if self._bare is None:
            rest = {k: v for k, v in self.obj.items() if k not in ("kind", "apiVersion")}
            self._bare = _encoder.encode(rest)
        return self._bare

    @property
    def full(self) -> bytes:
        """JSON with kind and apiVersion first."""
        kind, version = self.obj.get("kind", ""), self.obj.get("apiVersion", "")
        return b'{"kind":"%s","apiVersion":"%s",' % (kind.encode(), version.encode()) + self.bare[1:]


Entries = list[Entry]
Objects = list[Object]


@dataclass(frozen=True, slots=True)
class Event:
    """One change: ADDED, MODIFIED or DELETED; `old` is what was there before."""

    type: str
    rv: int
    entry: Entry
    old: Entry | None


Events = list[Event]


class Watcher:
    """Events of one resource for one watch connection, in order, as they happen."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.wake = asyncio.Event()
        self.expired = False

    def push(self, event: Event) -> None:
        """Hand over one event."""
        self.events.append(event)
        self.wake.set()

    def expire(self) -> None:
        """End the watch with a 410."""
        self.expired = True
        self.wake.set()


@dataclass(slots=True)
class _Table:
    """All objects of one resource."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    history: deque[Event] = field(default_factory=lambda: deque(maxlen=HISTORY))
    forgotten: int = 0
    """Version of the newest event that is no longer in the history."""
    watchers: list[Watcher] = field(default_factory=list)


class Store:
    """One cluster's objects. Dicts it returns are its own: copy before changing."""

    def __init__(self, clock: SimClock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._tables: dict[GVR, _Table] = {}
        self._callbacks: list[Callback] = []
        self._pending: deque[tuple[str, GVR, Object, Object | None]] = deque()
        self._notifying = False
        self._base = 0
        self.rv = 1

    def load(self, gvr: GVR, objects: Iterable[Object]) -> None:
        """Put initial objects, keeping the versions and uids they were recorded with."""
        table = self._table(gvr)
        made = timestamp(self._clock.now())
        for obj in objects:
            meta = obj.setdefault("metadata", {})
            recorded = str(meta.get("resourceVersion", ""))
            rv = int(recorded) if recorded.isdigit() else self.rv + 1
            self.rv = max(self.rv, rv)
            meta["resourceVersion"] = str(rv)
            self._identify(meta, made)
            key = (meta.get("namespace", ""), meta["name"])
            table.entries[key] = Entry(key, obj, rv)
        table.keys = sorted(table.entries)
        self._base = self.rv

    def resources(self) -> list[GVR]:
        """Resources that have or had objects."""
        return list(self._tables)

    def get(self, gvr: GVR, ns: str, name: str) -> Object | None:
        """One object, or None. `ns` is empty for cluster-scoped ones."""
        entry = self.entry(gvr, ns, name)
        return entry.obj if entry else None

    def entry(self, gvr: GVR, ns: str, name: str) -> Entry | None:
        """One object's current version, or None."""
        table = self._tables.get(gvr)
        return table.entries.get((ns, name)) if table else None

    def list(self, gvr: GVR, ns: str | None = None) -> Objects:
        """Objects in order of namespace and name; of all namespaces when `ns` is None."""
        return [entry.obj for entry in self.entries(gvr, ns)]

    def entries(self, gvr: GVR, ns: str | None = None) -> Entries:
        """Current versions in order of namespace and name."""
        table = self._tables.get(gvr)
        if table is None:
            return []
        keys = table.keys
        if ns:
            keys = keys[bisect_left(keys, (ns, "")) : bisect_right(keys, (ns, "\U0010ffff"))]
        return [table.entries[key] for key in keys]

    def entries_at(self, gvr: GVR, ns: str | None, rv: int) -> Entries:
        """Versions as they were at `rv`, by undoing what came after. Raises Compacted."""
        later = self.since(gvr, rv)
        if not later:
            return self.entries(gvr, ns)
        was = {entry.key: entry for entry in self.entries(gvr, ns)}
        for event in reversed(later):
            if ns and event.entry.key[0] != ns:
                continue
            if event.old is None:
                was.pop(event.entry.key, None)
            else:
                was[event.entry.key] = event.old
        return [was[key] for key in sorted(was)]

    def create(self, gvr: GVR, obj: Object) -> Object:
        """Add an object, giving it uid, creationTimestamp and version. Raises Exists."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        if self.entry(gvr, *key):
            raise Exists(meta["name"])
        self._identify(meta, timestamp(self._clock.now()))
        return self._commit("ADDED", gvr, key, obj, None)

    def update(self, gvr: GVR, obj: Object) -> Object:
        """Replace an object; nothing happens when it is equal to what is there. Raises Missing."""
        meta = obj["metadata"]
        key = (meta.get("namespace", ""), meta["name"])
        old = self.entry(gvr, *key)
        if old is None:
            raise Missing(meta["name"])
        meta["resourceVersion"] = old.obj["metadata"]["resourceVersion"]
        if "generation" in old.obj["metadata"]:
            grown = any(old.obj.get(field) != obj.get(field) for field in ("spec", "endpoints", "ports"))
            meta["generation"] = old.obj["metadata"]["generation"] + (1 if grown else 0)
        if obj == old.obj:
            return old.obj
        return self._commit("MODIFIED", gvr, key, obj, old)

    def delete(self, gvr: GVR, ns: str, name: str) -> Object:
        """Remove an object for good and return its last version. Raises Missing."""
        old = self.entry(gvr, ns, name)
        if old is None:
            raise Missing(name)
        last = {**old.obj, "metadata": dict(old.obj["metadata"])}
        return self._commit("DELETED", gvr, old.key, last, old)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call back `(type, gvr, obj, old)` for every change, in order; returns how to stop it."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def since(self, gvr: GVR, rv: int) -> Events:
        """Events after `rv`. Raises Compacted when the history does not reach back."""
        table = self._table(gvr)
        oldest = max(self._base, table.forgotten)
        if rv < oldest:
            raise Compacted(rv, oldest)
        found = []
        for event in reversed(table.history):
            if event.rv <= rv:
                break
            found.append(event)
        found.reverse()
        return found

    def watch(self, gvr: GVR) -> Watcher:
        """A watcher that gets every event from now on; hand it to `unwatch` when done."""
        watcher = Watcher()
        self._table(gvr).watchers.append(watcher)
        return watcher

    def unwatch(self, gvr: GVR, watcher: Watcher) -> None:
        """Forget a watcher."""
        self._tables[gvr].watchers.remove(watcher)

    def compact(self) -> None:
        """Forget all history and end every watch with 410, as an overloaded etcd would."""
        for table in self._tables.values():
            table.history.clear()
            table.forgotten = self.rv
            for watcher in table.watchers:
                watcher.expire()

    def new_uid(self) -> str:
        """A uid from the seeded randomness."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _identify(self, meta: Object, made: str) -> None:
        if "uid" not in meta:
            meta["uid"] = self.new_uid()
        meta.setdefault("creationTimestamp", made)

    def _table(self, gvr: GVR) -> _Table:
        found = self._tables.get(gvr)
        if found is None:
            found = self._tables[gvr] = _Table()
        return found

    def _commit(self, kind: str, gvr: GVR, key: Key, obj: Object, old: Entry | None) -> Object:
        self.rv += 1
        obj["metadata"]["resourceVersion"] = str(self.rv)
        entry = Entry(key, obj, self.rv)
        table = self._table(gvr)
        if kind == "DELETED":
            del table.entries[key]
            del table.keys[bisect_left(table.keys, key)]
        else:
            if key not in table.entries:
                insort(table.keys, key)
            table.entries[key] = entry
        event = Event(kind, self.rv, entry, old)
        if len(table.history) == HISTORY:
            table.forgotten = table.history[0].rv
        table.history.append(event)
        for watcher in table.watchers:
            watcher.push(event)
        self._notify(kind, gvr, obj, old.obj if old else None)
        return obj

    def _notify(self, kind: str, gvr: GVR, obj: Object, old: Object | None) -> None:
        self._pending.append((kind, gvr, obj, old))
        if self._notifying:
            return
        self._notifying = True
        try:
            while self._pending:
                change = self._pending.popleft()
                for callback in tuple(self._callbacks):
                    callback(*change)
        finally:
            self._notifying = False
