"""`meshtui load`: requests from a workload in one or all clusters, who answered, and assertions for pipelines."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from meshtui.cli import headless, output, words
from meshtui.core.errors import CheckFailed, Exit, MeshtuiError, UsageError
from meshtui.core.load.expect import broken, parse_expectation
from meshtui.core.load.record import record
from meshtui.core.load.script import check
from meshtui.core.load.service import service_of_url, shares_of
from meshtui.core.load.split import judge
from meshtui.core.load.stats import Summary, summarise
from meshtui.core.load.story import tell_all
from meshtui.core.loadspec import Answer, LoadEnded, LoadSpec, LoadStarted, Request
from meshtui.core.resources import ENDPOINTSLICES, NAMESPACES, NODES, PODS, POLICIES, SERVICES
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session

RESOURCES = (NAMESPACES, SERVICES, ENDPOINTSLICES, NODES, PODS, *POLICIES)
COLUMNS = ("from", "requests", "answered_by", "timeouts", "refused", "failed", "p50_ms", "p95_ms", "max_ms", "verdict")
FLOW_WAIT = 1.5
"""Seconds after the last answer in which its flows may still arrive."""
_MARKS = {Answer.ANSWERED: "●", Answer.REFUSED: "⊘", Answer.TIMED_OUT: "✗"}


@dataclass
class Run:
    """One client's run."""

    spec: LoadSpec
    cluster: str
    pod: str = ""
    started: float = 0.0
    ended: LoadEnded | None = None
    requests: list[Request] = field(default_factory=list)
    shares: dict[str, float] | None = None

    @property
    def summary(self) -> Summary:
        """The run in numbers."""
        return summarise(self.requests)


def main(arguments: Any) -> int:
    """Run, print, check."""
    clauses = parse_expectation(arguments.expect) if arguments.expect else []
    return headless.wait_for(_main(arguments, clauses))


async def _main(arguments: Any, clauses: list[tuple[str, str, int, bool]]) -> int:
    settings = headless.settings_from(arguments)
    spec = _spec(arguments, settings)
    check(spec)
    async with headless.opened(settings, Scope(RESOURCES, status=False, access=False)) as session:
        runs = [Run(one, session.mesh.clusters[one.context].name) for one in _specs(session, spec, arguments.sources)]
        for run in runs:
            service = service_of_url(session.mesh, run.spec)
            run.shares = shares_of(session.mesh, run.spec.context, service) if service else None
        interrupted = await _run_all(session, runs)
        await _attribute(session, runs)
        _print(runs, arguments.output)
        if interrupted and not arguments.steady:
            return Exit.INTERRUPTED
        return _checked(runs, clauses, arguments.max_timeouts)


def _spec(arguments: Any, settings: Settings) -> LoadSpec:
    headers = {}
    for text in arguments.header:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"a header is NAME: VALUE, not {text!r}")
        headers[name.strip()] = value.strip()
    return LoadSpec(
        url=arguments.url,
        namespace=settings.namespaces[0] if settings.namespaces else "default",
        container=arguments.container,
        count=0 if arguments.steady else arguments.count,
        concurrency=arguments.concurrency,
        rate=arguments.rate or (10.0 if arguments.steady else 0.0),
        max_time=arguments.max_time,
        method=arguments.method.upper(),
        headers=headers,
        body=arguments.data,
        cluster_field=settings.cluster_field,
        cluster_header=settings.cluster_header,
    )


def _specs(session: Session, spec: LoadSpec, sources: list[str] | None) -> list[LoadSpec]:
    """One spec per client. Raises UsageError for a cluster that is not in the session."""
    from dataclasses import replace

    if not sources:
        return [replace(spec, context=cluster.context) for cluster in headless.clusters_of(session)]
    found = []
    for source in sources:
        name, _, workload = source.partition("/")
        cluster = session.mesh.by_name(name)
        if cluster is None:
            known = ", ".join(c.name for c in session.mesh.clusters.values())
            raise UsageError(f"no cluster {name!r} in this session", hint=f"clusters: {known}")
        found.append(replace(spec, context=cluster.context, workload=workload or spec.workload))
    return found


