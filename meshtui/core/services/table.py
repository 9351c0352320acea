"""The services table: one row per namespace/name over all clusters, one cell per cluster, kept current by deltas."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from enum import Enum

from msgspec import Struct

from meshtui.core.model import resources as r
from meshtui.core.model.state import Delta, Mesh
from meshtui.core.routing import annotations as a
from meshtui.core.services.cells import Cells
from meshtui.core.services.filter import EVERYTHING, ServiceFilter
from meshtui.core.services.row import Cell, Row, rank


class Sort(Enum):
    """What the rows are ordered by; ties by key."""

    MESHED = "meshed first, the system's own last"
    NAME = "name"
    FAULT = "faults first"
    READY = "fewest ready first"
    GLOBAL = "global first"
    SHARED = "shared first"
    AFFINITY = "affinity first"
    WHERE = "in most clusters first"


class View(Struct, frozen=True):
    """Which rows, in which order. `text` is looked for in the key, without regard to case."""

    text: str = ""
    namespaces: frozenset[str] = frozenset()
    faults_only: bool = False
    mesh_only: bool = False
    sort: Sort = Sort.MESHED
    filter: ServiceFilter = EVERYTHING
    only: frozenset[str] | None = None
    """Keys of the services to show, whatever else matches; None for all."""
    reverse: bool = False
    """Whether the order is turned round."""
    failing: frozenset[str] = frozenset()
    """Services whose requests fail by all that is observed: they come first unless another order is asked for."""

    def shows(self, row: Row) -> bool:
        """Whether a row passes the filters."""
        return (
            (not self.namespaces or row.namespace in self.namespaces)
            and self.text.casefold() in row.key.casefold()
            and (not self.faults_only or row.fault)
            and (not self.mesh_only or row.meshed)
            and (self.only is None or row.key in self.only)
            and self.filter.matches(row)
        )

    def order(self, row: Row) -> Place:
        """Sort key."""
        match self.sort:
            case Sort.MESHED:
                return (0 if row.key in self.failing else 1 + (not row.meshed), rank(row.key), row.key)
            case Sort.FAULT:
                return (not (row.fault or row.key in self.failing), not row.meshed, row.key)
            case Sort.READY:
                return (row.ready, -row.total, row.key)
            case Sort.NAME:
                return (0, 0, row.key)
            case Sort.GLOBAL:
                return (-sum(cell.effective.global_ for cell in row.present if cell.effective), 0, row.key)
            case Sort.SHARED:
                return (-sum(cell.effective.exported for cell in row.present if cell.effective), 0, row.key)
            case Sort.AFFINITY:
                written = [c.effective.written_affinity.value for c in row.present if c.effective]
                return (-sum(value is not None for value in written), 0, row.key)
            case Sort.WHERE:
                return (-len(row.present), 0, row.key)


Place = tuple[int, int, str]
"""Sort key of a row."""
_MANY = 1_000
"""More rows than this at once are sorted afresh rather than put in one by one."""


class ServiceTable:
    """Rows in the order of a view. After `update(delta)` only the rows named in the delta have been rebuilt.

    `note(delta)` and `work(limit)` do the same a little at a time, so that nobody waits for thousands of rows.
    """

    def __init__(self, mesh: Mesh, view: View | None = None, *, lazy: bool = False) -> None:
        self.mesh = mesh
        self.view = view or View()
        self.version = 0
        """Grows when rows come, go or change their place."""
        self._cells = Cells(mesh)
        self._rows: dict[str, Row] = {}
        self._order: list[Place] = []
        self._place: dict[str, Place] = {}
        self._known: dict[str, object] = {}
        self._wanted: dict[str, None] = {}
        self._altered: set[str] = set()
        self._known = self._known_now()
        self._want(mesh.clusters)
        if not lazy:
            self.work()

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int) -> Row:
        place = self._order[len(self._order) - 1 - index if self.view.reverse else index]
        return self._rows[place[2]]

    @property
    def keys(self) -> list[str]:
        """Keys of the rows shown, in order."""
        order = reversed(self._order) if self.view.reverse else self._order
        return [place[2] for place in order]

    @property
    def backlog(self) -> int:
        """Rows that `work` has still to build."""
        return len(self._wanted)

    @property
    def known(self) -> int:
        """Services built so far, shown or not."""
        return len(self._rows)

    def row(self, key: str) -> Row | None:
        """A service's row, shown or not."""
        return self._rows.get(key)

    def shows(self, key: str) -> bool:
        """Whether a service is among the rows shown."""
        return key in self._place

    def all_rows(self) -> list[Row]:
        """Every service built so far, shown or not."""
        return list(self._rows.values())

    def index(self, key: str) -> int | None:
        """Where a service is shown, None when it is not."""
        place = self._place.get(key)
        if place is None:
            return None
        at = bisect_left(self._order, place)
        return len(self._order) - 1 - at if self.view.reverse else at

    def look(self, view: View) -> None:
        """Show another selection or order."""
        self.view = view
        self._place = {row.key: view.order(row) for row in self._rows.values() if view.shows(row)}
        self._order = sorted(self._place.values())
        self.version += 1

    def update(self, delta: Delta) -> set[str]:
        """Rebuild the rows a delta touches; returns their keys."""
        self.note(delta)
        return self.work()

    def note(self, delta: Delta) -> None:
        """Remember which rows a delta touches.

        Those are all where a list became known, a configuration was read or a namespace changed.
        """
        for (_, resource), names in delta.objects.items():
            if resource == r.SERVICES:
                self._wanted.update(dict.fromkeys(names))
        for keys in delta.backed.values():
            self._wanted.update(dict.fromkeys(keys))
        namespaces = {context for context, resource in delta.objects if resource == r.NAMESPACES}
        known, self._known = (self._known, self._known_now()) if delta.status else (self._known, self._known)
        other = {context for context, now in self._known.items() if known.get(context) != now}
        if namespaces or other or len(known) != len(self._known):
            self._want(namespaces | other)

    def work(self, limit: int | None = None) -> set[str]:
        """Rebuild up to `limit` of the rows noted, or all; returns their keys."""
        if limit is None or limit >= len(self._wanted):
            keys, self._wanted = list(self._wanted), {}
        else:
            keys = [key for key, _ in zip(self._wanted, range(limit), strict=False)]
            for key in keys:
                del self._wanted[key]
        if len(keys) > _MANY:
            for key, row in self._cells.rows(keys):
                self._keep(key, row)
            self.look(self.view)
        else:
            for key, row in self._cells.rows(keys):
                self._replace(key, row)
        return set(keys)

    def altered(self) -> set[str]:
        """Keys of services whose annotations or endpoints changed since this was last asked; new ones do not count."""
        found, self._altered = self._altered, set()
        return found

    def _want(self, contexts: Iterable[str]) -> None:
        """All rows, for what is said of these clusters in each."""
        clusters = self.mesh.clusters
        for keys in (self._rows, *(clusters[context].services for context in contexts if context in clusters)):
            self._wanted.update(dict.fromkeys(keys))

    def _known_now(self) -> dict[str, object]:
        return {
            c.context: (r.SERVICES in c.objects, r.ENDPOINTSLICES in c.objects, c.config)
            for c in self.mesh.clusters.values()
        }

    def _keep(self, key: str, row: Row | None) -> None:
        old = self._rows.get(key)
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = row
        if old is not None and _moved(old, row):
            self._altered.add(key)

    def _replace(self, key: str, row: Row | None) -> None:
        old = self._place.pop(key, None)
        self._keep(key, row)
        new = self.view.order(row) if row is not None and self.view.shows(row) else None
        if new is not None:
            self._place[key] = new
        if old == new:
            return
        self.version += 1
        if old is not None:
            del self._order[bisect_left(self._order, old)]
        if new is not None:
            insort(self._order, new)


