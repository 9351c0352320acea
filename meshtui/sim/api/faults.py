"""How injected faults meet a request: silence, delay, refusal."""

from __future__ import annotations

import asyncio

from aiohttp import web

from meshtui.sim.api.errors import ApiError, denied, forbidden
from meshtui.sim.api.request import Request
from meshtui.sim.datapath.view import view
from meshtui.sim.world import SimCluster

LOOK_EVERY = 0.2
"""Seconds between two looks at whether a frozen API server goes on."""
NO_ROUTE_AFTER = 3.0
"""Seconds until the kernel finds that nobody has a neighbour's address."""
KUBELET_PORT = 10250


async def meet(request: web.Request, cluster: SimCluster, ask: Request, user: str) -> None:
    """Let active faults act on a request. Raises ApiError; a server that is down cuts the connection."""
    faults = cluster.world.faults
    rule = faults.api_rule(cluster.name, ask.verb, ask.target)
    if ask.sub in ("exec", "attach", "portforward", "log"):
        await _dial_kubelet(cluster, ask)
    if faults.webhook(cluster.name, ask.verb, ask.target, dry=bool(request.query.get("dryRun"))):
        raise denied(ask.resource.plural, ask.resource.group, ask.name)
    if not rule:
        return
    if rule.get("delay"):
        await cluster.world.clock.sleep(float(rule["delay"]))
    status = int(rule.get("status", 0))
    if status == 403:
        raise forbidden(user, ask.verb, ask.target, ask.resource.group, ask.namespace, ask.name)
    if status:
        raise ApiError(status, "InternalError", str(rule.get("message") or "an injected fault"))


async def open_door(request: web.Request, cluster: SimCluster) -> None:
    """Let a request in, unless the API server is gone (the connection is cut) or frozen (it waits)."""
    await thawed(cluster)
    if down(cluster):
        hang_up(request)


async def thawed(cluster: SimCluster) -> None:
    """Wait while the API server is frozen."""
    while True:
        if not frozen(cluster):
            return
        await asyncio.sleep(LOOK_EVERY)


async def _dial_kubelet(cluster: SimCluster, ask: Request) -> None:
    """What goes on to a kubelet does not get to one on a dead node."""
    pod = cluster.store.get(("", "pods"), ask.namespace, ask.name)
    node = (pod or {}).get("spec", {}).get("nodeName", "")
    if cluster.world.faults.node_down(cluster.name, node):
        await cluster.world.clock.sleep(NO_ROUTE_AFTER)
        address = f"{view(cluster).internal_ip(node)}:{KUBELET_PORT}"
        raise ApiError(500, "InternalError", f"error dialing backend: dial tcp {address}: connect: no route to host")


def frozen(cluster: SimCluster) -> bool:
    """Whether the cluster's API server takes connections and does nothing."""
    rule = cluster.world.faults.api_rule(cluster.name, "get", "")
    return bool(rule and rule.get("frozen"))


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
