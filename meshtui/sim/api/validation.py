"""What the API server refuses with a 422."""

from __future__ import annotations

import json
import re

from meshtui.sim.api.errors import Cause, invalid, required, wrong
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object

_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def check(resource: ApiResource, obj: Object, old: Object | None) -> None:
    """Raise ApiError 422 naming everything wrong with the object."""
    causes = _metadata(resource, obj)
    if causes:
        raise invalid(resource.kind, resource.group, str(obj["metadata"].get("name", "")), causes)


def _metadata(resource: ApiResource, obj: Object) -> list[Cause]:
    name = obj["metadata"].get("name", "")
    if not resource.group.startswith("rbac") and not _SUBDOMAIN.match(name):
        return [wrong("metadata.name", json.dumps(name), _SUBDOMAIN_TEXT)]
    return [required("metadata.name")] if not name else []
