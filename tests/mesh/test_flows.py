"""Flows from the embedded mesh's Relays: each once, lost and found again, and from agents without a Relay."""

from __future__ import annotations

from meshtui.core import state as s
from meshtui.core.errors import RelayAbsent
from meshtui.core.flow import Verdict
from meshtui.core.flowfilter import parse
from meshtui.core.loadspec import LoadSpec
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.mesh.conftest import NewLab
from tests.mesh.waiting import until

FLOWS = Scope(status=False, access=False)


async def fire(session: Session, context: str = "koornacht", count: int = 3) -> None:
    spec = LoadSpec("http://rebel-base/", context=context, count=count, concurrency=count, max_time=0.3)
    async for _ in session.load(spec):
        pass


def relay(session: Session, context: str) -> s.RelayState:
    return session.mesh.clusters[context].relay


def live(session: Session) -> bool:
    return all(cluster.relay.link.phase is s.Phase.LIVE for cluster in session.mesh.clusters.values())


async def test_drops_arrive_once_although_both_relays_tell_them(new_lab: NewLab) -> None:
    async with new_lab(state="default-deny", relays=True) as lab, lab.session(scope=FLOWS) as session:
        await session.set_flow_query(parse("verdict=dropped"))
        await until(session, lambda: live(session))
        assert {relay(session, c).source for c in session.mesh.clusters} == {s.FlowSource.RELAY_DIRECT}
        await fire(session)
        await until(session, lambda: session.flows.duplicates)
        rows = list(session.flows)
        assert Verdict.DROPPED in {row.verdict for row in rows}
        assert len({row.uuid for row in rows}) == len(rows)


async def test_without_an_address_the_relay_is_reached_through_a_port_forward(new_lab: NewLab) -> None:
    async with new_lab() as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        assert {relay(session, c).source for c in session.mesh.clusters} == {s.FlowSource.RELAY_FORWARD}
        await fire(session)
        await until(session, lambda: len(session.flows))


async def test_a_relay_that_is_killed_is_found_again(new_lab: NewLab) -> None:
    async with new_lab(relays=True) as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        await lab.fault("relay-down", cluster="tion")
        await until(session, lambda: relay(session, "tion").link.phase is s.Phase.STALE)
        assert relay(session, "tion").link.error is not None
        assert relay(session, "koornacht").link.phase is s.Phase.LIVE
        await lab.heal()
        await until(session, lambda: live(session))
        seen = session.flows.seen
        await fire(session, "tion")
        await until(session, lambda: session.flows.seen > seen)


async def test_a_cluster_without_a_relay_says_so(new_lab: NewLab) -> None:
    async with new_lab(state="cilium") as lab, lab.session(scope=FLOWS) as session:
        state = relay(session, "koornacht")
        await until(session, lambda: isinstance(state.link.error, RelayAbsent) or state.source is s.FlowSource.AGENTS)
