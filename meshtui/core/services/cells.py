"""Makes the services table's rows: what is the same for all services of a cluster is looked up once for many."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.state import Cluster, Mesh
from meshtui.core.routing import annotations as a
from meshtui.core.routing.candidates import count_ready
from meshtui.core.services.row import Cell, Row

_MOST = 20_000
"""Different cells that are kept; thousands of services share a few."""


class _Column(Struct):
    """One cluster, as of now."""

    context: str
    services: Mapping[str, o.Service]
    slices: Mapping[str, o.EndpointSlice]
    slices_of: Mapping[str, tuple[str, ...]]
    annotations: a.Reader
    counted: bool
    absent: Cell


class Cells:
    """Thousands of services look alike in a cluster: one cell stands in all their rows."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._absent: dict[tuple[str, bool], Cell] = {}
        self._shared: dict[tuple[object, ...], Cell] = {}
        self._ports: tuple[o.ServicePort, ...] | None = None
        self._told: tuple[tuple[str, int, str], ...] = ()
        """What is told of those ports: the clusters of one mesh hold one object where they say the same."""

    def rows(self, keys: Iterable[str]) -> Iterable[tuple[str, Row | None]]:
        """Each service's row from the mesh as it stands; None for one that no cluster has."""
        if len(self._shared) > _MOST:
            self._shared.clear()
        columns = [self._column(cluster) for cluster in self.mesh.clusters.values()]
        for key in keys:
            cells, present = [], False
            for column in columns:
                service = column.services.get(key)
                if service is None:
                    cells.append(column.absent)
                else:
                    present = True
                    cells.append(self._cell(column, key, service))
            yield key, Row(key, tuple(cells)) if present else None

    def _column(self, cluster: Cluster) -> _Column:
        known = cluster.context, r.SERVICES in cluster.objects
        absent = self._absent.get(known)
        if absent is None:
            absent = self._absent[known] = Cell(cluster.context, known=known[1])
        return _Column(
            cluster.context,
            cluster.services,
            cluster.endpointslices,
            self.mesh.slices_of.get(cluster.context, {}),
            a.Reader(cluster.namespaces, cluster.config),
            r.ENDPOINTSLICES in cluster.objects,
            absent,
        )

    def _cell(self, column: _Column, key: str, service: o.Service) -> Cell:
        effective = column.annotations.of(service)
        names = column.slices_of.get(key, ())
        ready, total = (
            count_ready([column.slices[name] for name in names if name in column.slices]) if names else (0, 0)
        )
        spec = service.spec
        kind = "Headless" if a.is_headless(service) else spec.type
        if spec.ports is not self._ports:
            self._ports = spec.ports
            self._told = tuple([(port.name, port.port, port.protocol) for port in spec.ports or ()])
        ports = self._told
        # A cell that is kept holds on to its `effective`, so that no other can come to have its id.
        sign = column.context, column.counted, id(effective), ready, total, kind, ports
        found = self._shared.get(sign)
        if found is None:
            found = Cell(column.context, True, True, column.counted, effective, ready, total, kind, _ports_text(ports))
            self._shared[sign] = found
        return found


def build_row(mesh: Mesh, key: str) -> Row:
    """One service's row; without a cell that is present where no cluster has it."""
    for _, row in Cells(mesh).rows([key]):
        if row is not None:
            return row
    known = [(cluster.context, r.SERVICES in cluster.objects) for cluster in mesh.clusters.values()]
    return Row(key, tuple(Cell(context, known=listed) for context, listed in known))


def _ports_text(ports: Iterable[tuple[str, int, str]]) -> str:
    return ", ".join(f"{name} {number}/{protocol}".lstrip() for name, number, protocol in ports)
