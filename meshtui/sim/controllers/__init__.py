"""What keeps a simulated cluster moving: workloads, endpoints, identities, heartbeats."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from meshtui.sim.world import SimCluster


@contextlib.asynccontextmanager
async def running(cluster: SimCluster) -> AsyncIterator[None]:
    """Run a cluster's controllers for the length of the block."""
    del cluster
    yield
