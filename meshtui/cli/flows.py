"""`meshtui flows`: Hubble flows of all clusters, as the hubble CLI prints them, each once and in order of time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshtui.cli import headless, words
from meshtui.cli.flowflags import filter_text
from meshtui.cli.flowprinter import Printer, form_of, print_filters
from meshtui.cli.recentflows import read_past, tell_missing
from meshtui.core.errors import CheckFailed, Exit, UsageError
from meshtui.core.flows.account.gaps import Gap, sentence
from meshtui.core.flows.filter import FlowFilter, parse
from meshtui.core.flows.flow import FlowRow, Verdict
from meshtui.core.flows.store import FlowStore
from meshtui.core.flows.times import point
from meshtui.core.model import resources as r
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Phase
from meshtui.core.text import clean
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

if TYPE_CHECKING:
    from meshtui.hubble.query import FlowQuery

LAST = 20
EXPLAINING = (r.NAMESPACES, r.SERVICES, r.ENDPOINTSLICES, r.PODS, r.NODES, *r.POLICIES)
"""What explains a drop."""
_UNAVAILABLE, _ERROR = 2, 4


@dataclass(frozen=True, slots=True)
class FlowsRequest:
    """Which flows."""

    filter: FlowFilter
    since: int | None = None
    """Nanoseconds since the epoch, as `until`."""
    until: int | None = None
    first: int = 0
    last: int = 0
    """At most one of both is not 0."""

    def of(self, items: Iterable[Any]) -> list[FlowRow]:
        """Those of `items` that are wanted, in the order given."""
        rows = [
            item
            for item in items
            if isinstance(item, FlowRow)
            and (self.since is None or item.time_ns >= self.since)
            and (self.until is None or item.time_ns <= self.until)
            and self.filter.matches(item)
        ]
        return rows[: self.first] if self.first else rows[-self.last :] if self.last else rows

    def query(self, capacity: int) -> FlowQuery:
        """What to ask of each cluster: as little as is sure to hold what is wanted."""
        from meshtui.hubble.query import FlowQuery

        whitelist, blacklist, rest = self.filter.to_server()
        # Since a time, a server counts from there on: its number is that of the first ones. And what only we
        # can filter may leave little of them.
        counted = not rest and (self.first or (self.since is None and self.until is None and self.last))
        number = (self.first or self.last) if counted else capacity
        return FlowQuery(
            whitelist, blacklist, number=number, first=bool(self.first), since_ns=self.since, until_ns=self.until
        )


def main(arguments: Any) -> int:
    """Print what was, or follow."""
    wanted = parse(filter_text(arguments))
    if arguments.print_raw_filters:
        return _raw_filters(wanted)
    asked = _asked(arguments, wanted)
    if arguments.follow and arguments.output in ("table", "tab"):
        raise UsageError("the table form cannot be followed", hint="-o compact, dict or jsonl")
    if arguments.explain and (arguments.output not in ("compact", "dict") or arguments.input_file):
        raise UsageError(
            "--explain needs clusters, and lines to stand below", hint="-o compact or dict, no --input-file"
        )
    printer = Printer(arguments.output, form_of(arguments, color=headless.settings_from(arguments).color))
    if arguments.input_file:
        return _from_file(arguments.input_file, asked, printer)
    if arguments.follow:
        return headless.wait_for(_follow(arguments, asked, printer))
    return headless.wait_for(_past(arguments, asked, printer))


def _asked(arguments: Any, wanted: FlowFilter) -> FlowsRequest:
    """Raises UsageError for what `hubble observe` does not take together either."""
    told = [name for name in ("first", "last", "all") if getattr(arguments, name)]
    if "first" in told and arguments.follow:
        told.append("follow")
    if len(told) > 1 and told != ["last", "follow"]:
        raise UsageError(f"--{told[0]} and --{told[1]} cannot be combined", hint="leave one of them out")
    if arguments.follow and arguments.until:
        raise UsageError("--until cannot be combined with --follow", hint="leave one of them out")
    now = time.time()
    since = point(arguments.since, now) if arguments.since else None
    until = point(arguments.until, now) if arguments.until else None
    bounded = told or since is not None or until is not None or arguments.follow or arguments.input_file
    return FlowsRequest(wanted, since, until, arguments.first or 0, arguments.last or (0 if bounded else LAST))


def _raw_filters(wanted: FlowFilter) -> int:
    whitelist, blacklist, rest = wanted.to_server()
    print_filters(whitelist, blacklist)
    if rest:
        words.say(f"meshtui: only here: {rest}")
    return Exit.OK


def _from_file(name: str, asked: FlowsRequest, printer: Printer) -> int:
    """Flows that were written before, by us or by the hubble CLI; whatever is not among them is told."""
    from meshtui.hubble.jsonlines import JsonLines, read

    reader = JsonLines("file")
    if name == "-":
        items = list(read(sys.stdin.buffer, "file", reader))
    else:
        from meshtui.mesh.flows.replay import opened

        with opened(Path(name)) as file:
            items = list(read(file, "file", reader))
    printer.show(asked.of(items))
    bad = _told_of(items)
    if reader.left_out:
        words.say(f"meshtui: {reader.left_out} flows carry a vendor's extension, which cannot be read and is left out")
    return Exit.DEGRADED if bad else Exit.OK


def _told_of(items: Sequence[Any]) -> bool:
    """Say what a file holds beside flows; whether any of it could not be read."""
    from meshtui.hubble.rows import Lost, NodeStatus, Undecodable

    bad = [item for item in items if isinstance(item, Undecodable)]
    if bad:
        words.say(f"meshtui: {len(bad)} of {len(items)} are no flows: {clean(bad[0].cause, 200)}")
    if not items:
        words.say("meshtui: the file holds no flows")
    lost = sum(item.count for item in items if isinstance(item, Lost))
    statuses = [item for item in items if isinstance(item, NodeStatus) and item.state in (_UNAVAILABLE, _ERROR)]
    tell_missing("the file", lost, sorted({node for status in statuses for node in status.nodes}))
    return bool(bad)


async def _past(arguments: Any, asked: FlowsRequest, printer: Printer) -> int:
    settings = headless.settings_from(arguments)
    resources = EXPLAINING if arguments.explain else ()
    scope = Scope(resources, status=False, access=False, flows=False, judged=False, once=True)
    async with headless.opened(settings, scope) as session:
        explaining(session, printer, arguments)
        rows, code = await read_past(session, settings, asked.query(settings.flow_capacity))
        store = FlowStore(max(settings.flow_capacity, asked.first, asked.last))
        store.add(rows)
        code = max(code, _missing(session, arguments, resources, asked))
        printer.show(asked.of(store))
        return code


def _missing(session: Session, arguments: Any, resources: tuple[Resource, ...], asked: FlowsRequest) -> int:
    """Say what is missing beside the flows: what explains them, and clocks that agree where a time was asked for."""
    timed = bool(asked.since or asked.until or arguments.follow)
    timed |= any(cluster.node_clocks for cluster in session.mesh.clusters.values())
    return headless.missing_data(session, (), resources, cilium=bool(arguments.explain), time=timed)


async def _follow(arguments: Any, asked: FlowsRequest, printer: Printer) -> int:
    settings = headless.settings_from(arguments)
    begin = asked.since if asked.since is not None else int(time.time() * 1e9) - _SKEW_NS

    def take(rows: Iterable[FlowRow]) -> None:
        printer.follow([row for row in rows if row.time_ns >= begin and asked.filter.matches(row)])

    resources = EXPLAINING if arguments.explain else ()
    scope = Scope(resources, status=False, access=False, judged=False, reading=True)
    async with headless.opened(settings, scope) as session:
        explaining(session, printer, arguments)
        _missing(session, arguments, resources, asked)
        take(session.flows)
        session.mesh_flows.record(take)
        await session.set_flow_query(asked.filter)
        told: set[str] = set()
        news = asyncio.Event()
        session.subscribe(lambda _: news.set())
        session.subscribe_flows(news.set)
        news.set()
        while True:
            await news.wait()
            news.clear()
            if printer.problem is not None:
                raise printer.problem
            _tell_gaps(session.flows.gaps, told)
            if _no_source(session, told):
                raise CheckFailed("no cluster has flows to follow", hint="cilium hubble enable")


def explaining(session: Session, printer: Printer, arguments: Any) -> None:
    """With `--explain`: drops are explained by the policies as they are read now and from now on."""
    if not arguments.explain:
        return
    from meshtui.core.policy import PolicyHistory

    policies = PolicyHistory()

    def note(_: object = None) -> None:
        policies.note(session.mesh, int(time.time() * 1e9))

    def why(row: FlowRow) -> list[str]:
        if row.verdict != Verdict.DROPPED:
            return []
        found = policies.explain(session.mesh, row)
        return [f"why: {found.sentence}", *([f"fix: {found.fix}"] if found.fix else []), *found.notes]

    note()
    session.subscribe(note)
    printer.explain = why


_SKEW_NS = 5_000_000_000
"""Nodes' clocks may be behind ours by so much without their flows being taken for old ones."""


