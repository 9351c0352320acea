"""OpenAPI documents, as far as kubectl needs them."""

from __future__ import annotations

import msgspec
from aiohttp import web

from meshtui.sim.api.errors import NoSuchPath
from meshtui.sim.world import SimCluster


def answer(request: web.Request, cluster: SimCluster, path: str) -> web.Response:
    """The answer to `/openapi/v2` and `/openapi/v3…`. Raises NoSuchPath."""
    del request, cluster
    if path == "/openapi/v3":
        return web.Response(body=msgspec.json.encode({"paths": {}}), content_type="application/json")
    raise NoSuchPath
