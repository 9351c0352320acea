"""`meshtui complete WHAT`: what shells ask for while a person types: contexts, clusters, namespaces, services."""

from __future__ import annotations

import os
from typing import Any

from msgspec.structs import replace

from meshtui.cli import headless, output
from meshtui.core.errors import Exit, MeshtuiError
from meshtui.core.model.resources import NAMESPACES, SERVICES

SECONDS = 2.0
"""How long a person who presses tab waits for a cluster."""


def main(arguments: Any) -> int:
    """Print one a line; nothing at all where anything is wrong: words would stand in the middle of a command line."""
    try:
        for word in words_of(arguments):
            output.emit(output.plain(word))
    except MeshtuiError:
        return Exit.DEGRADED
    return Exit.OK


def words_of(arguments: Any) -> list[str]:
    """Sorted, each once. Raises MeshtuiError."""
    from meshtui.mesh.targets import choices, choose

    settings = replace(headless.settings_from(arguments), request_timeout=SECONDS)
    if arguments.what == "contexts":
        return [choice.context for choice in choices(settings, os.environ)]
    found: set[str] = set()

    async def look() -> int:
        from meshtui.mesh.scope import Scope
        from meshtui.mesh.session import Session

        resources = {"namespaces": (NAMESPACES,), "services": (SERVICES,)}.get(arguments.what, ())
        scope = Scope(resources, status=False, access=False, flows=False)
        # No terminal: a login must not begin because somebody pressed tab.
        async with Session(choose(settings, os.environ), settings, scope=scope) as session:
            await session.settled(SECONDS)
            for cluster in session.mesh.clusters.values():
                if arguments.what == "clusters":
                    found.add(cluster.name)
                elif arguments.what == "namespaces":
                    found.update(cluster.namespaces)
                else:
                    found.update(cluster.services)
        return Exit.OK

    headless.wait_for(look())
    return sorted(found)
