"""One run as it is followed: what was asked, what came back, and what it should have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from meshtui.core.errors import Exit
from meshtui.core.load.record import changed, record, verdict_on
from meshtui.core.load.service import prediction
from meshtui.core.load.spec import LoadEnded, LoadEvent, LoadSpec, LoadStarted, Request
from meshtui.core.load.split import Verdict
from meshtui.core.load.stats import Summary
from meshtui.core.load.surroundings import surroundings
from meshtui.core.load.tally import Tally
from meshtui.core.model.state import Mesh

HERE = "this machine"
"""What a client is called that is in no cluster."""
MOST_REQUESTS = 50_000
"""Requests kept one by one; the oldest go first, the numbers keep counting them."""


class Run(Struct):
    """One load test. Fill it with `take` and `retell`; the tally keeps up."""

    spec: LoadSpec
    client: str
    """Context of the client's cluster; empty for this machine."""
    target: str
    """What people call the target: `rebel-base`."""
    expected: Mapping[str, float] | None = None
    """Cluster name → predicted share when it started; None when it cannot be told."""
    requests: list[Request] = field(default_factory=list)
    """In order of arrival."""
    pod: str = ""
    running: bool = True
    problem: str = ""
    hint: str = ""
    exit_code: Exit = Exit.DEGRADED
    """What a program that does nothing but this run ends with, where there is a problem."""
    cancelled: bool = False
    cluster: str = ""
    """What Cilium calls the client's cluster."""
    service: str = ""
    """Key of the Service the URL names; empty when it names none."""
    state: Mapping[str, str] = field(default_factory=dict)
    """What the outcome depends on, as it was when the run began."""
    started: float = 0.0
    tally: Tally = field(default_factory=Tally)
    foretold: str = ""
    """What policies were predicted to refuse when it started; empty where nothing."""
    known: frozenset[str] = frozenset()
    """Names of the clusters that were looked at when it started."""
    altered: Sequence[str] = ()
    """What changed during the run so that another split was to be expected at its end, a sentence each."""
    untold: int = 0
    """Requests at the front that left to make room."""
    _where: dict[int, int] = field(default_factory=dict)
    """Request number → its index in `requests`, plus `untold`."""

    def __post_init__(self) -> None:
        """Count requests that were there from the start."""
        given, self.requests = self.requests, []
        for request in given:
            self.place(request)

    @property
    def summary(self) -> Summary:
        """The run in numbers so far."""
        return self.tally.summary()

    @property
    def verdict(self) -> Verdict | None:
        """How the split compares with the predicted one; None when there is no prediction and somebody answered."""
        return verdict_on(self.summary, self.expected, self.foretold, self.known, self.altered)

    def settle(self, mesh: Mesh) -> None:
        """Look once more at what the outcome depends on, after the last answer: what was foretold may be overtaken."""
        if not self.service:
            return
        _, expected, foretold = prediction(mesh, self.spec)
        if (expected, foretold) != (self.expected, self.foretold):
            self.altered = changed(self.state, surroundings(mesh, self.service))

    @property
    def origin(self) -> str:
        """`koornacht/x-wing`, or this machine."""
        return f"{self.cluster or self.client}/{self.spec.workload}" if self.client else HERE

    def take(self, event: LoadEvent) -> None:
        """Take one event of the run."""
        if isinstance(event, LoadStarted):
            self.pod, self.started = event.pod, event.at
        elif isinstance(event, LoadEnded):
            self.running = False
            self.problem, self.hint, self.cancelled = event.problem, event.hint, event.cancelled
            self.exit_code = event.exit_code
        else:
            self.place(event)

    def place(self, request: Request) -> None:
        """Take a request; one told a second time (its pod or story found out later) replaces the first telling."""
        at = self._where.get(request.number)
        if at is not None:
            index = at - self.untold
            self.tally.swap(self.requests[index], request)
            self.requests[index] = request
            return
        self._where[request.number] = len(self.requests) + self.untold
        self.requests.append(request)
        self.tally.add(request)
        if len(self.requests) > MOST_REQUESTS:
            self._forget(MOST_REQUESTS // 10)

    def _forget(self, count: int) -> None:
        for request in self.requests[:count]:
            del self._where[request.number]
        del self.requests[:count]
        self.untold += count

    def retell(self, requests: Sequence[Request]) -> None:
        """Take what was found out of requests that are here already."""
        for request in requests:
            if request.number in self._where:
                self.place(request)

    def document(self) -> dict[str, Any]:
        """The run as `record.SCHEMA` describes it."""
        ended = None if self.running else LoadEnded(0.0, self.problem, self.hint, self.cancelled)
        return record(
            self.spec, self.cluster, self.pod, self.started, self.requests,
            self.expected, ended, self.state, summary=self.summary, service=self.service,
            verdict=self.verdict,
        )  # fmt: skip


def new_run(mesh: Mesh, spec: LoadSpec, target: str = "") -> Run:
    """A run that is about to begin, with the split the mesh predicts now and what that depends on."""
    cluster = mesh.clusters.get(spec.context)
    service, expected, foretold = prediction(mesh, spec)
    return Run(
        spec,
        spec.context,
        target or (service.partition("/")[2] if service else spec.url),
        expected,
        cluster=cluster.name if cluster else "",
        service=service,
        state=surroundings(mesh, service) if service else {},
        foretold=foretold,
        known=frozenset(each.name for each in mesh.clusters.values()),
    )
