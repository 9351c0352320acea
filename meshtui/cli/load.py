"""`meshtui load`: requests from a workload in one or all clusters, who answered, and assertions for pipelines."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from meshtui.cli import headless, output, words
from meshtui.core.errors import CheckFailed, Exit, MeshtuiError, UsageError
from meshtui.core.load.expect import Clause, broken, parse_expectation
from meshtui.core.load.moves import moved
from meshtui.core.load.run import Run, new_run
from meshtui.core.load.script import check
from meshtui.core.load.spec import Answer, LoadSpec
from meshtui.core.load.stats import summarise
from meshtui.core.model.resources import DEPLOYMENTS, ENDPOINTSLICES, NAMESPACES, NODES, PODS, POLICIES, SERVICES
from meshtui.core.settings import Settings
from meshtui.mesh.load.runs import Batch
from meshtui.mesh.scope import Scope
from meshtui.mesh.targets import choose, home

if TYPE_CHECKING:
    from meshtui.mesh.session import Session

STEADY_RATE = 10.0
"""Requests per second where steady mode is asked for without a rate."""
RESOURCES = (NAMESPACES, SERVICES, ENDPOINTSLICES, NODES, PODS, DEPLOYMENTS, *POLICIES)
COLUMNS = ("from", "requests", "answered_by", "timeouts", "refused", "failed", "p50_ms", "p95_ms", "max_ms", "verdict")
_MARKS = {Answer.ANSWERED: "●", Answer.REFUSED: "⊘", Answer.TIMED_OUT: "✗"}


def main(arguments: Any) -> int:
    """Run, print, check; or show what was run before."""
    if arguments.history:
        from meshtui.cli.loadhistory import show

        return show(arguments)
    clauses = parse_expectation(arguments.expect) if arguments.expect else []
    if not arguments.url:
        raise UsageError("load needs a service's name or an URL", hint="for example: meshtui load rebel-base")
    if arguments.direct and (arguments.sources or arguments.all_clusters):
        raise UsageError("--direct sends from this machine, --from and --all-clusters from workloads: choose one")
    if arguments.http2 and not arguments.direct:
        raise UsageError("--http2 is for --direct: the workloads' curl decides for itself otherwise")
    return headless.wait_for(_main(arguments, clauses))


async def _main(arguments: Any, clauses: list[Clause]) -> int:
    settings = headless.settings_from(arguments)
    spec = _spec(arguments, settings, "" if arguments.direct else home(settings, choose(settings, os.environ)))
    check(spec)
    if arguments.direct:
        from meshtui.mesh.session import Session

        alone = Session((), settings)  # no cluster is asked for anything
        return await _measure(alone, [new_run(alone.mesh, spec)], arguments, clauses)
    async with headless.opened(settings, Scope(RESOURCES, status=False, access=False)) as session:
        code = headless.missing_data(session, (), RESOURCES)
        sources = None if arguments.all_clusters else arguments.sources
        workload = arguments.sources[0].rpartition("/")[2] if arguments.all_clusters and arguments.sources else ""
        runs = [new_run(session.mesh, one) for one in _specs(session, spec, sources, workload)]
        return max(code, await _measure(session, runs, arguments, clauses))


async def _measure(session: Session, runs: list[Run], arguments: Any, clauses: list[Clause]) -> int:
    """Run, print, check; a person's interrupt loses nothing that came back."""
    words.begin_progress()
    batch = Batch(session, runs, lambda: words.progress("   ".join(map(_marks, runs))))
    interrupted = await _finish(batch)
    words.end_progress()
    if batch.problem is not None:
        words.complain(batch.problem)
    _print(runs, arguments.output)
    if interrupted and not arguments.steady:
        return Exit.INTERRUPTED
    return _checked(runs, clauses, arguments.max_timeouts)


async def _finish(batch: Batch) -> bool:
    """Carry the runs out; the first interrupt stops the requests, True when there was one."""
    work = asyncio.create_task(batch.carry_out())
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None:
            current.uncancel()
        batch.stop()
        await work
        return True
    return False


