"""One event costs the same however large the mesh is: work is counted in bytecodes, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from meshtui.core.errors import Forbidden, TimedOut
from meshtui.core.findings import Findings
from meshtui.core.flows.connections import Connections
from meshtui.core.flows.filter.question import Question
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.sums import Aggregates
from meshtui.core.health.judge import Judge
from meshtui.core.health.pulse import EventCounts
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.core.services.table import ServiceTable
from tests.core import meshes
from tests.core.flowrows import recorded

SMALL, LARGE = 60, 480
GLOBAL = {"service.cilium.io/global": "true"}


def key(number: int) -> str:
    return f"default/svc-{number}"


def pieces(number: int, ready: bool = True) -> tuple[o.Service, o.EndpointSlice, o.Pod]:
    labels = {"app": f"svc-{number}"}
    ends = [meshes.endpoint(f"10.{number >> 8}.{number & 255}.1", f"p-{number}", ready=ready)]
    service = meshes.service(GLOBAL if number % 2 else None, key=key(number))
    return service, meshes.endpointslice(ends, key=key(number)), meshes.pod(f"p-{number}", labels)


class Kept:
    """A mesh of two clusters and all that is kept current of it."""

    def __init__(self, services: int) -> None:
        self.mesh = meshes.mesh()
        for context in self.mesh.clusters:
            made = [pieces(number) for number in range(services)]
            for resource, items in zip((r.SERVICES, r.ENDPOINTSLICES, r.PODS), zip(*made, strict=True), strict=True):
                reduce(self.mesh, s.Listed(context, resource, {item.key: item for item in items}, 0.0))
        self.judge = Judge(self.mesh)
        self.judge.follow()
        self.table, self.findings = ServiceTable(self.mesh), Findings(self.mesh)

    def tell(self, event: s.Event) -> None:
        delta = reduce(self.mesh, event)
        self.judge.note(delta)
        self.table.update(delta)
        self.findings.update(delta)


def counted(act: Callable[[], object]) -> int:
    """How many bytecodes it runs."""
    steps = 0

    def trace(frame: FrameType, what: str, _: Any) -> Any:
        nonlocal steps
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += what == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return steps


def changed(resource: r.Resource, item: o.Object) -> s.Event:
    return s.Changed("a", resource, {item.key: item}, 1.0)


EVENTS: dict[str, tuple[s.Event, s.Event]] = {
    "an endpoint that is ready no more": (
        changed(r.ENDPOINTSLICES, pieces(3, ready=False)[1]),
        changed(r.ENDPOINTSLICES, pieces(5, ready=False)[1]),
    ),
    "an annotation": (
        changed(r.SERVICES, meshes.service(GLOBAL, key=key(4))),
        changed(r.SERVICES, meshes.service(GLOBAL, key=key(6))),
    ),
    "a pod": (
        changed(r.PODS, meshes.pod("p-3", {"app": "svc-3"}, hostNetwork=True)),
        changed(r.PODS, meshes.pod("p-5", {"app": "svc-5"}, hostNetwork=True)),
    ),
    "a service that went": (
        s.Changed("a", r.SERVICES, {key(8): None}, 1.0),
        s.Changed("a", r.SERVICES, {key(10): None}, 1.0),
    ),
    "a rate of flows": (
        s.RelayChanged("a", 1.0, rate=10.0),
        s.RelayChanged("a", 2.0, rate=20.0),
    ),
}
"""Each twice: the first one brings caches to where they are in a session that runs."""


@pytest.fixture(scope="module")
def both() -> tuple[Kept, Kept]:
    return Kept(SMALL), Kept(LARGE)


@pytest.mark.parametrize("what", EVENTS)
def test_an_event_costs_the_same_at_eight_times_the_size(what: str, both: tuple[Kept, Kept]) -> None:
    first, second = EVENTS[what]
    found = []
    for kept in both:
        kept.tell(first)
        found.append(counted(partial(kept.tell, second)))
    small, large = found
    assert small > 100, "something is done"
    assert large < 1.25 * small + 100, f"{small} bytecodes with {SMALL} services, {large} with {LARGE}"


def test_a_question_for_an_address_costs_the_same_at_eight_times_the_size(both: tuple[Kept, Kept]) -> None:
    places = [kept.judge.addresses for kept in both]
    assert [place.services("10.0.7.1", 80) for place in places] == [(key(7),)] * 2
    small, large = (counted(partial(place.services, "10.0.7.1", 80)) for place in places)
    assert small == large


def test_the_count_sees_what_looks_at_everything(both: tuple[Kept, Kept]) -> None:
    small, large = (counted(partial(ServiceTable, kept.mesh)) for kept in both)
    assert large > 5 * small


def test_a_judgement_costs_the_same_however_many_pods_come_and_go_beside_the_parts(both: tuple[Kept, Kept]) -> None:
    found = []
    for kept in both:
        kept.judge.judge(10.0)
        kept.tell(changed(r.PODS, meshes.pod("p-9", {"app": "svc-9"}, hostNetwork=True)))
        found.append(counted(partial(kept.judge.judge, 11.0)))
    small, large = found
    assert large < 1.25 * small + 100, f"{small} bytecodes with {SMALL} services, {large} with {LARGE}"


def test_nodes_whose_agents_may_not_be_asked_are_judged_again_only_where_something_was_told() -> None:
    mesh = meshes.mesh()
    names = [f"a-n{number}" for number in range(100)]
    condition = o.Condition(type="Ready", status="True")
    nodes = {n: o.Node(o.Meta(name=n), o.NodeSpec(), o.NodeStatus(conditions=[condition])) for n in names}
    reduce(mesh, s.ApiChanged("a", s.Phase.LIVE, 0.0, "1.36.2"))
    reduce(mesh, s.Listed("a", r.NODES, nodes, 0.0))
    refused = Forbidden("a: cannot run a command", context="a")
    for name in names:
        reduce(mesh, s.AgentRead("a", name, None, refused, 1.0))
    judge = Judge(mesh)
    judge.follow()
    first, second = (counted(partial(judge.judge, at)) for at in (2.0, 3.0))
    assert "may not be asked" in judge.latest.nodes["a", names[0]].words
    assert second < first / 2, f"{first} bytecodes, then {second}"
    reduce(mesh, s.AgentRead("a", names[0], None, TimedOut("no answer", context="a"), 4.0))
    assert "does not answer" in judge.judge(5.0).nodes["a", names[0]].words


# What one flow costs: every one of thousands a second pays it, on the event loop.

STEPS: dict[str, tuple[Callable[[], Callable[[list[FlowRow]], object]], int]] = {
    "counted for the pulse": (lambda: EventCounts().take, 60),
    "added up": (lambda: Aggregates().add, 250),
    "paired": (lambda: Connections().add, 165),
    "matched against what is dropped": (lambda: partial(map_all, Question().matches), 40),
}
"""What is done with a flow, and how many bytecodes it may take."""


def map_all(act: Callable[[FlowRow], object], rows: list[FlowRow]) -> None:
    for row in rows:
        act(row)


@pytest.mark.parametrize("what", STEPS)
def test_a_flow_costs_so_many_bytecodes(what: str) -> None:
    rows = recorded("11-egress-allowed")
    make, most = STEPS[what]
    act = make()
    assert all(row.summary is not None for row in rows), "all are read before"
    act(rows[:500])  # names are told once
    each = counted(lambda: act(rows[500:])) / len(rows[500:])
    assert 5 < each <= most
