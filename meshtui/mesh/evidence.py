"""The last minute's flows of all clusters, for who judges once and does not stay to watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshtui.core.errors import MeshtuiError
from meshtui.core.health.way import WINDOW
from meshtui.core.model.state import FlowSource, Phase
from meshtui.hubble.query import FlowQuery

if TYPE_CHECKING:
    from meshtui.mesh.session import Session

NUMBER = 2_000
"""Flows asked for of each node."""


async def recent_flows(session: Session, patience: float) -> None:
    """Hand the last minute's flows to the session's judgement; what cannot be read within `patience` is left out."""
    live = [c.context for c in session.mesh.clusters.values() if c.api.phase is Phase.LIVE and not c.recorded]
    asked = [context for context in live if session.mesh.clusters[context].relay.link.phase is Phase.LIVE]
    await asyncio.gather(*(_of(session, context, patience) for context in asked))


async def _of(session: Session, context: str, patience: float) -> None:
    from meshtui.mesh.flows.past import past_flows
    from meshtui.mesh.flows.relaytls import told_of

    relay = session.mesh.clusters[context].relay
    source = "agents" if relay.source is FlowSource.AGENTS else "auto"
    since = int((session.clock.now() - WINDOW) * 1e9)
    query = FlowQuery(follow=False, number=NUMBER, since_ns=since)
    try:
        async with asyncio.timeout(patience):
            past = await past_flows(session.api(context), told_of(session.settings, context), query, source)
    except (MeshtuiError, TimeoutError):
        return
    session.judging.take(session.flows.add(past.rows))
