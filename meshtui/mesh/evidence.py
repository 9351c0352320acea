"""The last minute's flows of all clusters, for who judges once and does not stay to watch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.health.way import WINDOW
from meshtui.core.model.state import FlowSource, Phase
from meshtui.hubble.query import FlowQuery

if TYPE_CHECKING:
    from meshtui.mesh.flows.past import Past
    from meshtui.mesh.session import Session

NUMBER = 2_000
"""Flows asked for of each node."""


async def recent_flows(session: Session, settling: float, patience: float) -> list[FlowRow]:
    """The last minute's flows; what cannot be read within `patience` seconds of its Relay's first word is left out.

    A cluster is asked as soon as its Relay is found, whatever else of the mesh is still awaited; whether there is one
    must be known within `settling` seconds.
    """
    each = (_of(session, context, settling, patience) for context in list(session.mesh.clusters))
    return [row for rows in await asyncio.gather(*each) for row in rows]


async def _of(session: Session, context: str, settling: float, patience: float) -> list[FlowRow]:
    await session.until(lambda: _decided(session, context), settling)
    cluster = session.mesh.clusters.get(context)
    if cluster is None or cluster.recorded or cluster.relay.link.phase is not Phase.LIVE:
        return []
    if cluster.api.phase is not Phase.LIVE:
        return []
    try:
        async with asyncio.timeout(patience):
            return (await _asked(session, context)).rows
    except (MeshtuiError, TimeoutError):
        return []


def _decided(session: Session, context: str) -> bool:
    """Whether a cluster is not there, or its Relay is found or known to be none."""
    cluster = session.mesh.clusters.get(context)
    if cluster is None or cluster.api.phase in (Phase.FAILED, Phase.STALE):
        return True
    return cluster.api.phase is Phase.LIVE and cluster.relay.link.phase is not Phase.CONNECTING


async def _asked(session: Session, context: str) -> Past:
    from meshtui.mesh.flows.past import past_flows, past_over
    from meshtui.mesh.flows.relaytls import told_of

    relay = session.mesh.clusters[context].relay
    query = FlowQuery(follow=False, number=NUMBER, since_ns=int((session.clock.now() - WINDOW) * 1e9))
    api, reached = session.api(context), session.room.reached(context)
    if reached is not None:
        return await past_over(reached, api, query)
    source = "agents" if relay.source is FlowSource.AGENTS else "auto"
    return await past_flows(api, told_of(session.settings, context), query, source)
