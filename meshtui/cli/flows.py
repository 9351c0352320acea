"""`meshtui flows`: Hubble flows of all clusters, as the hubble CLI prints them, each once and in order of time."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.core.compact import compact_line
from meshtui.core.errors import CheckFailed, Exit, MeshtuiError, UsageError
from meshtui.core.flow import FlowRow
from meshtui.core.flowfilter import FlowFilter, parse
from meshtui.core.flowstore import FlowStore
from meshtui.core.flowtime import point
from meshtui.core.settings import Settings
from meshtui.core.state import Phase
from meshtui.core.text import clean
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

LAST = 20
_WIDEST = 4000


def main(arguments: Any) -> int:
    """Print what was, or follow."""
    wanted = _filter(arguments.filter, arguments.excluded)
    now = time.time()
    since = point(arguments.since, now) if arguments.since else None
    until = point(arguments.until, now) if arguments.until else None
    if arguments.follow and until is not None:
        raise UsageError("--until cannot be combined with --follow", hint="leave one of them out")
    if arguments.input_file:
        return _from_file(arguments, wanted, since, until)
    if arguments.follow:
        return headless.wait_for(_follow(arguments, wanted, since))
    return headless.wait_for(_past(arguments, wanted, since, until))


def _filter(terms: Sequence[str], excluded: Sequence[str]) -> FlowFilter:
    """One filter of the arguments: a value with spaces is one value, `key:some words`."""
    shown = [_quoted(term) for term in terms]
    return parse(" ".join([*shown, *(f"not {_quoted(term)}" for term in excluded)]))


def _quoted(term: str) -> str:
    first, colon, _ = term.partition(":")
    return shlex.quote(term) if colon and " " not in first and " " in term and '"' not in term else term


def _from_file(arguments: Any, wanted: FlowFilter, since: int | None, until: int | None) -> int:
    """Flows that were written before, by us or by the hubble CLI."""
    from meshtui.hubble.jsonlines import read

    if arguments.input_file == "-":
        rows = _rows(read(sys.stdin.buffer, "file"), wanted, since, until)
    else:
        from meshtui.mesh.replay import opened

        with opened(Path(arguments.input_file)) as file:
            rows = _rows(read(file, "file"), wanted, since, until)
    _Printer(arguments).show(rows[-arguments.last :] if arguments.last else rows)
    return Exit.OK


def _rows(items: Iterable[Any], wanted: FlowFilter, since: int | None, until: int | None) -> list[FlowRow]:
    return [
        item
        for item in items
        if isinstance(item, FlowRow)
        and (since is None or item.time_ns >= since)
        and (until is None or item.time_ns <= until)
        and wanted.matches(item)
    ]


async def _past(arguments: Any, wanted: FlowFilter, since: int | None, until: int | None) -> int:
    from meshtui.mesh.pastflows import Past

    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope((), status=False, access=False, flows=False)) as session:
        last = arguments.last or (None if since is not None or until is not None else LAST)
        contexts = [cluster.context for cluster in headless.clusters_of(session)]
        asked = [_ask(session, settings, context, wanted, last, since, until) for context in contexts]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        store = FlowStore(max(settings.flow_capacity, last or 0))
        failures: list[MeshtuiError] = []
        incomplete = len(contexts) < len(session.mesh.clusters)
        for context, answer in zip(contexts, answers, strict=True):
            if isinstance(answer, Past):
                store.add(answer.rows)
                incomplete |= _missing(context, answer.lost, answer.away)
            elif isinstance(answer, MeshtuiError):
                failures.append(answer)
            else:
                raise answer
        if len(failures) == len(answers):
            raise failures[0]
        for failure in failures:
            words.complain(failure)
        rows = _rows(store, wanted, since, until)
        _Printer(arguments).show(rows[-last:] if last else rows)
        return Exit.DEGRADED if failures or incomplete else Exit.OK


def _missing(context: str, lost: int, away: Sequence[str]) -> bool:
    """Say what is not among the flows; whether anything is not."""
    if lost:
        words.say(f"meshtui: {lost} events were lost in {clean(context)}")
    if away:
        words.say(f"meshtui: no flows from {clean(', '.join(away))}")
    return bool(away)


async def _ask(
    session: Session,
    settings: Settings,
    context: str,
    wanted: FlowFilter,
    last: int | None,
    since: int | None,
    until: int | None,
) -> Any:
    """One cluster's flows. Raises RelayError."""
    from meshtui.hubble.query import FlowQuery
    from meshtui.mesh.pastflows import past_flows

    whitelist, blacklist, rest = wanted.to_server()
    # What only we can filter may leave little of the last few: then ask for all that is kept.
    number = settings.flow_capacity if rest or last is None else last
    query = FlowQuery(whitelist, blacklist, number=number, since_ns=since, until_ns=until)
    return await past_flows(session.api(context), settings.relays.get(context, ""), query, settings.flow_source)


async def _follow(arguments: Any, wanted: FlowFilter, since: int | None) -> int:
    settings = headless.settings_from(arguments)
    printer = _Printer(arguments)
    begin = since if since is not None else int(time.time() * 1e9) - _SKEW_NS

    def take(rows: Iterable[FlowRow]) -> None:
        printer.follow([row for row in rows if row.time_ns >= begin and wanted.matches(row)])

    async with headless.opened(settings, Scope((), status=False, access=False)) as session:
        take(session.flows)
        session.room.record(take)
        await session.set_flow_query(wanted)
        told: set[str] = set()
        news = asyncio.Event()
        session.subscribe(lambda _: news.set())
        news.set()
        while True:
            await news.wait()
            news.clear()
            if printer.problem is not None:
                raise printer.problem
            if _no_source(session, told):
                raise CheckFailed("no cluster has flows to follow", hint="cilium hubble enable")


_SKEW_NS = 5_000_000_000
"""Nodes' clocks may be behind ours by so much without their flows being taken for old ones."""


def _no_source(session: Session, told: set[str]) -> bool:
    """Tell of each source that is not there, once; True when none is left."""
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
    """Prints flows in the form asked for."""

    def __init__(self, arguments: Any) -> None:
        self._form = "jsonl" if arguments.output == "jsonpb" else arguments.output
        self._node = arguments.print_node_name
        self._policies = arguments.print_policy_names
        self._clusters = arguments.clusters
        self.problem: BaseException | None = None
        """Why nothing can be printed any more."""

    def follow(self, rows: Sequence[FlowRow]) -> None:
        """Print rows as they come; JSON as lines."""
        if not rows or self.problem is not None:
            return
        try:
            for row in rows:
                output.emit(self.line(row))
            sys.stdout.flush()
        except OSError as error:
            self.problem = error

    def show(self, rows: Sequence[FlowRow]) -> None:
        """Print all there is."""
        if self._form in ("compact", "jsonl"):
            for row in rows:
                output.emit(self.line(row))
            return
        from meshtui.hubble.jsonlines import as_document

        output.document([as_document(row) for row in rows], self._form)

    def line(self, row: FlowRow) -> str:
        """The CLI's line, perhaps with the clusters after it; or one flow as JSON."""
        if self._form != "compact":
            from meshtui.hubble.jsonlines import as_line

            return as_line(row)
        line = compact_line(row, node=self._node, policies=self._policies)
        if self._clusters:
            ends = row.source.cluster or "–", row.destination.cluster or "–"
            client, server = ends[::-1] if row.is_reply else ends
            line = f"{line} [{client} → {server}, seen by {row.node}]"
        return clean(line, _WIDEST)
