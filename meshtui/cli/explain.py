"""`meshtui services explain NS/NAME`: where requests go, why not elsewhere, the agents' tables, the findings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from meshtui.cli import output, words
from meshtui.cli.drops import recent_drops
from meshtui.core.errors import CheckFailed, Forbidden
from meshtui.core.findings import findings_for, policy_findings
from meshtui.core.findings.report import finding_json
from meshtui.core.model.state import Mesh
from meshtui.core.reach import Reach, reaches
from meshtui.core.reach.report import fate
from meshtui.core.routing import Route
from meshtui.core.routing.evidence import realised_backends
from meshtui.core.services.cells import build_row
from meshtui.core.services.evidence import Evidence, Realised
from meshtui.core.services.measured import addresses
from meshtui.core.services.table import table_json
from meshtui.mesh.session import Session

EXPLAINED = ("clients_in", "clients", "goes_to", "port", "backends", "agent", "notes")


async def explain(session: Session, key: str, form: str) -> int:
    """Print everything known of one service; 1 when an agent did not tell its table. Raises CheckFailed when no
    cluster has the service.
    """
    mesh = session.mesh
    if not any(key in cluster.services for cluster in mesh.clusters.values()):
        raise CheckFailed(f"no cluster has a service {key}", hint="`meshtui services -A` lists them")
    tables = asyncio.gather(*(session.realised(context) for context in mesh.clusters))
    told, drops = await asyncio.gather(tables, recent_drops(session, key))
    evidence = Evidence(realised=dict(zip(mesh.clusters, told, strict=True)))
    rows = [explanation(mesh, found, evidence) for found in reaches(mesh, key)]
    found = [finding_json(mesh, finding) for finding in (*findings_for(mesh, key), *policy_findings(mesh, key))]
    if form in ("json", "yaml"):
        names = {cluster.context: cluster.name for cluster in mesh.clusters.values()}
        output.document(
            {**table_json(build_row(mesh, key), names), "clients": rows, "drops": drops, "findings": found}, form
        )
        return _untold(told)
    output.show(rows, EXPLAINED, form)
    if output.is_table(form):
        _reasons(rows, found)
        for drop in drops:
            output.emit(output.plain(f"! {drop['count']} dropped, last at {drop['last']}: {drop['why']}"))
            for note in drop["notes"]:
                output.emit(output.plain(f"    {note}"))
    return _untold(told)


def _untold(told: Sequence[Realised]) -> int:
    """Say which agents' tables are missing; who may not ask for them is told that already."""
    failures = [each.error for each in told if each.error is not None and not isinstance(each.error, Forbidden)]
    for error in failures:
        words.complain(error)
    return int(bool(failures))


def _reasons(rows: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    for row in rows:
        for unused in row["unused"]:
            output.emit(f"{row['clients_in']}'s clients do not use {unused['cluster']}: {output.plain(unused['why'])}")
        for name, stops in (*row["refused"].items(), *row["not_known"].items()):
            for stop in stops:
                fix = f"; {stop['fix']}" if stop["fix"] else ""
                output.emit(f"{row['clients_in']}'s clients and {name}: {output.plain(stop['why'] + fix)}")
        for text in row["disagreements"]:
            output.emit(f"! {output.plain(text)}")
    for finding in found:
        output.emit(f"{finding['severity']}: {output.plain(finding['finding'])}")


def explanation(mesh: Mesh, reached: Reach, evidence: Evidence) -> dict[str, Any]:
    """A route with what policies and the agent's tables make of it, as plain data."""
    found = reached.route
    realised = evidence.realised.get(found.context)
    return {
        "clients_in": found.cluster,
        "goes_to": reached.summary,
        "port": reached.port,
        **fate(reached),
        "backends": [
            f"{b.cluster} {b.pod or b.ip}:{b.port}" + ("" if b.active else " (draining)") for b in found.backends
        ],
        "shares": found.shares,
        "affinity": found.affinity.value,
        "failover": found.failover,
        "agent": _agent(mesh, found, realised) if realised else None,
        "disagreements": [said.text for said in evidence.against(found)],
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


def _agent(mesh: Mesh, found: Route, realised: Realised) -> str:
    """`koornacht 2, tion 2`, or why that is not known."""
    if realised.error is not None:
        return realised.error.title
    backends = realised_backends(found, realised.services)
    if backends is None:
        return "no such frontend"
    owners = addresses(mesh, found.service)
    counts: dict[str, int] = {}
    for ip in sorted(backends):
        counts[owners.get(ip, "?")] = counts.get(owners.get(ip, "?"), 0) + 1
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "nobody"
