"""Reads one object as its API server has it, with the events told of it, and a container's last lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct, field

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.manifest import ObjectEvent, events
from meshtui.core.model.resources import Resource
from meshtui.kube.api import Api

LINES = 400
"""Lines of a log that are asked for."""


class Description(Struct, frozen=True):
    """One object now; what could not be read says why."""

    document: dict[str, Any] = field(default_factory=dict)
    events: tuple[ObjectEvent, ...] = ()
    error: MeshtuiError | None = None
    events_error: MeshtuiError | None = None


class Reader:
    """Reads from the API server of a context."""

    def __init__(self, api: Callable[[str], Api]) -> None:
        self._api = api

    async def describe(self, context: str, resource: Resource, namespace: str, name: str) -> Description:
        """The object and its events; a failure is part of the result."""
        try:
            api = self._api(context)
            document = await api.get_raw(resource.path(namespace, name))
        except MeshtuiError as error:
            return Description(error=error)
        try:
            return Description(document, await _events(api, resource, namespace, name))
        except MeshtuiError as error:
            return Description(document, events_error=error)

    async def log(self, context: str, namespace: str, pod: str, container: str, *, lines: int = LINES) -> str:
        """The last lines a container wrote, as text. Raises what the API server answers."""
        query = urlencode({"container": container, "tailLines": str(lines), "timestamps": "false"})
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/log?{query}"
        return await self._api(context).get_text(path)


async def _events(api: Api, resource: Resource, namespace: str, name: str) -> tuple[ObjectEvent, ...]:
    selector = {"involvedObject.name": name, "involvedObject.kind": resource.kind}
    query = urlencode({"fieldSelector": ",".join(f"{k}={v}" for k, v in selector.items()), "limit": "100"})
    where = f"/api/v1/namespaces/{quote(namespace, safe='')}/events" if namespace else "/api/v1/events"
    return tuple(events(await api.get_raw(f"{where}?{query}")))
