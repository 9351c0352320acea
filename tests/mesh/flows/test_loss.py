"""What is missing is said, and only that: a Relay killed and revived, rings that overran, nodes that are away."""

from __future__ import annotations

from meshtui.core.flows.flow import FlowRow
from meshtui.core.model import state as s
from meshtui.hubble.query import FlowQuery
from meshtui.mesh.flows.past import past_flows
from meshtui.mesh.flows.relaytls import RelayFlags
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.mesh.conftest import NewLab
from tests.mesh.flows.test_flows import fire, live, relay
from tests.mesh.waiting import until

FLOWS = Scope(status=False, access=False)


async def held(session: Session) -> list[FlowRow]:
    """Everything the agents' rings hold, asked of the agents themselves: the truth to compare with."""
    found = [
        await past_flows(session.api(c), RelayFlags(), FlowQuery(number=0), "agents") for c in session.mesh.clusters
    ]
    return [row for past in found for row in past.rows]


async def test_a_relay_killed_and_revived_misses_no_event_that_the_rings_hold(new_lab: NewLab) -> None:
    """Takes about 5 s: both Relays are noticed as gone, tried again by the pace of a session, and looked back to."""
    async with (
        new_lab(relays=True, flow_rate=20) as lab,
        lab.session(scope=FLOWS, flow_source="relay") as session,
    ):
        await until(session, lambda: live(session) and len(session.flows) > 50)
        await lab.fault("relay-down")
        await until(session, lambda: all(relay(session, c).link.phase is s.Phase.STALE for c in session.mesh.clusters))
        broken = min(gap.start_ns for gap in session.flows.gaps)
        known = {row.uuid for row in session.flows}
        await fire(session)
        truth = {row.uuid for row in await held(session) if row.time_ns >= broken}
        assert truth - known, "events happened while no Relay was there"
        await lab.heal()
        await until(session, lambda: not truth - {row.uuid for row in session.flows})
        await until(session, lambda: all(gap.end_ns is not None for gap in session.flows.gaps))
        assert {gap.source for gap in session.flows.gaps} == {"koornacht", "tion"}
        assert not any(gap.lost for gap in session.flows.gaps), "the rings held all of it, and it was fetched"
        uuids = [row.uuid for row in session.flows]
        assert len(uuids) == len(set(uuids))


async def test_lost_events_are_counted_with_their_place(new_lab: NewLab) -> None:
    async with new_lab(relays=True, flow_rate=50) as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        await lab.fault("ring-overrun", cluster="tion", percent=50)
        await until(session, lambda: sum(c.relay.lost for c in session.mesh.clusters.values()) > 5)
        for cluster in session.mesh.clusters.values():
            assert sum(count for _, count in cluster.relay.lost_where) == cluster.relay.lost
            assert all(where.startswith("tion/") for where, _ in cluster.relay.lost_where)


async def test_a_node_that_is_away_is_named_until_it_is_back(new_lab: NewLab) -> None:
    async with new_lab(relays=True) as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        await lab.fault("agent-down", cluster="tion", node="tion-control-plane")

        def named() -> bool:
            away = {node for c in session.mesh.clusters.values() for node in c.relay.nodes_unavailable}
            return away == {"tion/tion-control-plane"}

        await until(session, named)
        await lab.heal()
        await until(session, lambda: not any(c.relay.nodes_unavailable for c in session.mesh.clusters.values()))
        assert live(session)
        await until(session, lambda: all(c.relay.nodes_connected == 2 for c in session.mesh.clusters.values()))