def _spec(arguments: Any, settings: Settings, namespace: str) -> LoadSpec:
    headers = {}
    for text in arguments.header:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"a header is NAME: VALUE, not {text!r}")
        headers[name.strip()] = value.strip()
    return LoadSpec(
        url=arguments.url,
        namespace=namespace or "default",
        workload=settings.load_client,
        container=arguments.container,
        count=0 if arguments.steady or arguments.duration else settings.load_count,
        concurrency=settings.load_concurrency,
        rate=arguments.rate or (STEADY_RATE if arguments.steady or arguments.duration else 0.0),
        duration=arguments.duration,
        max_time=settings.load_max_time,
        method=arguments.method.upper(),
        headers=headers,
        body=arguments.data,
        cluster_field=settings.cluster_field,
        cluster_header=settings.cluster_header,
        http2=arguments.http2,
        insecure=arguments.insecure,
    )


def _specs(session: Session, spec: LoadSpec, sources: list[str] | None, workload: str = "") -> list[LoadSpec]:
    """One spec per client. Raises UsageError for a cluster that is not in the session."""
    if not sources:
        spec = replace(spec, workload=workload or spec.workload)
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


def _marks(run: Run) -> str:
    recent = "".join(_MARKS.get(request.answer, "!") for request in run.requests[-20:])
    return f"{run.origin} {run.summary.total}/{run.spec.total or '…'} {recent}"


def _print(runs: list[Run], form: str) -> None:
    documents = [run.document() for run in runs]
    if output.is_table(form):
        output.table([_row(run) for run in runs], COLUMNS, wide=form == "wide")
        for run in runs:
            _failures(run)
    elif form == "jsonl":
        output.lines(documents)
    else:
        output.document(documents, form)


def _row(run: Run) -> dict[str, Any]:
    summary = run.summary
    verdict = run.verdict
    return {
        "from": run.origin,
        "requests": summary.total,
        "answered_by": [f"{name or 'unknown'} {count}" for name, count in summary.by_cluster.items()],
        "timeouts": summary.timeouts,
        "refused": summary.refused,
        "failed": summary.failed + summary.dns_failed,
        "p50_ms": round(summary.p50 * 1000, 1),
        "p95_ms": round(summary.p95 * 1000, 1),
        "max_ms": round(summary.max * 1000, 1),
        "verdict": verdict.text if verdict else "",
    }


def _failures(run: Run) -> None:
    """Each way of failing once, with how often."""
    stories: dict[str, int] = {}
    for request in run.requests:
        if request.answer is not Answer.ANSWERED:
            told = f"{request.answer.value}: {request.story}" if request.story else request.answer.value
            stories[told] = stories.get(told, 0) + 1
    for told, count in stories.items():
        output.emit(f"{run.origin}: {count} × {output.plain(told)}")
    for sentence in moved(run.tally.moves.found, run.summary):
        output.emit(f"{run.origin}: {output.plain(sentence)}")


def _checked(runs: list[Run], clauses: list[Clause], most: int | None) -> int:
    """The exit code; assertions are about all runs together."""
    for run in runs:
        if run.problem:
            words.complain(MeshtuiError(f"{run.origin}: {run.problem}", hint=run.hint))
    if not any(run.requests for run in runs):
        words.complain(CheckFailed("no request was made", hint="see what is said above"))
        codes = {run.exit_code for run in runs}
        return codes.pop() if len(codes) == 1 else Exit.DEGRADED
    total = summarise([request for run in runs for request in run.requests])
    sentences = broken(total, clauses)
    if most is not None and total.timeouts > most:
        sentences.append(f"expected at most {most} timeouts, got {total.timeouts}")
    for sentence in sentences:
        words.say(f"meshtui: {sentence}")
    silent = [run for run in runs if run.requests and not run.summary.answered and not clauses and most is None]
    for run in silent:
        words.say(f"meshtui: {run.origin}: {run.verdict.text if run.verdict else 'nobody answered'}")
    problems = bool(silent) or any(run.problem or (run.cancelled and run.spec.total) for run in runs)
    return Exit.DEGRADED if sentences or problems else Exit.OK
