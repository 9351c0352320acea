"""Core's verdict and the simulator's decision, on generated policies: same outcome, match type and policies."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given, settings

from meshtui.core.flows.compact import match_type
from meshtui.core.policy import (
    Decision,
    DirectionVerdict,
    Party,
    PodRef,
    Rulebook,
    TrafficDirection,
    direction_verdict,
    verdict,
)
from meshtui.core.policy.labels import reserved
from meshtui.sim.datapath import policy as simulated
from meshtui.sim.datapath.identity import as_seen, of_pod, resolve
from meshtui.sim.datapath.view import view
from meshtui.sim.rulebook.rules import EGRESS, INGRESS
from meshtui.sim.world import World
from tests.agreement import policies
from tests.agreement.books import PlainCluster, Tally, to_core, to_sim

EXAMPLES = 150
PORTS = (("TCP", 80), ("UDP", 100))
FEWEST = {Decision.REDIRECTED: 5}
"""Most policies with L7 rules that are generated are refused by the agents."""


def outcome(found: simulated.Decision) -> Decision:
    """The simulator's decision in core's words."""
    if not found.enforced:
        return Decision.NOT_ENFORCED
    if found.allowed:
        return Decision.REDIRECTED if found.proxied else Decision.ALLOWED
    return Decision.DENIED if found.reason == simulated.DENIED_BY_RULE else Decision.DEFAULT_DENY


def kind_of(decision: Decision, match: int) -> str:
    word = decision.name.lower().replace("_", " ")
    return f"{word} {match_type(match)}" if match else word


def same(ours: DirectionVerdict, theirs: simulated.Decision, about: tuple[Any, ...], tally: Tally) -> None:
    if ours.unknown:  # a fault that some patch releases have: the simulator has none of them
        assert "cilium #46305" in ours.doubts[0], (*about, ours, theirs)
        tally.kinds["unknown"] += 1
        return
    assert (ours.decision, ours.match_type) == (outcome(theirs), theirs.match), (*about, ours, theirs)
    named = {(p.kind, p.namespace, p.name) for p in ours.policies}
    assert {(p.kind, p.namespace, p.name) for p in theirs.sources} <= named, (*about, ours, theirs)
    tally.kinds[kind_of(ours.decision, ours.match_type)] += 1


def sides(
    world: World, source: tuple[str, dict[str, Any]], destination: tuple[str, dict[str, Any]], protocol: str, port: int
) -> tuple[simulated.Decision, simulated.Decision]:
    """Egress and ingress as the simulator's agents on both nodes decide them."""
    here, there = view(world.clusters[source[0]]), view(world.clusters[destination[0]])
    client = of_pod(here, source[1])
    server = resolve(world, here, destination[1]["status"]["podIP"])
    egress = simulated.decide(here, EGRESS, client, as_seen(server, here, client.node), protocol, port)
    ingress = simulated.OPEN
    if server.is_pod:
        ingress = simulated.decide(there, INGRESS, server, as_seen(client, there, server.node), protocol, port)
    return egress, ingress


def between_pods(clusters: list[PlainCluster], world: World, book: Rulebook, tally: Tally) -> None:
    pods = policies.pods_of(clusters)
    for source in pods:
        for destination in pods:
            if source is destination:
                continue
            ends = [PodRef(n, p["metadata"]["namespace"], p["metadata"]["name"]) for n, p in (source, destination)]
            for protocol, port in PORTS:
                ours = verdict(book.mesh, ends[0], ends[1], protocol, port, book=book)
                egress, ingress = sides(world, source, destination, protocol, port)
                same(ours.egress, egress, (*ends, protocol, port), tally)
                same(ours.ingress, ingress, (*ends, protocol, port), tally)


def with_the_world(clusters: list[PlainCluster], world: World, book: Rulebook, tally: Tally) -> None:
    stranger = Party("", "", "world", reserved("world"), policies.OUTSIDE)
    for name, pod in policies.pods_of(clusters):
        known = view(world.clusters[name])
        subject, peer = of_pod(known, pod), resolve(world, known, policies.OUTSIDE)
        ref = PodRef(name, pod["metadata"]["namespace"], pod["metadata"]["name"])
        judged = verdict(book.mesh, ref, ref, "TCP", 80, book=book).source
        for direction in TrafficDirection:
            ours = direction_verdict(book, judged, stranger, direction, "TCP", 80)
            same(ours, simulated.decide(known, direction.value, subject, peer, "TCP", 80), (ref, direction), tally)


def compare(clusters: list[PlainCluster], tally: Tally) -> None:
    world, book = to_sim(clusters), Rulebook(to_core(clusters))
    tally.examples += 1
    between_pods(clusters, world, book, tally)
    with_the_world(clusters, world, book, tally)


@pytest.mark.timeout(300)
def test_verdict_and_decision_agree(record_property, capsys) -> None:
    tally = Tally()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
    @given(policies.meshes())
    def agree(clusters: list[PlainCluster]) -> None:
        compare(clusters, tally)

    agree()
    line = tally.line("policies")
    record_property("counts", line)
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")
    assert tally.examples >= EXAMPLES
    for decision in set(Decision) - {Decision.UNKNOWN}:
        word = decision.name.lower().replace("_", " ")
        assert sum(count for kind, count in tally.kinds.items() if kind.startswith(word)) > FEWEST.get(decision, 50), (
            decision
        )
