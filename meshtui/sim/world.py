"""The simulated mesh as one value: its clusters, its time, its randomness and its faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, TypeVar

from meshtui.sim.clock import RealClock, SimClock
from meshtui.sim.faults.timeline import Faults
from meshtui.sim.options import SimOptions
from meshtui.sim.store import Store

T = TypeVar("T")


class SimCluster:
    """One simulated cluster; other rooms of the simulator hang their own state on it with `part`."""

    def __init__(self, world: World, name: str, cluster_id: int) -> None:
        self.world = world
        self.name = name
        self.id = cluster_id
        self.index = cluster_id - 1
        self.store = Store(world.clock, world.rng)
        self.relay: Any = None
        self.relay_port = 0
        self.rings: dict[str, Any] = {}
        self._parts: dict[type, Any] = {}

    def part(self, kind: type[T], make: Callable[[], T]) -> T:
        """The cluster's one `kind`, made when first asked for."""
        if kind not in self._parts:
            self._parts[kind] = make()
        found: T = self._parts[kind]
        return found


class World:
    """Everything simulated, in one process."""

    def __init__(self, options: SimOptions, *, clock: SimClock | None = None, rng: random.Random | None = None) -> None:
        self.options = options
        self.clock: SimClock = clock or RealClock()
        self.rng = rng or random.Random(options.seed)
        self.clusters: dict[str, SimCluster] = {
            name: SimCluster(self, name, number) for number, name in enumerate(options.cluster_names, 1)
        }
        self.faults = Faults()
