"""Runs the operator's part of a mesh: what changed in any cluster is taken up together, twice a second."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from meshtui.sim.controllers.loop import Loop
from meshtui.sim.datapath.exports import imports
from meshtui.sim.datapath.view import (
    CONFIGMAPS,
    MCS_EXPORTS,
    MCS_IMPORTS,
    NAMESPACES,
    SECRETS,
    SERVICES,
    SLICES,
)
from meshtui.sim.operator import slices
from meshtui.sim.operator.mcsapi import McsApi
from meshtui.sim.store import GVR, Object

BATCH = 0.5
"""Seconds in which changes are gathered (endpointslice-updates-batch-period)."""
_CONCERNED = {CONFIGMAPS, MCS_EXPORTS, MCS_IMPORTS, NAMESPACES, SECRETS, SERVICES, SLICES}


class Operator:
    """One cluster's."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._mcsapi = McsApi(loop)
        self._dirty = True
        self._frozen: frozenset[tuple[str, str]] = frozenset()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Notice changes in every cluster of the world for the length of the block."""
        forget = [c.store.subscribe(self._changed) for c in self._loop.cluster.world.clusters.values()]
        try:
            yield
        finally:
            for each in forget:
                each()

    def _changed(self, kind: str, gvr: GVR, obj: Object, old: Object | None) -> None:
        del kind, obj, old
        self._dirty = self._dirty or gvr in _CONCERNED

    async def run(self) -> None:
        """For ever."""
        with self.watching():
            while True:
                self.tick()
                await self._loop.clock.sleep(BATCH)

    def tick(self) -> None:
        """Take up what changed, or which links broke or healed, since the last time."""
        frozen = frozenset(imports(self._loop.cluster.world).frozen)
        if not self._dirty and frozen == self._frozen:
            return
        self._dirty, self._frozen = False, frozen
        slices.sync(self._loop)
        self._mcsapi.sync()
