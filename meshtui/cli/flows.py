"""`meshtui flows`: Hubble flows of all clusters, as the hubble CLI prints them, each once and in order of time."""

from __future__ import annotations

import asyncio
import re
import sys
import time
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.core.compact import compact_line
from meshtui.core.errors import CheckFailed, Exit, MeshtuiError, UsageError
from meshtui.core.flow import FlowRow
from meshtui.core.flowfilter import FlowFilter, parse
from meshtui.core.flowstore import FlowStore
from meshtui.core.settings import Settings
from meshtui.core.state import Phase
from meshtui.core.text import clean
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

LAST = 20
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def main(arguments: Any) -> int:
    """Print what was, or follow."""
    wanted = parse(" ".join(arguments.filter))
    since = _duration(arguments.since) if arguments.since else None
    if arguments.follow:
        return headless.wait_for(_follow(arguments, wanted))
    return headless.wait_for(_past(arguments, wanted, since))


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not match:
        raise UsageError(f"cannot read the duration {text!r}", hint="for example 30s, 5m, 1h")
    return float(match.group(1)) * _UNITS[match.group(2)]


async def _past(arguments: Any, wanted: FlowFilter, since: float | None) -> int:
    settings = headless.settings_from(arguments)
    store = FlowStore(settings.flow_capacity)
    async with headless.opened(settings, Scope((), status=False, access=False, flows=False)) as session:
        last = arguments.last or (None if since is not None else LAST)
        contexts = [cluster.context for cluster in headless.clusters_of(session)]
        asked = [_ask(session, settings, context, wanted, last, since) for context in contexts]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, MeshtuiError)]
        for answer in answers:
            if isinstance(answer, BaseException):
                if not isinstance(answer, MeshtuiError):
                    raise answer
            else:
                store.add(answer)
        if len(failures) == len(answers):
            raise failures[0]
        for failure in failures:
            words.complain(failure)
        rows = [row for row in store if wanted.matches(row)]
        shown = rows[-arguments.last :] if arguments.last else rows
        _show(shown, arguments.output)
        return Exit.DEGRADED if failures or len(contexts) < len(session.mesh.clusters) else Exit.OK


async def _ask(
    session: Session, settings: Settings, context: str, wanted: FlowFilter, last: int | None, since: float | None
) -> list[FlowRow]:
    """One Relay's flows. Raises RelayError."""
    from meshtui.hubble.query import FlowQuery
    from meshtui.hubble.relay import fetch
    from meshtui.mesh.relays import reach

    whitelist, blacklist, _ = wanted.to_server()
    begin = None if since is None else int((time.time() - since) * 1e9)
    query = FlowQuery(whitelist, blacklist, follow=False, number=last or settings.flow_capacity, since_ns=begin)
    async with reach(session.api(context), settings.relays.get(context, "")) as reached:

        def read() -> list[FlowRow]:
            items = fetch(reached.address, query, context=context, tls=reached.tls, timeout=settings.request_timeout)
            return [item for item in items if isinstance(item, FlowRow)]

        return await asyncio.to_thread(read)


async def _follow(arguments: Any, wanted: FlowFilter) -> int:
    settings = headless.settings_from(arguments)
    printed = _Printer(wanted, arguments.output)
    async with headless.opened(settings, Scope((), status=False, access=False)) as session:
        await session.set_flow_query(wanted)
        told: set[str] = set()
        arrived = asyncio.Event()
        session.subscribe_flows(arrived.set)
        session.subscribe(lambda _: arrived.set())
        while True:
            await arrived.wait()
            arrived.clear()
            printed.news(session.flows)
            if _no_source(session, told):
                raise CheckFailed("no cluster has flows to follow", hint="cilium hubble enable")


def _no_source(session: Session, told: set[str]) -> bool:
    """Tell of each Relay that is not there, once; True when none is left."""
    for cluster in session.mesh.clusters.values():
        error = cluster.relay.link.error
        if error is not None and cluster.context not in told:
            told.add(cluster.context)
            words.complain(error)
    return all(
        cluster.relay.link.phase is Phase.ABSENT or cluster.api.phase is not Phase.LIVE
        for cluster in session.mesh.clusters.values()
    )


class _Printer:
    """Prints each flow of a store once."""

    def __init__(self, wanted: FlowFilter, form: str) -> None:
        self._wanted = wanted
        self._form = form
        self._printed: set[str] = set()

    def news(self, store: FlowStore) -> None:
        """Print what has not been printed."""
        fresh = [row for row in store if row.uuid not in self._printed and self._wanted.matches(row)]
        self._printed = {row.uuid for row in store}
        _show(fresh, "jsonl" if self._form != "compact" else "compact")
        sys.stdout.flush()


def _show(rows: list[FlowRow], form: str) -> None:
    from meshtui.hubble.jsonlines import as_document, as_line

    if form == "compact":
        for row in rows:
            output.emit(clean(compact_line(row), 4000))
    elif form == "jsonl":
        for row in rows:
            output.emit(as_line(row))
    else:
        output.document([as_document(row) for row in rows], form)
