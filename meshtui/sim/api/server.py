"""One cluster's API server: authenticates, authorises and answers every request."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from meshtui.sim.api import delete, discovery, logs, portforward, rbac, read, reviews, scale, write
from meshtui.sim.api import exec as exec_
from meshtui.sim.api.auth import Tokens, User, authenticate, impersonated
from meshtui.sim.api.body import Body
from meshtui.sim.api.errors import ApiError, NoSuchPath, forbidden, forbidden_path, method_not_allowed
from meshtui.sim.api.faults import meet, open_door
from meshtui.sim.api.request import Request, parse
from meshtui.sim.api.tables import shape_of
from meshtui.sim.api.watch import Watch
from meshtui.sim.world import SimCluster

JSON = "application/json"
_UPGRADES = {"exec", "attach", "portforward"}
Response = Awaitable[web.StreamResponse]


class ApiServer:
    """The HTTP face of one cluster."""

    def __init__(self, cluster: SimCluster, tokens: Tokens) -> None:
        self._cluster = cluster
        self._store = cluster.store
        self._tokens = tokens
        self._subresources: dict[str, Callable[[web.Request, Request, User], Response]] = {
            "exec": self._exec,
            "attach": self._attach,
            "portforward": self._portforward,
            "log": self._log,
            "scale": self._scale,
            "token": self._token,
            "eviction": self._evict,
        }

    def application(self) -> web.Application:
        """An aiohttp application that answers every path."""
        app = web.Application(client_max_size=3 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ApiError as error:
            return _json(msgspec.json.encode(error.status()), error.code)
        except ConnectionResetError:
            return web.Response(status=503)
        except NoSuchPath:
            return web.Response(status=404, text="404 page not found\n", headers=_headers())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await open_door(request, self._cluster)
        user = self._user(request)
        ask = parse(self._store, request.method, request.path, request.query)
        if ask is None:
            return await self._plain(request, user)
        self._authorize(request, ask, user)
        await meet(request, self._cluster, ask, user.name)
        if ask.sub in self._subresources:
            return await self._subresources[ask.sub](request, ask, user)
        if ask.sub not in ("", "status") or ask.verb not in ask.resource.verbs:
            raise method_not_allowed(ask.resource.plural)
        if ask.resource.group in reviews.GROUPS:
            return await self._review(request, ask, user)
        return await self._object(request, ask, user)

    async def _object(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        """The common verbs on objects."""
        shape = shape_of(request.headers.get("Accept", ""), request.query.get("includeObject", ""))
        now = self._cluster.world.clock.now
        match ask.verb:
            case "get":
                return _json(read.get(self._store, ask, shape, now()))
            case "list":
                return _json(read.listing(self._store, ask, request.query, shape, now()))
            case "watch":
                return await _stream(request, Watch(self._cluster, ask, request.query, shape, now))
        body = await self._body(request, user)
        match ask.verb:
            case "create":
                code, obj = 201, write.create(self._cluster, ask, body)
            case "update":
                code, obj = 200, write.update(self._cluster, ask, body)
            case "patch":
                known = self._store.entry(ask.resource.gvr, ask.namespace, ask.name)
                code, obj = 200 if known else 201, write.patch(self._cluster, ask, body)
            case "delete":
                code, obj = delete.delete(self._cluster, ask, body)
            case "deletecollection":
                code, obj = 200, delete.delete_collection(self._cluster, ask, body)
            case _:
                raise method_not_allowed(ask.resource.plural)
        return _json(encoded(obj), code)

    async def _body(self, request: web.Request, user: User) -> Body:
        data = await request.read()
        agent = request.headers.get("User-Agent", "")
        return Body(data, request.content_type, request.query, user, agent)

    def _user(self, request: web.Request) -> User:
        user = authenticate(request, self._tokens)
        other = impersonated(request)
        if other is None:
            return user
        access = rbac.Access("impersonate", "", "users", name=other.name)
        if rbac.reason(self._store, user, access) is None:
            raise forbidden(user.name, "impersonate", "users", "", "", other.name)
        return other

    def _authorize(self, request: web.Request, ask: Request, user: User) -> None:
        verb = "create" if ask.sub in _UPGRADES else ask.verb
        access = rbac.Access(verb, ask.resource.group, ask.target, ask.namespace, ask.name)
        if rbac.reason(self._store, user, access) is None:
            raise forbidden(user.name, verb, ask.target, ask.resource.group, ask.namespace, ask.name)

    async def _plain(self, request: web.Request, user: User) -> web.StreamResponse:
        """Paths that are no resources: discovery, health, version, OpenAPI."""
        path = request.path.rstrip("/") or "/"
        access = rbac.Access(request.method.lower(), path=path)
        if rbac.reason(self._store, user, access) is None:
            raise forbidden_path(user.name, request.method.lower(), request.path)
        return discovery.answer(request, self._cluster, path)

    async def _review(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        body = await self._body(request, user)
        return _json(encoded(reviews.review(self._cluster, ask, body, self._tokens)), 201)

    async def _exec(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        return await exec_.serve(request, self._cluster, ask.namespace, ask.name)

    async def _attach(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        return await exec_.serve(request, self._cluster, ask.namespace, ask.name, attach=True)

    async def _portforward(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        return await portforward.serve(request, self._cluster, ask.namespace, ask.name)

    async def _log(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        return await logs.serve(request, self._cluster, ask.namespace, ask.name)

    async def _scale(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        body = await self._body(request, user)
        return _json(encoded(scale.answer(self._cluster, ask, body)))

    async def _evict(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        """`kubectl drain`: a delete that a disruption budget could refuse."""
        await request.read()
        target = Request(ask.resource, "delete", ask.namespace, ask.name)
        delete.delete(self._cluster, target, Body(b"", JSON, request.query, user))
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
        return _json(encoded(success), 201)

    async def _token(self, request: web.Request, ask: Request, user: User) -> web.StreamResponse:
        body = await self._body(request, user)
        return _json(encoded(reviews.token(self._cluster, ask, body, self._tokens)), 201)


def encoded(obj: Any) -> bytes:
    """An answer's object as JSON, kind and apiVersion first."""
    head = {k: obj[k] for k in ("kind", "apiVersion") if k in obj}
    return msgspec.json.encode({**head, **obj})


def _headers() -> dict[str, str]:
    return {"Audit-Id": str(uuid.uuid4()), "Cache-Control": "no-cache, private"}


def _json(body: bytes, code: int = 200) -> web.Response:
    return web.Response(status=code, body=body + b"\n", content_type=JSON, headers=_headers())


async def _stream(request: web.Request, watch: Watch) -> web.StreamResponse:
    """Write a watch's lines until it, or the client, ends."""
    response = web.StreamResponse(headers={**_headers(), "Content-Type": JSON})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for line in watch.lines():
            await response.write(line)
        await response.write_eof()
    except ConnectionError:
        # The client went, or the server is to look dead: either way nobody hears an orderly end.
        if request.transport is not None:
            request.transport.abort()
    return response
