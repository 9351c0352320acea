"""One cluster's API server: list in pages, get, patch, apply, create, delete, ask for rights."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from meshtui.core.clock import Clock
from meshtui.core.errors import ClusterError, Expired, MeshtuiError
from meshtui.core.model.objects import Object
from meshtui.core.model.resources import Resource
from meshtui.kube import failures
from meshtui.kube.call import Call, call_parts
from meshtui.kube.clock import SystemClock
from meshtui.kube.connection import Connection, ConnectionOptions
from meshtui.kube.contexts import ContextInfo
from meshtui.kube.http.client import Request
from meshtui.kube.http.connection import Response
from meshtui.kube.kubeconfig import Overrides
from meshtui.kube.logins import Logins
from meshtui.kube.turns import LONG, own_turn

PAGE = 500
FIELD_MANAGER = "meshtui"
_ACCESS_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_TRANSPORT_ERRORS = (ssl.SSLError, OSError)


class _ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class RawPage(msgspec.Struct):
    """One page of a list, its objects still undecoded."""

    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


@functools.cache
def _page_decoder(struct: type[Object]) -> msgspec.json.Decoder[Any]:
    items: Any = list[struct] | None  # type: ignore[valid-type] # made at run time, for msgspec
    fields = [("metadata", _ListMeta, _ListMeta()), ("items", items, None)]
    page = msgspec.defstruct(f"{struct.__name__}Page", fields)
    return msgspec.json.Decoder(page)


@functools.cache
def object_decoder(struct: type[Object]) -> msgspec.json.Decoder[Any]:
    """The decoder of one object of that type, made once."""
    return msgspec.json.Decoder(struct)


class Api:
    """One API server as one context of the kubeconfig reaches it. Use `async with await Api.connect(...)`.

    Every method raises a `core.errors.ClusterError` that names the context, and none waits longer for the
    server than `request_timeout` seconds.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.context = connection.context
        self.server = connection.server
        self.request_timeout = connection.timeout

    @classmethod
    async def connect(
        cls,
        context: str | ContextInfo,
        kubeconfig: Path | None,
        env: Mapping[str, str],
        *,
        request_timeout: float,
        clock: Clock | None = None,
        overrides: Overrides | None = None,
        logins: Logins | None = None,
    ) -> Api:
        """Read the context's credentials; nothing is sent to the server yet. Raises ConfigError, CredentialFailed.

        `overrides` is what flags say in the kubeconfig's stead; `logins` runs plugins for several contexts in turn.
        """
        name = context if isinstance(context, str) else context.name
        options = ConnectionOptions(
            name, kubeconfig, env, request_timeout, clock or SystemClock(), overrides or Overrides(), logins
        )
        return cls(await Connection.open(options))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests and watches under way fail."""
        await self.connection.close()

    async def version(self) -> str:
        """The server's version without the `v`: `1.36.2`."""
        response = await self.get_raw("/version")
        return str(response.get("gitVersion", "")).removeprefix("v") if isinstance(response, dict) else ""

    async def get(self, resource: Resource, name: str, namespace: str = "") -> Any:
        """One object as the resource's struct; raises NotFound."""
        call = self._call("get", resource, namespace, name)
        body = await self._request(call, "GET", resource.path(namespace, name))
        return self._decode(call, resource, body)

    async def get_raw(self, path: str) -> Any:
        """Any path's JSON as plain Python data."""
        call = self.connection.call("get", *call_parts(path))
        body = await self._request(call, "GET", path)
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            raise failures.not_an_api_server(call, body) from None

    async def get_text(self, path: str) -> str:
        """Any path's answer as text: a container's log. Bytes that are no UTF-8 are replaced."""
        call = self.connection.call("get", *call_parts(path))
        return (await self._request(call, "GET", path)).decode("utf-8", "replace")

    async def pages(
        self, resource: Resource, namespace: str = "", *, label_selector: str = ""
    ) -> AsyncIterator[tuple[list[Any], str]]:
        """Pages of at most 500 objects and the list's resourceVersion, the same on every page.

        Objects that do not fit the struct are left out. Raises Expired when the list outlives the server's
        snapshot (410 between pages): `list_all` starts over.
        """
        params = {"limit": str(PAGE)}
        if label_selector:
            params["labelSelector"] = label_selector
        call = self._call("list", resource, namespace)
        while True:
            body = await self._request(call, "GET", resource.path(namespace), params=params)
            async with own_turn(len(body) >= LONG):
                metadata, items = self._decode_page(call, resource, body)
            yield items, metadata.resource_version
            if not metadata.continue_:
                return
            params["continue"] = metadata.continue_

    async def list_all(
        self, resource: Resource, namespace: str = "", *, label_selector: str = ""
    ) -> tuple[dict[str, Any], str]:
        """All objects by key, and the resourceVersion to watch from; a list that expires midway starts over whole."""
        items: dict[str, Any] = {}
        version = ""
        try:
            async for page, current in self.pages(resource, namespace, label_selector=label_selector):
                items.update((item.key, item) for item in page)
                version = current
        except Expired:
            call = self._call("list", resource, namespace)
            params = {"labelSelector": label_selector} if label_selector else {}
            body = await self._request(call, "GET", resource.path(namespace), params=params)
            metadata, whole = self._decode_page(call, resource, body)
            return {item.key: item for item in whole}, metadata.resource_version
        return items, version

    async def patch(
        self,
        resource: Resource,
        name: str,
        namespace: str,
        merge_patch: Mapping[str, Any],
        *,
        dry_run: bool = False,
        resource_version: str = "",
    ) -> Any:
        """JSON merge patch; a resourceVersion in its metadata (or given) is a precondition: else Conflict."""
        document = dict(merge_patch)
        if resource_version:
            document["metadata"] = {**document.get("metadata", {}), "resourceVersion": resource_version}
        call = self._call("patch", resource, namespace, name)
        body = await self._request(
            call,
            "PATCH",
            resource.path(namespace, name),
            params=_params(dry_run),
            document=document,
            content_type="application/merge-patch+json",
        )
        return self._decode(call, resource, body)

    async def create(self, resource: Resource, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Any:
        """Create from a manifest; Conflict when it exists, Invalid when the server does not accept it."""
        name, namespace = _named(manifest)
        call = self._call("create", resource, namespace, name)
        path = resource.path(namespace)
        body = await self._request(call, "POST", path, params=_params(dry_run), document=manifest)
        return self._decode(call, resource, body)

    async def apply(
        self, resource: Resource, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = False
    ) -> Any:
        """Server-side apply as field manager `meshtui`; Conflict when another manager owns a field and not `force`."""
        name, namespace = _named(manifest)
        call = self._call("patch", resource, namespace, name)
        params = {**_params(dry_run), **({"force": "true"} if force else {})}
        body = await self._request(
            call,
            "PATCH",
            resource.path(namespace, name),
            params=params,
            document={"apiVersion": resource.api_version, "kind": resource.kind, **manifest},
            content_type="application/apply-patch+yaml",
        )
        return self._decode(call, resource, body)

    async def delete(self, resource: Resource, name: str, namespace: str = "", *, dry_run: bool = False) -> None:
        """Delete one object, its dependents in the background."""
        call = self._call("delete", resource, namespace, name)
        params = {"propagationPolicy": "Background", **({"dryRun": "All"} if dry_run else {})}
        await self._request(call, "DELETE", resource.path(namespace, name), params=params)

    async def scale(
        self, resource: Resource, name: str, namespace: str, replicas: int, *, dry_run: bool = False
    ) -> None:
        """Set spec.replicas through the scale subresource."""
        call = self.connection.call("patch", f"{failures.plural(resource)}/scale", namespace, name)
        await self._request(
            call,
            "PATCH",
            resource.path(namespace, name, "scale"),
            params=_params(dry_run),
            document={"spec": {"replicas": replicas}},
            content_type="application/merge-patch+json",
        )

    async def allowed(
        self, verb: str, resource: Resource, namespace: str = "", *, name: str = "", subresource: str = ""
    ) -> bool:
        """Whether these credentials may do that (SelfSubjectAccessReview)."""
        attributes = {"verb": verb, "group": resource.group, "version": resource.version, "resource": resource.plural}
        optional = {"namespace": namespace, "name": name, "subresource": subresource}
        attributes |= {key: value for key, value in optional.items() if value}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        call = self.connection.call("create", "selfsubjectaccessreviews")
        body = await self._request(call, "POST", _ACCESS_REVIEW, document=review)
        try:
            return bool(msgspec.json.decode(body).get("status", {}).get("allowed"))
        except (msgspec.DecodeError, AttributeError):
            raise failures.not_an_api_server(call, body) from None

    def _call(self, verb: str, resource: Resource, namespace: str = "", name: str = "") -> Call:
        return self.connection.call(verb, failures.plural(resource), namespace, name)

    async def _request(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        document: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> bytes:
        content = b"" if document is None else msgspec.json.encode(document)
        request = Request(method, path, params or {}, content, content_type)
        # A plugin has its own time; its failure must not read as the server's silence.
        await self.connection.source.headers()
        try:
            async with asyncio.timeout(self.request_timeout):
                response, body = await self._send(request)
        except MeshtuiError:
            raise
        except TimeoutError:
            raise self.late(call) from None
        except _TRANSPORT_ERRORS as error:
            raise await self.connection.explain(call, error) from None
        if response.status >= 300:
            raise self.refusal(call, response.status, body, response.headers.get("location", ""))
        return body

    def late(self, call: Call) -> MeshtuiError:
        """Why there is no answer in time: a plugin that waits for a person is not the server's silence."""
        return self.connection.source.awaited or failures.timed_out(call)

    def refusal(self, call: Call, status: int, body: bytes, location: str = "") -> ClusterError:
        """The error for an answer that is none of success."""
        return failures.from_status(call, status, body, self.connection.source.certificate, location)

    async def _send(self, request: Request) -> tuple[Response, bytes]:
        """A kept connection may have been closed just now: what only reads is sent once more."""
        try:
            return await self.connection.fetch(request)
        except _TRANSPORT_ERRORS as error:
            if request.method != "GET" or not failures.is_cut(error):
                raise
        return await self.connection.fetch(request)

    def _decode(self, call: Call, resource: Resource, body: bytes) -> Any:
        try:
            return object_decoder(resource.struct).decode(body)
        except msgspec.DecodeError:
            raise failures.not_an_api_server(call, body) from None

    def _decode_page(self, call: Call, resource: Resource, body: bytes) -> tuple[_ListMeta, list[Any]]:
        try:
            page = _page_decoder(resource.struct).decode(body)
            return page.metadata, page.items or []
        except msgspec.ValidationError:
            return _decode_one_by_one(resource, body)
        except msgspec.DecodeError:
            raise failures.not_an_api_server(call, body) from None


def _decode_one_by_one(resource: Resource, body: bytes) -> tuple[_ListMeta, list[Any]]:
    """One odd object must not hide all others."""
    page = msgspec.json.decode(body, type=RawPage)
    decoder, items = object_decoder(resource.struct), []
    for raw in page.items or ():
        try:
            items.append(decoder.decode(raw))
        except msgspec.ValidationError:
            continue
    return page.metadata, items


def _params(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}


def _named(manifest: Mapping[str, Any]) -> tuple[str, str]:
    metadata = manifest.get("metadata") or {}
    return str(metadata.get("name", "")), str(metadata.get("namespace", ""))
