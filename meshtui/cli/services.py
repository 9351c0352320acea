"""`meshtui services`: annotations, backends and where traffic goes; one service explained; the mesh's findings."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from contextlib import suppress
from typing import Any

from meshtui.cli import headless, output, watching
from meshtui.core.errors import MeshtuiError, UsageError
from meshtui.core.model.resources import (
    DAEMONSETS,
    DEPLOYMENTS,
    ENDPOINTSLICES,
    NAMESPACES,
    NODES,
    PODS,
    POLICIES,
    SERVICES,
)
from meshtui.core.model.state import Listed, Mesh
from meshtui.core.reach import Reaches
from meshtui.core.reach.report import fate
from meshtui.core.routing import annotations as a
from meshtui.core.services.filter import parse
from meshtui.core.services.row import Cell, Row
from meshtui.core.services.table import ServiceTable, Sort, View
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (NAMESPACES, SERVICES, ENDPOINTSLICES, NODES)
NEEDED = (SERVICES, ENDPOINTSLICES)
"""Without these there is no answer; a person who may see one namespace sees neither nodes nor namespaces."""
COLUMNS = ("service", "cluster", "global", "shared", "affinity", "ready", "ports", "traffic")
SORTS = {sort.name.lower(): sort for sort in Sort}
FOUND = ("severity", "clusters", "object", "finding", "since", "still_works", "because", "advice")


def main(arguments: Any) -> int:
    """Print what was asked for."""
    words = list(arguments.what)
    if words and (words[0] != "explain" or len(words) != 2):
        raise UsageError("services takes nothing, or `explain NAMESPACE/NAME`", hint="see `meshtui services -h`")
    if arguments.watch and (words or arguments.findings):
        raise UsageError("--watch lists services alone", hint="`meshtui findings --watch` tells findings")
    watching.check(arguments)
    return headless.wait_for(_main(arguments, words[1] if words else ""))


async def _main(arguments: Any, explained: str) -> int:
    settings = headless.settings_from(arguments)
    deep = bool(explained) or arguments.findings
    resources = (*RESOURCES, *POLICIES, *((PODS,) if deep or arguments.watch else ()))
    if arguments.findings:
        resources = (*resources, DAEMONSETS, DEPLOYMENTS)
    judged = bool(arguments.findings)
    scope = Scope(resources, status=deep, access=False, flows=judged, judged=judged, once=not arguments.watch)
    async with headless.opened(settings, scope) as session:
        unread = 0
        if arguments.findings:
            from meshtui.cli.status import evidence

            unread = await evidence(session, settings)
        beside = [resource for resource in resources if resource not in NEEDED]
        code = max(unread, headless.missing_data(session, NEEDED, beside))
        if explained:
            from meshtui.cli.explain import explain

            code = max(code, await explain(session, key_of(explained, session), arguments.output))
        elif arguments.findings:
            code = max(code, int(_findings(session, session.settings, arguments, code)))
        elif arguments.watch:
            await _links(session)
            rows = functools.partial(_rows, session, session.settings, arguments)
            return await watching.watch(session, rows, ("service", "context"), COLUMNS, arguments)
        else:
            await asyncio.gather(_pods(session), _links(session))
            found = _rows(session, session.settings, arguments)
            output.show(found, COLUMNS, arguments.output, nothing="no service is as asked; -A shows all namespaces")
        return code


def key_of(name: str, session: Session) -> str:
    """`namespace/name` of what a person typed. Raises UsageError where the namespace is not clear."""
    return name if "/" in name else f"{session.home}/{name}"


async def _pods(session: Session) -> None:
    """Policies decide by pods' labels: where there are policies, and only there, the pods are listed once.

    A cluster that does not show them leaves its answers not known.
    """
    if not Reaches(session.mesh).any_governed:
        return

    async def listed(context: str) -> None:
        with suppress(MeshtuiError):
            found, _ = await session.api(context).list_all(PODS)
            session.emit(Listed(context, PODS, found, 0.0))

    await asyncio.gather(*map(listed, session.mesh.clusters))


async def _links(session: Session) -> None:
    """Clusters that are joined to nobody here give each other nothing: asked once, where services mean each other."""
    written: Counter[str] = Counter()
    for cluster in session.mesh.clusters.values():
        services = cluster.services.items()
        written.update(key for key, each in services if a.is_true(a.read(each.annotations, a.GLOBAL).value))
    if any(number > 1 for number in written.values()):
        from meshtui.mesh.realised import read_links

        clusters = session.mesh.clusters.values()
        await asyncio.gather(*(read_links(session.api, each, session.emit, session.clock) for each in clusters))


def _rows(session: Session, settings: Settings, arguments: Any) -> list[dict[str, Any]]:
    view = View(
        namespaces=headless.shown_namespaces(settings),
        mesh_only=arguments.meshed,
        faults_only=arguments.faults,
        sort=SORTS[arguments.sort],
        filter=parse(arguments.filter, session.mesh),
    )
    shown = ServiceTable(session.mesh, view)
    asked = Reaches(session.mesh)
    rows = [cell for key in shown.keys if (found := shown.row(key)) for cell in cells(asked, found)]
    if output.is_table(arguments.output):
        rows = [{**row, "ready": _counted(row)} for row in rows]
    return rows


def _counted(row: dict[str, Any]) -> dict[str, Any] | None:
    return {"ready": row["ready"], "total": row["total"]} if row["present"] else None


def cells(asked: Reaches, row: Row) -> list[dict[str, Any]]:
    """One entry per cluster, those that miss the service included."""
    return [_cell(asked, row.key, cell) for cell in row.cells]


def _cell(asked: Reaches, key: str, cell: Cell) -> dict[str, Any]:
    mesh = asked.mesh
    found = asked.of(cell.context, key)
    taken = found.route
    effective = cell.effective
    if effective is None:
        missing = {"service": key, "context": cell.context, "cluster": mesh.clusters[cell.context].name}
        return {**missing, "present": False, "traffic": "no Service here" if cell.known else "not known yet"}
    return {
        "service": key,
        "context": cell.context,
        "cluster": mesh.clusters[cell.context].name,
        "present": True,
        "kind": cell.kind,
        "global": effective.global_,
        "shared": effective.shared,
        "affinity": effective.affinity.value,
        "exported": effective.exported,
        "written": {what: effective.written(what).value for what in a.KEYS},
        "not_read": [what for what in a.KEYS if effective.inactive(what)],
        "ready": cell.ready,
        "total": cell.total,
        "ports": cell.ports,
        "traffic": found.summary,
        "counts": taken.counts,
        "shares": taken.shares,
        **fate(found),
        "failover": taken.failover,
    }


def _findings(session: Session, settings: Settings, arguments: Any, code: int) -> bool:
    """Print those of the services asked for, and those of the mesh itself; whether there are any."""
    from meshtui.core.findings import findings
    from meshtui.core.findings.report import finding_json, namespace_of

    namespaces = headless.shown_namespaces(settings)
    shown = _wanted(session.mesh, namespaces, arguments)
    rows = [
        finding_json(session.mesh, finding)
        for finding in findings(session.mesh, session.judging.now())
        if not (namespace := namespace_of(session.mesh, finding))
        or (finding.object.split()[-1] in shown if shown is not None else not namespaces or namespace in namespaces)
    ]
    output.show(rows, FOUND, arguments.output, nothing=headless.nothing_wrong(code))
    return bool(rows)


def _wanted(mesh: Mesh, namespaces: frozenset[str], arguments: Any) -> frozenset[str] | None:
    """Keys of the services that the filter leaves; None without one."""
    if not (arguments.filter or arguments.meshed or arguments.faults):
        return None
    wanted = parse(arguments.filter, mesh)
    view = View(namespaces=namespaces, mesh_only=arguments.meshed, faults_only=arguments.faults, filter=wanted)
    return frozenset(ServiceTable(mesh, view).keys)
