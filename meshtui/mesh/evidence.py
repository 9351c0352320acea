"""The last minute's flows of all clusters, for who judges once and does not stay to watch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from msgspec import Struct, field

from meshtui.core.errors import MeshtuiError, RelayUnreachable
from meshtui.core.flows.assignment import helping, shares
from meshtui.core.flows.flow import FlowRow
from meshtui.core.model.state import FlowSource, Phase
from meshtui.core.text import clean

if TYPE_CHECKING:
    from meshtui.mesh.flows.past import PastFlows
    from meshtui.mesh.session import Session

NAMED = 4
"""Nodes told by name."""


class RecentFlows(Struct, frozen=True):
    """The last minute's flows, and what is missing of them."""

    rows: list[FlowRow] = field(default_factory=list)
    failures: tuple[MeshtuiError, ...] = ()


async def recent_flows(session: Session, settling: float, patience: float) -> RecentFlows:
    """The last minute's flows; what cannot be read within `patience` seconds of its Relay's first word is told.

    A cluster is asked as soon as its Relay is found, whatever else of the mesh is still awaited; whether there is one
    must be known within `settling` seconds.
    """
    each = (_of(session, context, settling, patience) for context in list(session.mesh.clusters))
    found = await asyncio.gather(*each)
    if (helper := helping(session.mesh)) and (besides := _besides(session, helper)):
        found = [*found, await _within(patience, helper, besides)]
    return RecentFlows(
        [row for one in found for row in one.rows], tuple(error for one in found for error in one.failures)
    )


async def versions_told(session: Session) -> None:
    """Learn Cilium's version from the Relay where no agent told it: for who may not ask agents."""
    from meshtui.mesh.flows.peers import tell_versions

    untold = [
        tell_versions(reached, session.api(context), session.clock, session.emit)
        for context, cluster in session.mesh.clusters.items()
        if not cluster.agents
        and session.mesh_flows.lookback(context)
        and (reached := session.mesh_flows.reached(context))
    ]
    await asyncio.gather(*untold)


async def _of(session: Session, context: str, settling: float, patience: float) -> RecentFlows:
    await session.until(lambda: _decided(session, context), settling)
    cluster = session.mesh.clusters.get(context)
    if cluster is None or cluster.recorded or cluster.relay.link.phase is not Phase.LIVE:
        return RecentFlows()
    if cluster.api.phase is not Phase.LIVE:
        return RecentFlows()
    return await _within(patience, context, _looked_back(session, context) or _asked(session, context))


async def _within(patience: float, context: str, asked: Awaitable[PastFlows]) -> RecentFlows:
    try:
        async with asyncio.timeout(patience):
            past = await asked
    except MeshtuiError as error:
        return RecentFlows(failures=(error,))
    except TimeoutError:
        return RecentFlows(failures=(_unread(context, f"its flows did not come within {patience:g} s", "nothing"),))
    away = f"no flows from {', '.join(past.away[:NAMED])}"
    lacking = (_unread(context, away, f"of {len(past.away)} nodes nothing"),) if past.away else ()
    return RecentFlows(past.rows, lacking)


def _unread(context: str, what: str, how_much: str) -> RelayUnreachable:
    return RelayUnreachable(
        clean(f"{context}: {what}", 400),
        context=context,
        cause=f"{how_much} is judged by what its pods send and get",
        hint=f"meshtui --context {context} flows --last 1",
    )


def _decided(session: Session, context: str) -> bool:
    """Whether a cluster is not there, or its Relay is found or known to be none."""
    cluster = session.mesh.clusters.get(context)
    if cluster is None or cluster.api.phase in (Phase.FAILED, Phase.STALE):
        return True
    return cluster.api.phase is Phase.LIVE and cluster.relay.link.phase is not Phase.CONNECTING


def _looked_back(session: Session, context: str) -> Awaitable[PastFlows] | None:
    """What a session's own source brings that follows no Relay; None where it follows one, or asks the agents."""
    lookback, relay = session.mesh_flows.lookback(context), session.mesh.clusters[context].relay
    if lookback is None or relay.source is FlowSource.AGENTS:
        return None

    async def brought() -> PastFlows:
        from meshtui.mesh.flows.past import PastFlows

        # A Relay that breaks is told as what it is.
        await session.until(
            lambda: lookback.complete or relay.link.phase is not Phase.LIVE, session.settings.request_timeout
        )
        return PastFlows(lookback.rows(), away=relay.nodes_unavailable if lookback.complete else ())

    return brought()


def _besides(session: Session, helper: str) -> Awaitable[PastFlows] | None:
    """What the Relay that helps knows of clusters without one, where each was asked for its own cluster alone."""
    from meshtui.mesh.flows.lookback import last_minute
    from meshtui.mesh.flows.past import past_over

    lookback, reached = session.mesh_flows.lookback(helper), session.mesh_flows.reached(helper)
    besides = shares(session.mesh)[helper].besides
    if lookback is None or not lookback.asked.only or reached is None or besides is None:
        return None
    return past_over(reached, session.api(helper), last_minute(session.clock.now(), besides))


async def _asked(session: Session, context: str) -> PastFlows:
    from meshtui.mesh.flows.lookback import last_minute
    from meshtui.mesh.flows.past import past_flows, past_over
    from meshtui.mesh.flows.relaytls import told_of

    relay = session.mesh.clusters[context].relay
    query = last_minute(session.clock.now())
    api, reached = session.api(context), session.mesh_flows.reached(context)
    if reached is not None:
        return await past_over(reached, api, query)
    source = "agents" if relay.source is FlowSource.AGENTS else "auto"
    return await past_flows(api, told_of(session.settings, context), query, source)
