"""Background traffic fares as policies and faults have it, and solicits routers when asked to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshtui.hubble.pb import flow_pb2 as pb
from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath.identity import as_seen, resolve, view_of
from meshtui.sim.datapath.policy import decide
from meshtui.sim.datapath.view import view
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.noise import Solicitations
from meshtui.sim.relay.ring import Template
from meshtui.sim.rulebook.rules import EGRESS, INGRESS
from meshtui.sim.stale import StaleConnections
from meshtui.sim.traffic import Traffic
from meshtui.sim.world import World
from tests.sim.worlds import world


def told(made: World) -> list[pb.Flow]:
    """Every flow in every ring."""
    rings = [r for c in made.clusters.values() for r in c.rings.values()]
    return [e.what.flow for r in rings for e in r.all()[0] if isinstance(e.what, Template)]


def run(made: World, *work: Any, seconds: float = 3.0) -> None:
    """Let background work tick."""

    async def ticking() -> None:
        assert isinstance(made.clock, ManualClock)
        for _ in range(int(seconds / 0.05)):
            await made.clock.advance(0.05)
            for each in work:
                each.tick()

    asyncio.run(ticking())


@pytest.mark.parametrize("state", ["", "global", "default-deny", "ingress-koornacht", "egress-any-cluster"])
def test_every_verdict_is_what_the_policies_of_that_time_say(state: str) -> None:
    made = world(state)
    run(made, *(Traffic(made, c, 300) for c in made.clusters.values()))
    judged = 0
    for flow in told(made):
        if flow.verdict != pb.DROPPED and not flow.policy_match_type:
            continue
        known = view(made.clusters[flow.node_name.partition("/")[0]])
        source, destination = resolve(made, known, flow.IP.source), resolve(made, known, flow.IP.destination)
        going_out = flow.traffic_direction == pb.EGRESS
        subject, peer = (source, destination) if going_out else (destination, source)
        there = view_of(made, subject)
        peer = as_seen(peer, there, subject.node)
        port = flow.l4.TCP.destination_port
        decision = decide(there, EGRESS if going_out else INGRESS, subject, peer, "TCP", port)
        assert decision.allowed == (flow.verdict != pb.DROPPED)
        judged += 1
    assert bool(judged) == (state not in ("", "global"))


def test_a_policy_that_comes_decides_from_then_on() -> None:
    made, denied = world("global"), world("default-deny")
    traffic = [Traffic(made, c, 300) for c in made.clusters.values()]
    run(made, *traffic)
    assert not [f for f in told(made) if f.verdict == pb.DROPPED]
    gvr = ("cilium.io", "ciliumnetworkpolicies")
    for name, cluster in made.clusters.items():
        (policy,) = denied.clusters[name].store.list(gvr)
        cluster.store.create(gvr, policy)
        cluster.rings.clear()
    run(made, *traffic)
    assert [f for f in told(made) if f.verdict == pb.DROPPED]


def test_background_connections_across_a_cut_are_not_answered() -> None:
    made = world("global")
    inject(made, {"fault": "link-cut"})
    run(made, *(Traffic(made, c, 300) for c in made.clusters.values()))
    across = [f for f in told(made) if {f.source.cluster_name, f.destination.cluster_name} == set(made.clusters)]
    assert across
    assert not any(f.reply for f in across)


def test_router_solicitations_are_dropped_noise_that_is_switched_on_and_off() -> None:
    made = world("")
    noise = [Solicitations(made, c) for c in made.clusters.values()]
    run(made, *noise, seconds=30)
    assert not told(made)
    inject(made, {"fault": "router-solicitations", "cluster": "tion"})
    run(made, *noise, seconds=30)
    heard = told(made)
    assert {f.node_name.partition("/")[0] for f in heard} == {"tion"}
    assert {(f.verdict, f.drop_reason_desc, f.Summary) for f in heard} == {
        (pb.DROPPED, pb.UNSUPPORTED_L3_PROTOCOL, "ICMPv6 RouterSolicitation")
    }
    heal(made, "router-solicitations")
    run(made, *noise, seconds=30)
    assert len(told(made)) == len(heard)


def test_the_node_that_had_the_clustermesh_apiserver_dials_an_address_that_nobody_has() -> None:
    made = world("")
    tion = made.clusters["tion"]
    stale = StaleConnections(made, tion)
    run(made, stale, seconds=1)
    inject(made, {"fault": "apiserver-gone", "cluster": "tion"})
    run(made, stale, seconds=30)
    heard = told(made)
    assert 8 <= len(heard) <= 14
    (one,) = {(f.node_name, f.drop_reason_desc, f.l4.TCP.destination_port, tuple(f.source.labels)) for f in heard}
    assert one == ("tion/tion-worker", pb.STALE_OR_UNROUTABLE_IP, 2379, ("reserved:host",))
