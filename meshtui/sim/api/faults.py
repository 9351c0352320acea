"""How injected faults meet a request: silence, delay, refusal."""

from __future__ import annotations

from aiohttp import web

from meshtui.sim.api.errors import ApiError, forbidden
from meshtui.sim.api.request import Ask
from meshtui.sim.world import SimCluster


async def meet(request: web.Request, cluster: SimCluster, ask: Ask, user: str) -> None:
    """Let active faults act on a request. Raises ApiError; a server that is down cuts the connection."""
    faults = cluster.world.faults
    rule = faults.api_rule(cluster.name, ask.verb, ask.target)
    if not rule:
        return
    if rule.get("delay"):
        await cluster.world.clock.sleep(float(rule["delay"]))
    if rule.get("down"):
        hang_up(request)
    status = int(rule.get("status", 0))
    if status == 403:
        raise forbidden(user, ask.verb, ask.target, ask.resource.group, ask.namespace, ask.name)
    if status:
        raise ApiError(status, "InternalError", str(rule.get("message") or "an injected fault"))


def down(cluster: SimCluster) -> bool:
    """Whether the cluster's API server is down altogether."""
    faults = cluster.world.faults
    rule = faults.api_rule(cluster.name, "get", "")
    return bool(rule and rule.get("down"))


def hang_up(request: web.Request) -> None:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("the API server is down")
