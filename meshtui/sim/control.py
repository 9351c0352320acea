"""The control URL: faults are applied and healed there, and users with fewer rights are made."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from meshtui.sim.api.auth import AUTHENTICATED, Tokens, User
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.faults.kinds import KINDS
from meshtui.sim.world import World


class Control:
    """HTTP on loopback; every path begins with a random token."""

    def __init__(
        self, world: World, token: str, tokens: dict[str, Tokens], move: Callable[[str], Awaitable[None]] | None = None
    ) -> None:
        self._move = move
        self._world = world
        self._token = token
        self._tokens = tokens

    def application(self) -> web.Application:
        """An aiohttp application for the control URL."""
        app = web.Application()
        app.router.add_get("/{token}/kinds", self._kinds)
        app.router.add_get("/{token}/faults", self._active)
        app.router.add_post("/{token}/faults", self._apply)
        app.router.add_delete("/{token}/faults", self._heal)
        app.router.add_delete("/{token}/faults/{name}", self._heal)
        app.router.add_post("/{token}/users", self._user)
        app.router.add_post("/{token}/stage", self._stage)
        return app

    def _check(self, request: web.Request) -> None:
        if not hmac.compare_digest(request.match_info["token"].encode(), self._token.encode()):
            raise web.HTTPNotFound

    async def _body(self, request: web.Request) -> dict[str, Any]:
        try:
            body = msgspec.json.decode(await request.read() or b"{}")
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=f"not JSON: {error}\n") from None
        if not isinstance(body, dict):
            raise web.HTTPBadRequest(text="not a JSON object\n")
        return body

    async def _kinds(self, request: web.Request) -> web.Response:
        """Every fault there is: `{"kinds": [{"name", "about", "takes", "offers"}], "clusters": [NAME]}`."""
        self._check(request)
        kinds = [{"name": n, "about": k.about, "takes": k.takes, "offers": k.offers} for n, k in KINDS.items()]
        return _json({"kinds": kinds, "clusters": list(self._world.clusters)})

    async def _active(self, request: web.Request) -> web.Response:
        self._check(request)
        return _json({"faults": self._world.faults.active()})

    async def _apply(self, request: web.Request) -> web.Response:
        self._check(request)
        body = await self._body(request)
        try:
            inject(self._world, body)
        except (ValueError, KeyError, TypeError) as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return _json({"faults": self._world.faults.active()}, 201)

    async def _heal(self, request: web.Request) -> web.Response:
        self._check(request)
        try:
            heal(self._world, request.match_info.get("name") or request.query.get("fault") or None)
        except (ValueError, KeyError) as error:
            raise web.HTTPNotFound(text=f"{error}\n") from None
        return _json({"faults": self._world.faults.active()})

    async def _stage(self, request: web.Request) -> web.Response:
        """Move the mesh to a step of its building, `{"stage": "no-cni" | "cilium" | "hubble" | …}`."""
        self._check(request)
        stage = str((await self._body(request)).get("stage", ""))
        if self._move is None:
            raise web.HTTPNotFound
        try:
            await self._move(stage)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"{error}\n") from None
        return _json({"stage": stage}, 201)

    async def _user(self, request: web.Request) -> web.Response:
        """Make a user who may do what bindings in the store grant it: `{"name", "groups"}`."""
        self._check(request)
        body = await self._body(request)
        groups = tuple(str(g) for g in body.get("groups") or ())
        user = User(str(body.get("name") or "reader"), (*groups, AUTHENTICATED))
        given = {cluster: tokens.issue(user) for cluster, tokens in self._tokens.items()}
        return _json({"user": user.name, "groups": list(user.groups), "tokens": given}, 201)


def _json(body: Any, code: int = 200) -> web.Response:
    data = msgspec.json.encode(body) + b"\n"
    return web.Response(status=code, body=data, content_type="application/json")
