"""The flows of the last minutes, for the effect of a change that is judged before it is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from meshtui.cli import words
from meshtui.core.changes.policies import MOST, SEEN_NS
from meshtui.core.errors import MeshtuiError
from meshtui.core.settings import Settings
from meshtui.core.text import clean
from meshtui.mesh.session import Session


async def gather(session: Session, settings: Settings, contexts: Sequence[str]) -> None:
    """Put them into the session's store; a cluster without is told of, and no failure."""
    from meshtui.hubble.query import FlowQuery
    from meshtui.mesh.flows.past import Past, past_flows
    from meshtui.mesh.flows.relaytls import told_of

    query = FlowQuery(number=MOST, since_ns=int(time.time() * 1e9) - SEEN_NS)
    coming = [past_flows(session.api(c), told_of(settings, c), query, settings.flow_source) for c in contexts]
    for context, answer in zip(contexts, await asyncio.gather(*coming, return_exceptions=True), strict=True):
        if isinstance(answer, Past):
            session.flows.add(answer.rows)
        elif isinstance(answer, MeshtuiError):
            words.say(
                f"meshtui: no flows of {clean(context)}, so their fate is not foretold: {clean(answer.title, 200)}"
            )
        else:
            raise answer
