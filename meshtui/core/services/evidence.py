"""What is the case beside what is predicted, for one service: flows, answers of load tests, the agents' tables."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from meshtui.core.errors import MeshtuiError
from meshtui.core.model.ciliumstatus import RealisedService
from meshtui.core.routing import Disagreement, Route, disagreements
from meshtui.core.services.measured import Measured


class Realised(Struct, frozen=True):
    """`cilium-dbg service list` of one agent, or why there is none."""

    node: str = ""
    services: tuple[RealisedService, ...] = ()
    at: float = 0.0
    error: MeshtuiError | None = None


class Answers(Struct, frozen=True):
    """Who answered the last load test from one cluster to the service."""

    counts: Mapping[str, int]
    """Cluster name → answers."""
    total: int
    """Requests made, unanswered ones included."""
    at: float


class Evidence(Struct, frozen=True):
    """All that is known of one service; each mapping by the context of the clients' cluster."""

    measured: Mapping[str, Measured] = field(default_factory=dict)
    answers: Mapping[str, Answers] = field(default_factory=dict)
    realised: Mapping[str, Realised] = field(default_factory=dict)
    since: float = 0.0
    """Wall time from which flows and answers count: what came before the last change says nothing of now."""
    narrowed: str = ""
    """The filter that keeps flows at the servers: what comes is no measure of shares, so `measured` is empty."""
    whole_since: float = 0.0
    """Wall time from which all flows come again after such a filter; 0 when they always did."""

    def against(self, found: Route) -> tuple[Disagreement, ...]:
        """Where any of it contradicts a route."""
        context = found.context
        realised = self.realised.get(context)
        answers = self.answers.get(context)
        measured = self.measured.get(context)
        return disagreements(
            found,
            realised.services if realised and realised.error is None else None,
            answers.counts if answers else None,
            measured.counts if measured else None,
        )
