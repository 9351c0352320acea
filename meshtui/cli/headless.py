"""Opens a session for one answer: reads the settings, waits until every cluster has answered or failed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from meshtui.cli import words
from meshtui.cli.config import settings_of
from meshtui.core.errors import Forbidden, LoginAwaited, MeshtuiError, TimedOut, UsageError
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Delta, Mesh, Phase
from meshtui.core.settings import Settings, seconds
from meshtui.core.text import clean
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose

GRACE = 1.0
"""Seconds beyond the request timeout, so that a timeout is told rather than our own impatience."""


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
        await session.settled(settings.request_timeout + GRACE)
        tell_twins(session.mesh)
        problems = unreached(session.mesh, settings)
        if len(problems) == len(session.mesh.clusters):
            raise next(iter(problems.values()))
        for error in problems.values():
            words.complain(error)
        yield session


def tell_twins(mesh: Mesh) -> None:
    """Name the contexts that are left out, since they lead to a cluster that is shown already."""
    for twin, shown in mesh.twins.items():
        words.say(f"meshtui: {clean(twin)} leads to the same cluster as {clean(shown)}, and is shown as that")


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


def unfinished(mesh: Mesh, resources: Iterable[Resource]) -> list[MeshtuiError]:
    """Lists that have not arrived from clusters that do answer: nothing of them is "none"."""
    found: list[MeshtuiError] = []
    for cluster in mesh.clusters.values():
        late = [
            resource.plural
            for resource in resources
            if resource not in cluster.objects and cluster.watch_phase(resource) is Phase.CONNECTING
        ]
        if late and cluster.api.phase is Phase.LIVE:
            found.append(
                TimedOut(
                    clean(f"{cluster.context} has not sent all of its lists yet"),
                    context=cluster.context,
                    cause=f"missing: {', '.join(late)}; what is said of {clean(cluster.context)} is not complete",
                    hint="the way to it is slow: raise --request-timeout, or name a namespace with -n",
                )
            )
    return found


def lacking(mesh: Mesh, resources: Iterable[Resource]) -> list[MeshtuiError]:
    """Why some of `resources` could not be listed in clusters that do answer."""
    wanted = set(resources)
    return [
        link.error
        for cluster in mesh.clusters.values()
        if cluster.api.phase is Phase.LIVE
        for resource, link in cluster.watches.items()
        if resource in wanted and link.error is not None and link.phase not in (Phase.LIVE, Phase.ABSENT)
    ]


def missing_data(session: Session, needed: Iterable[Resource], beside: Iterable[Resource] = ()) -> int:
    """Say what could not be read; 1 when something could not, else 0. Raises when all of `needed` could not.

    What is `beside` the answer and forbidden to this person is told in a word and is no failure.
    """
    errors = lacking(session.mesh, needed)
    late = unfinished(session.mesh, (*needed, *beside))
    live = [cluster for cluster in session.mesh.clusters.values() if cluster.api.phase is Phase.LIVE]
    if errors and len(errors) >= len(live) * len(set(needed)):
        raise _with_namespace(errors[0], session)
    closed: list[MeshtuiError] = []
    for error in lacking(session.mesh, beside):
        (closed if isinstance(error, Forbidden) else errors).append(error)
    errors += late
    for error in errors:
        words.complain(error)
    _closed(closed)
    return int(bool(errors) or len(live) < len(session.mesh.clusters))


def _closed(errors: Sequence[MeshtuiError]) -> None:
    """One word for each cluster on what a person may not see."""
    resources: dict[str, list[str]] = {}
    for error in errors:
        if isinstance(error, Forbidden):
            resources.setdefault(error.context, []).append(error.resource.partition(".")[0])
    for context, names in resources.items():
        words.say(f"meshtui: {clean(context)}: not seen for want of rights: {', '.join(dict.fromkeys(names))}")


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


def limit(text: str) -> float:
    """Seconds that `--timeout` says. Raises UsageError."""
    try:
        return seconds(text)
    except ValueError:
        raise UsageError(f"--timeout {text}: not a time", hint="say 30s, 5m or a number of seconds") from None


def wait_for(work: Coroutine[Any, Any, int]) -> int:
    """Run a verb to its end."""
    return asyncio.run(work)
