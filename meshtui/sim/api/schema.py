"""Which fields a kind has: strict validation refuses others."""

from __future__ import annotations

from meshtui.sim.api.registry import ApiResource
from meshtui.sim.store import Object


def refuse_unknown(resource: ApiResource, obj: Object) -> None:
    """Raise ApiError 400 for fields the kind does not have."""
    del resource, obj
