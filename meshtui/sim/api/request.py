"""What a request asks for: verb, resource, namespace, name and subresource, from its path and method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtui.sim.api.registry import ApiResource, find
from meshtui.sim.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request on a resource."""

    resource: ApiResource
    verb: str
    namespace: str = ""
    name: str = ""
    sub: str = ""

    @property
    def target(self) -> str:
        """`pods` or `pods/exec`: how RBAC names it."""
        return f"{self.resource.plural}/{self.sub}" if self.sub else self.resource.plural


def parse(store: Store, method: str, path: str, query: Mapping[str, str]) -> Request | None:
    """The request on a resource that a path makes, or None when it is no resource's path."""
    parts = [p for p in path.split("/") if p]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    watching = rest[0] == "watch"
    if watching:
        rest = rest[1:]
    namespace = ""
    # namespaces/NAME/finalize and /status are subresources of the namespace, not resources in it.
    if len(rest) >= 3 and rest[0] == "namespaces" and (group or rest[2] not in ("finalize", "status")):
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > 4:
        return None
    resource = find(store, group, version, rest[0])
    if resource is None or (namespace and not resource.namespaced):
        return None
    name = rest[1] if len(rest) > 1 else ""
    sub = rest[2] if len(rest) > 2 else ""
    if sub and sub not in resource.subs:
        return None
    return Request(resource, _verb(method, name, query, watching), namespace, name, sub)


def _verb(method: str, name: str, query: Mapping[str, str], watching: bool) -> str:
    if method in ("GET", "HEAD"):
        if watching or query.get("watch") in ("1", "true"):
            return "watch"
        return "get" if name else "list"
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    return _VERBS.get(method, method.lower())
