"""Cilium's own kinds at the API server: their schema refuses, drops and completes, by the version installed."""

from __future__ import annotations

from meshtui.sim.api.errors import Cause, bad_request, wrong
from meshtui.sim.api.registry import ApiResource
from meshtui.sim.crd import check, kinds
from meshtui.sim.datapath.view import view
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

_UNCHECKED = wrong(
    check.WHOLE,
    "null",
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete "
    "validation",
)


def refuse_unknown(cluster: SimCluster, resource: ApiResource, obj: Object) -> None:
    """Refuse fields that the schema does not have. Raises ApiError 400."""
    schema = kinds.schema(resource.gvr, view(cluster).version)
    if schema is None:
        return
    found = [f'unknown field "{path}"' for path in check.unknown(schema, kinds.body(obj))]
    if found:
        kind = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise bad_request(f"{kind}: strict decoding error: {', '.join(found)}")


def complete(cluster: SimCluster, resource: ApiResource, obj: Object) -> None:
    """Drop what the schema does not have, and fill in its defaults, in place."""
    schema = kinds.schema(resource.gvr, view(cluster).version)
    if schema is None:
        return
    body = kinds.body(obj)
    known = set(body)
    check.complete(schema, body)
    for key in known - set(body):
        del obj[key]
    obj.update(body)


def causes(cluster: SimCluster, resource: ApiResource, obj: Object) -> list[Cause]:
    """What the schema refuses."""
    version = view(cluster).version
    schema = kinds.schema(resource.gvr, version)
    if schema is None:
        return []
    rules, found = kinds.rules(resource.gvr, version), check.causes(schema, kinds.body(obj))
    if found:
        return [*found, *([_UNCHECKED] if rules else [])]
    missing = [names for names in rules if all(obj.get(name) is None for name in names)]
    return [wrong(check.WHOLE, '"object"', f"{' or '.join(names)} must be provided") for names in missing]
