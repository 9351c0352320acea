"""`meshtui status`: one report of all clusters; waits until all is well, or tells every change of a verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.core.errors import Exit, MeshtuiError, UsageError
from meshtui.core.findings import findings
from meshtui.core.findings.report import failing, moment, report, settled, unproven
from meshtui.core.findings.schema import SCHEMA
from meshtui.core.health.model import Cause, Judged, Judgement, Subject, Trouble, Verdict
from meshtui.core.health.words import place
from meshtui.core.model import resources as r
from meshtui.core.model.state import Mesh
from meshtui.core.settings import Settings
from meshtui.mesh.evidence import RecentFlows, recent_flows, versions_told
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (r.PODS, r.NODES, r.DAEMONSETS, r.DEPLOYMENTS, r.SERVICES, r.ENDPOINTSLICES, r.NAMESPACES, *r.POLICIES)
"""Pods first: what Cilium's agents say is asked of those found there."""
CLUSTERS = ("cluster", "id", "verdict", "kubernetes", "cilium", "nodes", "agents", "relay", "detail", "problem")
LINKS = ("from", "to", "verdict", "agents", "latency_ms", "detail")
COMPONENTS = ("cluster", "component", "ready", "verdict", "restarts")
SERVICES = ("service", "verdict", "detail")
FINDINGS = ("severity", "object", "kind", "finding", "since", "still_works", "because", "advice")
_RELAY_PATIENCE = 5.0
_PROOF_SECONDS = 5.0
"""How long a report waits for the first words about what is not known yet."""
_DOUBTS_SHOWN = 5
_WAIT_SECONDS = 900.0
"""How long `--wait` waits unless told otherwise, as `cilium status --wait` does."""


def main(arguments: Any) -> int:
    """Print it."""
    if arguments.schema:
        output.document(SCHEMA, "yaml" if arguments.output == "yaml" else "json")
        return Exit.OK
    if arguments.watch and arguments.output not in ("table", "wide", "jsonl"):
        raise UsageError("--watch prints lines", hint="use -o jsonl, or no -o for words")
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    limit = headless.limit(arguments.timeout) if arguments.timeout else _WAIT_SECONDS
    once = not (arguments.watch or arguments.wait)
    async with headless.new_session(settings, Scope(RESOURCES, access=False, once=once)) as session:
        settling = headless.settling(settings)
        _, recent = await asyncio.gather(session.settled(settling), _recent(session, settings, settling))
        unread = await _evidence(session, settings, recent)
        if arguments.watch:
            unread = max(unread, headless.missing_data(session, (), RESOURCES))
            return max(unread, await _watch(session, arguments.output, limit if arguments.timeout else None))
        if arguments.wait and not await session.until(lambda: settled(session.judgement), limit):
            _print(session, settings, arguments.output, unread)
            words.say(f"not all is well after {limit:g} s")
            return Exit.TIMED_OUT
        if _in_doubt(session):
            session.mesh_flows.follow()
            await session.until(lambda: not _in_doubt(session), _PROOF_SECONDS)
        return _print(session, settings, arguments.output, unread)


def _in_doubt(session: Session) -> bool:
    """Whether something is not known, and nothing is known to fail."""
    return bool(unproven(session.judgement)) and not failing(session.judgement)


async def evidence(session: Session, settings: Settings) -> int:
    """What the first minute of a dashboard would show: Relays, the last minute's flows, KVStoreMesh's attempt.

    What of the flows could not be read is told; 1 when something could not, else 0.
    """
    patience = min(_RELAY_PATIENCE, settings.request_timeout)
    return await _evidence(session, settings, await _recent(session, settings, patience))


async def _evidence(session: Session, settings: Settings, recent: RecentFlows) -> int:
    for error in recent.failures:
        words.complain(error)
    session.judging.take(session.mesh_flows.past(recent.rows))
    await session.until(lambda: headless.answered(session, "troubleshoot"), settings.request_timeout)
    await versions_told(session)
    session.judging.now()
    return int(bool(recent.failures))


async def _recent(session: Session, settings: Settings, settling: float) -> RecentFlows:
    return await recent_flows(session, settling, min(_RELAY_PATIENCE, settings.request_timeout))


def _print(session: Session, settings: Settings, form: str, unread: int) -> int:
    """The whole report; its exit code, at least `unread`."""
    mesh, judgement = session.mesh, session.judging.now()
    headless.tell_twins(mesh)
    problems = headless.unreached(mesh, settings)
    found = report(mesh, judgement, findings(mesh, judgement), problems)
    if output.is_table(form):
        _tables(found, wide=form == "wide")
    elif form == "jsonl":
        output.lines([{"kind": kind[:-1], **row} for kind in _GROUPS for row in found[kind]])
    else:
        output.document(found, form)
    return max(unread, _verdict(session, judgement, problems))


