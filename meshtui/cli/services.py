"""`meshtui services`: annotations, backends and where traffic goes; one service explained; the mesh's traps."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless, output
from meshtui.core.errors import CheckFailed, UsageError
from meshtui.core.findings import findings
from meshtui.core.resources import ENDPOINTSLICES, NAMESPACES, NODES, SERVICES
from meshtui.core.routing import Route, route, routes
from meshtui.core.services import Cell, Row, ServiceTable, View
from meshtui.core.settings import Settings
from meshtui.core.state import Mesh
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (NAMESPACES, SERVICES, ENDPOINTSLICES, NODES)
COLUMNS = ("service", "cluster", "global", "shared", "affinity", "ready", "ports", "traffic")
EXPLAINED = ("clients_in", "goes_to", "backends", "notes")
FOUND = ("severity", "clusters", "object", "finding", "advice")


def main(arguments: Any) -> int:
    """Print what was asked for."""
    words = list(arguments.what)
    if words and (words[0] != "explain" or len(words) != 2):
        raise UsageError("services takes nothing, or `explain NAMESPACE/NAME`", hint="see `meshtui services -h`")
    return headless.wait_for(_main(arguments, words[1] if words else ""))


async def _main(arguments: Any, explained: str) -> int:
    settings = headless.settings_from(arguments)
    scope = Scope(RESOURCES, status=bool(explained) or arguments.findings, access=False, flows=False)
    async with headless.opened(settings, scope) as session:
        code = headless.missing_data(session, RESOURCES)
        if explained:
            _explain(session, key_of(explained, settings), arguments.output)
        elif arguments.findings:
            _findings(session, settings, arguments.output)
        else:
            _list(session, settings, arguments)
        return code


def key_of(name: str, settings: Settings) -> str:
    """`namespace/name` of what a person typed."""
    namespace = settings.namespaces[0] if settings.namespaces else "default"
    return name if "/" in name else f"{namespace}/{name}"


def _list(session: Session, settings: Settings, arguments: Any) -> None:
    view = View(namespaces=headless.shown_namespaces(settings), mesh_only=arguments.meshed)
    shown = ServiceTable(session.mesh, view)
    rows = [cell for key in shown.keys if (found := shown.row(key)) for cell in cells(session.mesh, found)]
    output.show(rows, COLUMNS, arguments.output)


def cells(mesh: Mesh, row: Row) -> list[dict[str, Any]]:
    """One entry per cluster that has the service."""
    return [_cell(mesh, row.key, cell) for cell in row.present]


def _cell(mesh: Mesh, key: str, cell: Cell) -> dict[str, Any]:
    taken = route(mesh, cell.context, key)
    effective = cell.effective
    return {
        "service": key,
        "context": cell.context,
        "cluster": mesh.clusters[cell.context].name,
        "kind": cell.kind,
        "global": effective.global_ if effective else None,
        "shared": effective.shared if effective else None,
        "affinity": effective.affinity.value if effective else None,
        "ready": f"{cell.ready}/{cell.total}",
        "ports": cell.ports,
        "traffic": taken.summary,
        "counts": taken.counts,
        "shares": taken.shares,
        "failover": taken.failover,
    }


def _explain(session: Session, key: str, form: str) -> None:
    if not any(key in cluster.services for cluster in session.mesh.clusters.values()):
        raise CheckFailed(f"no cluster has a service {key}", hint="`meshtui services -A` lists them")
    rows = [explanation(found) for found in routes(session.mesh, key)]
    output.show(rows, EXPLAINED, form)
    if form == "table":
        for row in rows:
            for unused in row["unused"]:
                output.emit(
                    f"{row['clients_in']}'s clients do not use {unused['cluster']}: {output.plain(unused['why'])}"
                )


def explanation(found: Route) -> dict[str, Any]:
    """A route as plain data."""
    return {
        "clients_in": found.cluster,
        "goes_to": found.summary,
        "backends": [
            f"{b.cluster} {b.pod or b.ip}:{b.port}" + ("" if b.active else " (draining)") for b in found.backends
        ],
        "shares": found.shares,
        "affinity": found.affinity.value,
        "failover": found.failover,
        "notes": list(found.notes),
        "unused": [
            {
                "cluster": u.cluster,
                "backend": u.backend.pod if u.backend else "",
                "reason": u.reason.name,
                "why": u.text,
            }
            for u in found.unused
        ],
    }


def _findings(session: Session, settings: Settings, form: str) -> None:
    namespaces = headless.shown_namespaces(settings)
    rows = [
        {
            "severity": finding.severity.name.lower(),
            "clusters": [session.mesh.clusters[context].name for context in finding.contexts],
            "object": finding.object,
            "kind": finding.kind.name,
            "finding": finding.sentence,
            "evidence": list(finding.evidence),
            "advice": finding.advice,
        }
        for finding in findings(session.mesh)
        if not namespaces or finding.object.partition("/")[0] in namespaces
    ]
    output.show(rows, FOUND, form)
