"""What happens without anybody asking: kubelet probes, background traffic, faults that repeat."""

from __future__ import annotations

import asyncio

from meshtui.sim.datapath.probes import Prober
from meshtui.sim.noise import Solicitations
from meshtui.sim.stale import StaleConnections
from meshtui.sim.traffic import Traffic
from meshtui.sim.world import SimCluster, World

TICK = 0.05
STORM = 2.0
"""Seconds between two expiries of all watches while `watch-expire` lasts."""


class Background:
    """The background of one cluster."""

    def __init__(self, world: World, cluster: SimCluster) -> None:
        self._world = world
        self._cluster = cluster
        self._prober = Prober(world, cluster)
        self._traffic = Traffic(world, cluster, world.options.flow_rate / len(world.clusters))
        self._solicitations = Solicitations(world, cluster)
        self._stale = StaleConnections(world, cluster)
        self._stormed = world.clock.monotonic()
        self._task: asyncio.Task[None] | None = None

    def tick(self) -> None:
        """Do what is due."""
        self._prober.tick()
        self._traffic.tick()
        self._solicitations.tick()
        self._stale.tick()
        now = self._world.clock.monotonic()
        faults = self._world.faults
        if now - self._stormed >= STORM:
            self._stormed = now
            if faults.storm(self._cluster.name):
                self._cluster.store.compact()

    def start(self) -> None:
        """Tick from now on, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"background-{self._cluster.name}")

    async def _run(self) -> None:
        while True:
            self.tick()
            await self._world.clock.sleep(TICK)

    def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
