"""After a Service was changed here the agents are asked again, so that what they say of it is not from before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from meshtui.core.model.resources import SERVICES

if TYPE_CHECKING:
    from meshtui.core.changes.plan import Outcome
    from meshtui.mesh.cluster import ClusterTask


class AgentRefresh:
    """Asks some seconds after a change; a further change begins the wait anew."""

    def __init__(self, clusters: Mapping[str, ClusterTask], after: Sequence[float]) -> None:
        self._clusters = clusters
        self._after = after
        """Seconds from the change to each question."""
        self._timers: list[asyncio.TimerHandle] = []

    def expect(self, outcomes: Sequence[Outcome]) -> None:
        """These changes were made."""
        if not any(outcome.changed and outcome.step.resource is SERVICES for outcome in outcomes):
            return
        self.close()
        loop = asyncio.get_running_loop()
        self._timers = [loop.call_later(seconds, self._ask) for seconds in self._after]

    def close(self) -> None:
        """Ask no more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _ask(self) -> None:
        for cluster in self._clusters.values():
            cluster.ask_agents()
