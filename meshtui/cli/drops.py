"""What was dropped of a service's requests in the last minutes, and why: for `services explain`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from meshtui.cli import headless, words
from meshtui.core.errors import MeshtuiError
from meshtui.core.findings.report import moment
from meshtui.core.flows.filter import parse
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.state import Mesh
from meshtui.core.policy import Rulebook, explain_flow
from meshtui.core.services.measured import addresses
from meshtui.core.text import clean
from meshtui.mesh.session import Session

SECONDS = 300.0
_NUMBER = 1_000
"""Drops asked for of each node."""
_SHOWN = 5


async def recent_drops(session: Session, key: str) -> list[dict[str, Any]]:
    """Each reason once, with how often and when last, most frequent first; none where no flows can be had."""
    from meshtui.hubble.query import FlowQuery
    from meshtui.mesh.flows.past import past_flows
    from meshtui.mesh.flows.relaytls import told_of

    whitelist, blacklist, _ = parse("verdict:dropped").to_server()
    query = FlowQuery(whitelist, blacklist, number=_NUMBER, since_ns=int((time.time() - SECONDS) * 1e9))
    rows: dict[str, FlowRow] = {}
    for cluster in headless.clusters_of(session):
        told, source = told_of(session.settings, cluster.context), session.settings.flow_source
        try:
            past = await past_flows(session.api(cluster.context), told, query, source)
        except MeshtuiError as error:
            words.say(f"meshtui: no flows of {clean(cluster.context)}, so drops are not known: {clean(error.title)}")
            continue
        rows |= {row.uuid: row for row in session.mesh_flows.named(past.rows)}
    return explained(session.mesh, key, rows.values())


def explained(mesh: Mesh, key: str, rows: Iterable[FlowRow]) -> list[dict[str, Any]]:
    """The drops among `rows` that were meant for a service or one of its backends, by reason."""
    servers = addresses(mesh, key)
    book = Rulebook(mesh)
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: row.time_ns):
        if row.destination_service != key and row.destination_ip not in servers:
            continue
        told = explain_flow(mesh, row, book=book)
        entry = found.setdefault(told.sentence, {"why": told.sentence, "count": 0, "fix": told.fix})
        entry["count"] += 1
        entry["last"] = moment(row.time_ns / 1e9)
        entry["notes"] = list(told.notes)
    return sorted(found.values(), key=lambda entry: -entry["count"])[:_SHOWN]