async def _run_all(session: Session, runs: list[Run]) -> bool:
    """All runs side by side; True when a person stopped them, which loses nothing that came back."""
    tasks = [asyncio.create_task(_one(session, run, runs)) for run in runs]
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()
        return True
    finally:
        words.end_progress()
    return False


async def _one(session: Session, run: Run, runs: list[Run]) -> None:
    from contextlib import aclosing

    async with aclosing(session.load(run.spec)) as events:
        async for event in events:
            if isinstance(event, LoadStarted):
                run.pod, run.started = event.pod, event.at
            elif isinstance(event, LoadEnded):
                run.ended = event
            else:
                run.requests.append(event)
                words.progress("   ".join(_marks(other) for other in runs))


def _marks(run: Run) -> str:
    recent = "".join(_MARKS.get(request.answer, "!") for request in run.requests[-20:])
    return f"{run.cluster} {len(run.requests)}/{run.spec.count or '…'} {recent}"


async def _attribute(session: Session, runs: list[Run]) -> None:
    """Match requests with flows; those of the last ones may still be on their way."""
    wanted = any(r.answer is not Answer.ANSWERED or not r.cluster for run in runs for r in run.requests)
    if not wanted:
        return
    deadline = time.monotonic() + FLOW_WAIT
    arrived = asyncio.Event()
    unsubscribe = session.subscribe_flows(arrived.set)
    try:
        while (left := deadline - time.monotonic()) > 0:
            arrived.clear()
            async with asyncio.timeout(left):
                await arrived.wait()
    except TimeoutError:
        pass
    finally:
        unsubscribe()
    rows = list(session.flows)
    for run in runs:
        run.requests = tell_all(run.requests, rows, session.mesh, run.spec, run.pod)


def _print(runs: list[Run], form: str) -> None:
    documents = [_document(run) for run in runs]
    if form == "table":
        output.table([_row(run) for run in runs], COLUMNS)
        for run in runs:
            _failures(run)
    elif form == "jsonl":
        output.lines(documents)
    else:
        output.document(documents, form)


def _document(run: Run) -> dict[str, Any]:
    return record(run.spec, run.cluster, run.pod, run.started, run.requests, run.shares, run.ended)


def _row(run: Run) -> dict[str, Any]:
    summary = run.summary
    verdict = judge(summary.by_cluster, run.shares).text if run.shares is not None else ""
    return {
        "from": f"{run.cluster}/{run.spec.workload}",
        "requests": summary.total,
        "answered_by": [f"{name or 'unknown'} {count}" for name, count in summary.by_cluster.items()],
        "timeouts": summary.timeouts,
        "refused": summary.refused,
        "failed": summary.failed + summary.dns_failed,
        "p50_ms": round(summary.p50 * 1000, 1),
        "p95_ms": round(summary.p95 * 1000, 1),
        "max_ms": round(summary.max * 1000, 1),
        "verdict": verdict,
    }


def _failures(run: Run) -> None:
    """Each way of failing once, with how often."""
    stories: dict[str, int] = {}
    for request in run.requests:
        if request.answer is not Answer.ANSWERED:
            told = f"{request.answer.value}: {request.story}" if request.story else request.answer.value
            stories[told] = stories.get(told, 0) + 1
    for told, count in stories.items():
        output.emit(f"{run.cluster}: {count} × {output.plain(told)}")


def _checked(runs: list[Run], clauses: list[tuple[str, str, int, bool]], most: int | None) -> int:
    """The exit code; assertions are about all runs together."""
    for run in runs:
        if run.ended is not None and run.ended.problem:
            words.complain(MeshtuiError(f"{run.cluster}: {run.ended.problem}", hint=run.ended.hint))
    if not any(run.requests for run in runs):
        raise CheckFailed("no request was made", hint="see what is said above")
    total = summarise([request for run in runs for request in run.requests])
    sentences = broken(total, clauses)
    if most is not None and total.timeouts > most:
        sentences.append(f"expected at most {most} timeouts, got {total.timeouts}")
    for sentence in sentences:
        words.say(f"meshtui: {sentence}")
    problems = any(run.ended is None or run.ended.problem for run in runs if run.spec.count != 0)
    return Exit.DEGRADED if sentences or problems else Exit.OK