def _moved(old: Row, new: Row | None) -> bool:
    if new is None:
        return True
    changed = [(was, now) for was, now in zip(old.cells, new.cells, strict=False) if was is not now]
    pairs = [(was, now) for was, now in changed if was.known and now.known]
    return any(was.present is not now.present or _gist(was) != _gist(now) for was, now in pairs if was.counted)


def _gist(cell: Cell) -> object:
    written = tuple(cell.effective.written(what) for what in a.KEYS) if cell.effective else ()
    return written, cell.ready, cell.total


def rows(mesh: Mesh, view: View | None = None) -> list[Row]:
    """All rows of a view, for those who need them once."""
    table = ServiceTable(mesh, view)
    return [table[index] for index in range(len(table))]


def table_json(row: Row, names: Mapping[str, str]) -> dict[str, object]:
    """A row as plain data for `-o json`; `names`: context → cluster name."""
    return {
        "namespace": row.namespace,
        "name": row.name,
        "meshed": row.meshed,
        "fault": row.fault,
        "clusters": [_cell_json(cell, names.get(cell.context, cell.context)) for cell in row.cells],
    }


def _cell_json(cell: Cell, name: str) -> dict[str, object]:
    found = cell.effective
    if not cell.present or found is None:
        return {"cluster": name, "context": cell.context, "present": False, "known": cell.known}
    return {
        "cluster": name,
        "context": cell.context,
        "present": True,
        "global": found.global_,
        "shared": found.shared,
        "exported": found.exported,
        "affinity": found.affinity.value,
        "written": {what: found.written(what).value for what in a.KEYS},
        "ready": cell.ready,
        "total": cell.total,
        "type": cell.kind,
        "ports": cell.ports,
    }
