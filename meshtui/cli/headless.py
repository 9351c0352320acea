"""Opens a session for one answer: reads the settings, waits until every cluster has answered or failed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any

from meshtui.cli import words
from meshtui.cli.config import settings_of
from meshtui.core.errors import MeshtuiError, TimedOut
from meshtui.core.model.resources import Resource
from meshtui.core.model.state import Cluster, Mesh, Phase
from meshtui.core.settings import Settings
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose

GRACE = 1.0
"""Seconds beyond the request timeout, so that a timeout is told rather than our own impatience."""


def settings_from(arguments: Any) -> Settings:
    """Settings of a parsed command line."""
    return settings_of(vars(arguments), os.environ)


@asynccontextmanager
async def opened(settings: Settings, scope: Scope) -> AsyncIterator[Session]:
    """A session that has settled. Raises the first cluster's failure when none could be reached."""
    session = Session(choose(settings, os.environ), settings, scope=scope)
    async with session:
        await session.settled(settings.request_timeout + GRACE)
        problems = unreached(session.mesh, settings)
        if len(problems) == len(session.mesh.clusters):
            raise next(iter(problems.values()))
        for error in problems.values():
            words.complain(error)
        yield session


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


def missing_data(session: Session, resources: Iterable[Resource]) -> int:
    """Say what could not be read; 1 when something could not, else 0. Raises when all of it could not."""
    errors = lacking(session.mesh, resources)
    down = sum(cluster.api.phase is not Phase.LIVE for cluster in session.mesh.clusters.values())
    live = len(session.mesh.clusters) - down
    if errors and len(errors) >= live * len(set(resources)):
        raise errors[0]
    for error in errors:
        words.complain(error)
    return int(bool(errors) or down > 0)


def shown_namespaces(settings: Settings) -> frozenset[str]:
    """Namespaces to print; empty means all."""
    return frozenset() if settings.all_namespaces else frozenset(settings.namespaces)


def clusters_of(session: Session) -> list[Cluster]:
    """Clusters that answered, in order."""
    return [cluster for cluster in session.mesh.clusters.values() if cluster.api.phase is Phase.LIVE]


def wait_for(work: Coroutine[Any, Any, int]) -> int:
    """Run a verb to its end."""
    return asyncio.run(work)
