"""Flows that already happened, of all clusters of a session: what is missing of them is told and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from meshtui.cli import headless, words
from meshtui.core.changes.policies import MOST, SEEN_NS
from meshtui.core.errors import MeshtuiError
from meshtui.core.flows.flow import FlowRow
from meshtui.core.settings import Settings
from meshtui.core.text import clean
from meshtui.mesh.session import Session

if TYPE_CHECKING:
    from meshtui.hubble.query import FlowQuery


async def read_past(session: Session, settings: Settings, query: FlowQuery) -> tuple[list[FlowRow], int]:
    """The flows of every cluster that answers, and 1 when some are missing, else 0. Raises when no cluster has any."""
    from meshtui.mesh.flows.past import PastFlows

    contexts = [cluster.context for cluster in headless.clusters_of(session)]
    rows: list[FlowRow] = []
    failures: list[MeshtuiError] = []
    incomplete = len(contexts) < len(session.mesh.clusters)
    for context, answer in await _answers(session, settings, query, contexts):
        if isinstance(answer, PastFlows):
            rows += session.mesh_flows.named(answer.rows)
            for line in answer.refused:
                words.say(f"meshtui: {clean(line, 400)}")
            incomplete |= tell_missing(context, answer.lost, answer.away)
        else:
            failures.append(answer)
    if failures and len(failures) == len(contexts):
        raise failures[0]
    for failure in failures:
        words.complain(failure)
    session.mesh_flows.note_clocks(rows)
    return rows, int(bool(failures) or incomplete)


def tell_missing(context: str, lost: int, away: Sequence[str]) -> bool:
    """Say what is not among the flows; whether nodes did not answer: what a node lost is lost for everybody."""
    if lost:
        words.say(f"meshtui: {lost} events were lost in {clean(context)}")
    if away:
        words.say(f"meshtui: no flows from {len(away)} nodes: {clean(', '.join(away), 400)}")
    return bool(away)


async def gather(session: Session, settings: Settings, contexts: Sequence[str]) -> None:
    """Put the last minutes' into the session's store, for the effect of a change that is judged before it is made.

    A cluster without is told of, and no failure.
    """
    from meshtui.hubble.query import FlowQuery

    query = FlowQuery(number=MOST, since_ns=int(time.time() * 1e9) - SEEN_NS)
    for context, answer in await _answers(session, settings, query, contexts):
        if isinstance(answer, MeshtuiError):
            words.say(
                f"meshtui: no flows of {clean(context)}, so their fate is not foretold: {clean(answer.title, 200)}"
            )
        else:
            session.mesh_flows.past(answer.rows)
            tell_missing(context, answer.lost, answer.away)


async def _answers(
    session: Session, settings: Settings, query: FlowQuery, contexts: Sequence[str]
) -> Iterator[tuple[str, Any]]:
    """(context, its `PastFlows` or why there is none). Raises what is no MeshtuiError."""
    from meshtui.mesh.flows.past import past_flows
    from meshtui.mesh.flows.relaytls import told_of

    coming = [past_flows(session.api(c), told_of(settings, c), query, settings.flow_source) for c in contexts]
    answers = await asyncio.gather(*coming, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, MeshtuiError):
            raise answer
    return zip(contexts, answers, strict=True)
