"""Opens a session for one answer: reads the settings, waits until every cluster has answered or failed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from meshtui.cli import words
from meshtui.cli.config import settings_of
from meshtui.core.errors import (
    ClusterError,
    Exit,
    Forbidden,
    LoginAwaited,
    MeshtuiError,
    TimedOut,
    Unreachable,
    UsageError,
)
from meshtui.core.model.completeness import (
    AGENTS,
    CONFIG,
    HEALTH,
    KVSTOREMESH,
    Wanted,
    live,
    missing,
    refused_lists,
)
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Delta, Mesh, Phase
from meshtui.core.settings import Settings, seconds
from meshtui.core.text import clean
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose

GRACE = 1.0
"""Seconds beyond what requests may take, so that a timeout is told rather than our own impatience."""


def settling(settings: Settings) -> float:
    """Seconds until everything is answered, refused or timed out: the lists, and what is asked by them in turn."""
    return 2 * settings.request_timeout + GRACE


def settings_from(arguments: Any) -> Settings:
    """Settings of a parsed command line."""
    return settings_of(vars(arguments), os.environ)


class SharedTerminal:
    """A person's terminal while nothing is painted on it: a plugin may use it beside us."""

    shared = True

    @asynccontextmanager
    async def lend(self, title: str) -> AsyncIterator[None]:
        """It is there already."""
        yield


def terminal() -> SharedTerminal | None:
    """What a plugin can ask a person on; None where nobody sits."""
    return SharedTerminal() if sys.stdin.isatty() and sys.stderr.isatty() else None


def new_session(settings: Settings, scope: Scope) -> Session:
    """A session whose logins are told on standard error. Raises ConfigError."""
    session = Session(choose(settings, os.environ), settings, scope=scope, terminal=terminal())
    told: set[str] = set()

    def tell(delta: Delta) -> None:
        for context in delta.status:
            error = session.mesh.clusters[context].api.error
            if isinstance(error, LoginAwaited) and f"{context} {error.cause}" not in told:
                told.add(f"{context} {error.cause}")
                words.login(error)

    session.subscribe(tell)
    return session


@asynccontextmanager
async def opened(settings: Settings, scope: Scope) -> AsyncIterator[Session]:
    """A session that has settled. Raises the first cluster's failure when none could be reached."""
    async with new_session(settings, scope) as session:
        await session.settled(settling(settings))
        tell_twins(session.mesh)
        problems = unreached(session.mesh, settings)
        if len(problems) == len(session.mesh.clusters):
            raise away(next(iter(problems.values())))
        for error in problems.values():
            words.complain(error)
        yield session


def away(error: MeshtuiError) -> MeshtuiError:
    """The failure of the only way in: what answers there may be anything, but no API server that lets us in."""
    if error.exit_code is not Exit.DEGRADED:
        return error
    context = error.context if isinstance(error, ClusterError) else ""
    return Unreachable(error.title, context=context, cause=error.cause, hint=error.hint)


def tell_twins(mesh: Mesh) -> None:
    """Name the contexts that are left out, since they lead to a cluster that is shown already."""
    for alias, shown in mesh.aliases.items():
        words.say(f"meshtui: {clean(alias)} leads to the same cluster as {clean(shown)}, and is shown as that")


def unreached(mesh: Mesh, settings: Settings) -> dict[str, MeshtuiError]:
    """Context → why nothing is known of it."""
    found: dict[str, MeshtuiError] = {}
    for context, cluster in mesh.clusters.items():
        if cluster.api.phase is Phase.LIVE:
            continue
        found[context] = cluster.api.error or TimedOut(
            f"{context} has not answered within {settings.request_timeout:g} s",
            context=context,
            hint="see whether its API server can be reached, or raise --request-timeout",
        )
    return found


def missing_data(
    session: Session,
    needed: Iterable[Resource],
    beside: Iterable[Resource] = (),
    *,
    cilium: bool = True,
    time: bool = False,
) -> int:
    """Say what could not be read; 1 when something could not, else 0. Raises when all of `needed` could not.

    What is `beside` the answer and forbidden to this person is told in a word and is no failure. `cilium`: whether it
    depends on what Cilium says of itself; `time`: whether on what the time is, as every judgement does.
    """
    needed = tuple(needed)
    errors = [error for cluster in live(session.mesh) for error in refused_lists(cluster, needed)]
    if errors and len(errors) >= len(live(session.mesh)) * len(set(needed)):
        raise _with_namespace(errors[0], session)
    scope = session.scope
    questions = [CONFIG, *([AGENTS, KVSTOREMESH, HEALTH] if scope.status else [])] if cilium else []
    wanted = Wanted(
        needed,
        tuple(beside),
        questions,
        flows=scope.flows and scope.judged,
        time=time or (scope.judged and scope.status),
    )
    found = missing(session.mesh, wanted, session.unasked)
    for error in found.failures:
        words.complain(error)
    for context, names in found.closed.items():
        words.say(f"meshtui: {clean(context)}: not seen for want of rights: {', '.join(names)}")
    return int(bool(found.failures) or len(live(session.mesh)) < len(session.mesh.clusters))


def nothing_wrong(missing: int) -> str:
    """What is said where no finding is: no claim about what was not read."""
    return "nothing is known to be wrong, but not everything was read" if missing else "nothing is wrong or surprising"


def _with_namespace(error: MeshtuiError, session: Session) -> MeshtuiError:
    """Who may not see all namespaces may see one: say how to name it."""
    if not isinstance(error, Forbidden) or session.settings.namespaces:
        return error
    return Forbidden(
        error.title,
        context=error.context,
        verb=error.verb,
        resource=error.resource,
        status=error.status,
        cause=error.cause,
        hint=f"name a namespace that you may see: -n NAMESPACE; or ask for the right: {error.hint}",
    )


def shown_namespaces(settings: Settings) -> frozenset[str]:
    """Namespaces to print; empty means all."""
    return frozenset() if settings.all_namespaces else frozenset(settings.namespaces)


def clusters_of(session: Session) -> list[Cluster]:
    """Clusters that answered, in order."""
    return [cluster for cluster in session.mesh.clusters.values() if cluster.api.phase is Phase.LIVE]


def answered(session: Session, question: str) -> bool:
    """Whether every cluster that answers has answered or refused a question of `probes.QUESTIONS` once."""
    waiting = session.unasked
    return all(question not in waiting.get(cluster.context, (question,)) for cluster in clusters_of(session))


def limit(text: str) -> float:
    """Seconds that `--timeout` says. Raises UsageError."""
    try:
        return seconds(text)
    except ValueError:
        raise UsageError(f"--timeout {text}: not a time", hint="say 30s, 5m or a number of seconds") from None


def wait_for(work: Coroutine[Any, Any, int]) -> int:
    """Run a verb to its end."""
    return asyncio.run(work)