def _tell_gaps(gaps: Iterable[Gap], told: set[str]) -> None:
    """Tell of each gap what is missing, once that is known, and again when late events change it."""
    for gap in gaps:
        line = sentence(gap)
        key = f"{gap.start_ns} {line}"
        if gap.end_ns is not None and not gap.counting and key not in told:
            told.add(key)
            words.say(f"meshtui: {clean(line, 400)}")


def _no_source(session: Session, told: set[str]) -> bool:
    """Tell of each source that is not there, once; True when none is left."""
    for cluster in session.mesh.clusters.values():
        for line in cluster.relay.refused:
            if line not in told:
                told.add(line)
                words.say(f"meshtui: {clean(line, 400)}")
        error = cluster.relay.link.error
        if error is not None and cluster.context not in told:
            told.add(cluster.context)
            words.complain(error)
        away = f"no flows from {', '.join(cluster.relay.nodes_unavailable)}"
        if cluster.relay.nodes_unavailable and f"{cluster.context} {away}" not in told:
            told.add(f"{cluster.context} {away}")
            words.say(f"meshtui: {clean(cluster.context)}: {clean(away, 400)}")
    return all(
        cluster.relay.link.phase is Phase.ABSENT or cluster.api.phase is not Phase.LIVE
        for cluster in session.mesh.clusters.values()
    )
