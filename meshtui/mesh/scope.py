"""How much of the mesh a session looks at, and what all its parts share."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from meshtui.core.clock import Clock
from meshtui.core.model.resources import WATCHED, Resource
from meshtui.core.model.state import Event, Mesh
from meshtui.core.settings import Settings
from meshtui.mesh.aliases import Aliases
from meshtui.mesh.pace import Pace

if TYPE_CHECKING:
    from meshtui.kube.logins import Logins


class Scope(Struct, frozen=True):
    """What to watch and to ask for in every cluster: the dashboard everything, a headless verb what it prints."""

    resources: tuple[Resource, ...] = WATCHED
    status: bool = True
    """Ask agents, KVStoreMesh and cilium-health, by exec."""
    access: bool = True
    """Ask what we may not do."""
    flows: bool = True
    """Follow the Relays."""
    judged: bool = True
    """Judge all of it again and again."""
    once: bool = False
    """List the resources and watch none of them: for an answer that is printed and not looked at again."""
    reading: bool = False
    """Ask them, too, for the flows of those who read a Relay, this session among them."""


class ServerFilter(Protocol):
    """What a Relay can be asked for: `core.flows.filter.FlowFilter` is one."""

    def to_server(self) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]], Any]:
        """Whitelist, blacklist, and what must be filtered here."""
        ...


class Surroundings(Struct, frozen=True):
    """What every cluster's tasks of one session share. `emit` and `progressed` belong on the event loop."""

    mesh: Mesh
    settings: Settings
    scope: Scope
    pace: Pace
    emit: Callable[[Event], None]
    progressed: Callable[[], None]
    """Called when `settled` may have become true without an event."""
    clock: Clock
    rng: random.Random
    logins: Logins
    """The desk where plugins log in, for all clusters."""
    doubted: Callable[[str], bool]
    """Whether a link from or to a context's cluster is not known to be well."""
    aliases: Aliases
    """Which context shows which cluster."""
