"""How much of the mesh a session looks at: the dashboard everything, a headless verb just what it prints."""

from __future__ import annotations

from dataclasses import dataclass

from meshtui.core.resources import WATCHED, Resource


@dataclass(frozen=True, slots=True)
class Scope:
    """What to watch and to ask for in every cluster."""

    resources: tuple[Resource, ...] = WATCHED
    status: bool = True
    """Ask agents, KVStoreMesh and cilium-health, by exec."""
    access: bool = True
    """Ask what we may not do."""
    flows: bool = True
    """Follow the Relays."""
