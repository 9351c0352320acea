"""`meshtui drill`: the failover drill of the services pane, without a dashboard."""

from __future__ import annotations

from typing import Any

from meshtui.cli import headless
from meshtui.cli.changing import change, seen
from meshtui.cli.services import NEEDED, RESOURCES, key_of
from meshtui.core.errors import UsageError
from meshtui.core.model.resources import DEPLOYMENTS
from meshtui.mesh.scope import Scope

_WATCHED = (*RESOURCES, DEPLOYMENTS)


def main(arguments: Any) -> int:
    """Plan, ask, do."""
    return headless.wait_for(_main(arguments))


async def _main(arguments: Any) -> int:
    settings = headless.settings_from(arguments)
    async with headless.opened(settings, Scope(_WATCHED, status=False, flows=False)) as session:
        beside = [each for each in RESOURCES if each not in NEEDED]
        code = headless.missing_data(session, (*NEEDED, DEPLOYMENTS), beside)
        cluster = session.mesh.by_name(arguments.cluster)
        if cluster is None:
            known = ", ".join(each.name for each in session.mesh.clusters.values())
            raise UsageError(f"no cluster {arguments.cluster!r} in this session", hint=f"clusters: {known}")
        session.recall()  # how many replicas there were is known from the drill that took them
        plan = session.plan_drill(cluster.context, key_of(arguments.service, session))
        code = max(code, await change(session, plan, arguments))
        await seen(session, arguments)
        return code
