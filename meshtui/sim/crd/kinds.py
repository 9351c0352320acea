"""Which of Cilium's kinds have a schema here, by version."""

from __future__ import annotations

from collections.abc import Callable

from meshtui.sim.crd.policies import Schema, policy
from meshtui.sim.rulebook.versions import SPEC_RULE, Version
from meshtui.sim.store import GVR, Object

_GROUPS: Schema = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"externalCIDRs": {"type": "array", "items": {"type": "string", "format": "cidr"}}},
            "required": ["externalCIDRs"],
        }
    },
    "required": ["spec"],
}
_POLICIES = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")
_KINDS: dict[GVR, Callable[[Version], Schema]] = {
    **{("cilium.io", plural): policy for plural in _POLICIES},
    ("cilium.io", "ciliumcidrgroups"): lambda _: _GROUPS,
}
_APART = ("apiVersion", "kind", "metadata", "status")
"""Fields of every object that its own schema does not tell of."""


def schema(gvr: GVR, version: Version) -> Schema | None:
    """A kind's schema, without what every object has; None where none is known."""
    made = _KINDS.get(gvr)
    return made(version) if made is not None else None


def body(obj: Object) -> Object:
    """The fields of an object that its schema tells of. Its values are the object's own."""
    return {key: value for key, value in obj.items() if key not in _APART}


def rules(gvr: GVR, version: Version) -> tuple[tuple[str, ...], ...]:
    """What the schema wants beyond single fields: groups of fields of which one must be there (CEL in the schema)."""
    return (("spec", "specs"),) if gvr[1] in _POLICIES and SPEC_RULE.at(version) else ()
