"""`kubectl logs`: what a container wrote."""

from __future__ import annotations

from aiohttp import web

from meshtui.sim.api.exec import container_of, running_pod
from meshtui.sim.world import SimCluster


async def serve(request: web.Request, cluster: SimCluster, namespace: str, name: str) -> web.StreamResponse:
    """The log of one container. Raises ApiError."""
    pod = running_pod(cluster, namespace, name)
    container_of(pod, request.query.get("container", ""))
    return web.Response(text="", content_type="text/plain")
