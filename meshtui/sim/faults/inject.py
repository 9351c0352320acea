"""Breaking a world and mending it again."""

from __future__ import annotations

from typing import Any

from meshtui.sim.faults import acts
from meshtui.sim.faults.kinds import canonical, parse
from meshtui.sim.world import World


def inject(world: World, spec: dict[str, Any], *, ago: float = 0.0) -> None:
    """Break something: `{"fault": NAME, …}`, as if `ago` seconds earlier. The same fault again replaces itself.

    Raises ValueError with a sentence.
    """
    fault = parse(spec, tuple(world.clusters))
    world.faults.add(fault, world.clock.monotonic() - ago)
    acts.begin(world, fault)


def heal(world: World, name: str | None = None) -> None:
    """Mend every fault, or those of one name. Raises ValueError on an unknown name."""
    known = canonical(name) if name is not None else None
    for fault in reversed(world.faults.remove(known, world.clock.monotonic())):
        acts.end(world, fault)