_GROUPS = ("clusters", "links", "services", "findings")


def _tables(found: dict[str, Any], *, wide: bool) -> None:
    output.emit(output.plain(f"mesh {found['verdict']}: {found['summary']}"))
    parts = [
        {**part, "cluster": cluster["cluster"], "ready": {"ready": part["ready"], "total": part["desired"]}}
        for cluster in found["clusters"]
        for part in cluster["components"]
    ]
    groups = (
        (found["clusters"], CLUSTERS),
        (found["links"], LINKS),
        (parts, COMPONENTS),
        (found["services"], SERVICES),
        (found["findings"], FINDINGS),
    )
    for rows, columns in groups:
        if rows:
            output.emit("")
            output.table(rows, columns, wide=wide)


def _verdict(session: Session, judgement: Judgement, problems: dict[str, MeshtuiError]) -> int:
    """The exit code: a failure's own when no cluster answers, 1 when something fails, is stale or not known."""
    mesh = session.mesh
    for error in problems.values():
        words.complain(error)
    if problems and len(problems) == len(mesh.clusters):
        code = headless.away(next(iter(problems.values()))).exit_code
        return Exit.CANNOT_CONNECT if code is Exit.TIMED_OUT else code
    unread = headless.missing_data(session, (), RESOURCES)
    doubts = unproven(judgement)
    _tell_doubts(mesh, doubts)
    return Exit.DEGRADED if problems or unread or doubts or failing(judgement) else Exit.OK


def _tell_doubts(mesh: Mesh, doubts: list[Judged]) -> None:
    """Say what no evidence of the last two minutes speaks for: a green that was not earned is not green."""
    names = {cluster.context: cluster.name for cluster in mesh.clusters.values()}
    for judged in doubts[:_DOUBTS_SHOWN]:
        words.say(f"{judged.verdict.value}: {judged.subject.what.value} {place(judged, names)}: {judged.words}")
    if len(doubts) > _DOUBTS_SHOWN:
        words.say(f"and {len(doubts) - _DOUBTS_SHOWN} more are stale or not known")


async def _watch(session: Session, form: str, most: float | None) -> int:
    """Tell every verdict, then each change of one, until interrupted or `most` seconds are over."""
    told: dict[Subject, Verdict] = {}
    known: dict[tuple[Cause, str], Trouble] = {}

    def tell(_: object = None) -> None:
        judgement = session.judgement
        names = {cluster.context: cluster.name for cluster in session.mesh.clusters.values()}
        for line in (*_changes(judgement, told, names), *_troubles(judgement, known)):
            _tell(line, form)

    tell()
    unsubscribe = session.subscribe(tell)
    try:
        await asyncio.sleep(most) if most is not None else await asyncio.Event().wait()
    finally:
        unsubscribe()
    return Exit.DEGRADED if failing(session.judgement) or unproven(session.judgement) else Exit.OK


def _tell(line: dict[str, Any], form: str) -> None:
    if form == "jsonl":
        output.lines([line])
    else:
        time = (line["at"] or "")[11:19]
        output.emit(output.plain(f"{time} {line['what']} {line['name']}: {line['verdict']}: {line['detail']}"))
    output.flush()


def _changes(judgement: Judgement, told: dict[Subject, Verdict], names: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Verdicts that are other than those told last; `told` learns of them."""
    now: dict[Subject, Judged] = {judged.subject: judged for judged in judgement.all()}
    for subject, judged in now.items():
        was = told.get(subject)
        if was is judged.verdict:
            continue
        told[subject] = judged.verdict
        yield {
            "at": moment(judgement.at),
            "what": subject.what.value,
            "name": place(judged, names),
            "was": was.value if was else None,
            "verdict": judged.verdict.value,
            "since": moment(judged.since),
            "detail": judged.words,
            "causes": [cause.value for cause in judged.causes],
        }
    for subject in [known for known in told if known not in now]:
        del told[subject]


def _troubles(judgement: Judgement, known: dict[tuple[Cause, str], Trouble]) -> Iterator[dict[str, Any]]:
    """Troubles that came or went since; `known` learns of them."""
    now = {trouble.key: trouble for trouble in judgement.troubles}
    for key, trouble in [*now.items(), *known.items()]:
        if key in now and key in known:
            continue
        over = key in known
        yield {
            "at": moment(judgement.at),
            "what": "finding",
            "name": trouble.object,
            "was": trouble.cause.value if over else None,
            "verdict": "over" if over else trouble.cause.value,
            "since": moment(trouble.since),
            "detail": trouble.sentence,
            "causes": [trouble.cause.value],
        }
    known.clear()
    known.update(now)
