"""Breaking a world and mending it again."""

from __future__ import annotations

from typing import Any

from meshtui.sim.faults.kinds import KINDS, parse
from meshtui.sim.world import World


def inject(world: World, spec: dict[str, Any]) -> None:
    """Break something: `{"fault": NAME, …}`. The same fault again replaces itself. Raises ValueError."""
    fault = parse(spec, tuple(world.clusters))
    world.faults.add(fault)
    KINDS[fault.name].begin(world, fault)


def heal(world: World, name: str | None = None) -> None:
    """Mend every fault, or those of one name. Raises ValueError on an unknown name."""
    if name is not None and name not in KINDS:
        raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(KINDS))}")
    for fault in reversed(world.faults.remove(name)):
        KINDS[fault.name].end(world, fault)
