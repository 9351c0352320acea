"""What keeps a simulated cluster moving: workloads, endpoints, identities, heartbeats."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from meshtui.sim.controllers import bootstrap, wiring
from meshtui.sim.controllers.deployments import Deployments
from meshtui.sim.controllers.loop import NAMESPACES, REPLICASETS, Loop
from meshtui.sim.controllers.nodes import Nodes
from meshtui.sim.controllers.replicasets import ReplicaSets
from meshtui.sim.world import SimCluster


@contextlib.asynccontextmanager
async def running(cluster: SimCluster, authority: str = "") -> AsyncIterator[Loop]:
    """Run a cluster's controllers for the length of the block; `authority` is its CA as PEM."""
    loop = Loop(cluster)
    _settle(loop, authority)
    forget = wiring.connect(loop, authority)
    loop.spawn(loop.run())
    loop.spawn(Nodes(loop).run())
    try:
        yield loop
    finally:
        forget()
        await loop.stop()


def _settle(loop: Loop, authority: str) -> None:
    """What the initial objects imply but do not contain."""
    bootstrap.roles(loop.store)
    for namespace in loop.store.list(NAMESPACES):
        for gvr, obj in bootstrap.namespace(loop.store, namespace["metadata"]["name"], authority):
            loop.store.load(gvr, [obj])
    Deployments(loop).adopt()
    sets = ReplicaSets(loop)
    for rs in loop.store.list(REPLICASETS):
        sets.report(rs["metadata"]["namespace"], rs["metadata"]["name"])
