"""How injected faults meet a request: refusals, delays, silence."""

from __future__ import annotations

from aiohttp import web

from meshtui.sim.api.request import Ask
from meshtui.sim.world import SimCluster


async def meet(request: web.Request, cluster: SimCluster, ask: Ask) -> None:
    """Let an active fault act on a request. Raises ApiError."""
    del request, cluster, ask
