"""What is missing is counted to the event: Relays killed and revived, rings that overran, agents that started anew.

The truth comes from a second client, which reads the same nodes through another way and is never cut off.

Some take 10 to 18 s: two readings of a node must agree, 0.6 s apart at the least, before and after a break, and what
two clients hold can be compared only up to 5 s ago, since two Relays hold events back for different times.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshtui.core.flows.filter import parse
from meshtui.core.flows.flow import FlowRow
from meshtui.core.flows.store import Gap
from meshtui.core.model import state as s
from meshtui.core.model.resources import SERVICES
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.status import StreamStatus
from meshtui.hubble.stream import FlowStream
from meshtui.kube.clock import SystemClock
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.flows.test_flows import live, relay
from tests.mesh.waiting import until

FLOWS = Scope(status=False, access=False)
T = "tion/tion-control-plane"
K = "koornacht/koornacht-control-plane"


class Witness:
    """Sees every flow of some nodes through a Relay that stays."""

    def __init__(self) -> None:
        self.uuids: dict[str, int] = {}
        self.lost = 0
        """Events that a small ring overran before it could be read here, on a machine that stalls: not known to us."""
        self._lock = threading.Lock()

    def deliver(self, rows: list[FlowRow]) -> None:
        with self._lock:
            self.uuids.update((row.uuid, row.time_ns) for row in rows)

    def status(self, status: StreamStatus) -> None:
        self.lost = max(self.lost, status.lost)

    def missing(self, session: Session, since_ns: int) -> set[str]:
        """Flows later than `since_ns` that the session does not hold, as far as both have come."""
        with self._lock:
            seen = dict(self.uuids)
        here = {row.uuid for row in session.flows}
        newest = newest_ns(session)
        return {uuid for uuid, at in seen.items() if since_ns < at < newest - 5 * 10**9 and uuid not in here}


def newest_ns(session: Session) -> int:
    """The time of the newest flow that is here."""
    return session.flows.rows(-1, None)[0].time_ns


@asynccontextmanager
async def witness(lab: Lab, through: str, node: str) -> AsyncIterator[Witness]:
    """Follows one node through the Relay of a cluster."""
    seen = Witness()
    stream = FlowStream(
        lab.running.relays[through],
        context="witness",
        query=FlowQuery(whitelist=[{"node_name": [node]}], mask=()),
        deliver=seen.deliver,
        status=seen.status,
        clock=SystemClock(),
        rng=random.Random(1),
    )
    stream.start()
    try:
        yield seen
    finally:
        await asyncio.to_thread(stream.stop)


def counted(session: Session, *nodes: str, times: int = 2) -> bool:
    """Whether each node's count was read often enough to be an account."""
    account = session.flows.account
    now_ns = int(session.clock.now() * 1e9)
    return set(nodes) <= set(account.nodes()) and all(len(account.checked(n, now_ns)) >= times for n in nodes)


def as_many(found: tuple[int, int | None], lost: set[str], truth: Witness) -> bool:
    """Whether an account, which must be exact, agrees with the witness: to the event where that has seen all."""
    least, most = found
    return least == most and len(lost) <= least <= len(lost) + truth.lost


def only_gap(session: Session, source: str) -> Gap:
    (gap,) = [gap for gap in session.flows.gaps if gap.source == source]
    return gap


def rows_of(session: Session, node: str) -> int:
    return sum(row.node == node for row in session.flows)


def sharp(session: Session, *nodes: str) -> bool:
    """Whether each node has been quiet between the two looks of a reading: then what is here is known to the event."""
    account = session.flows.account
    now_ns = int(session.clock.now() * 1e9)
    return all(any(mark.within == 0 for mark in account.checked(node, now_ns)[1:]) for node in nodes)


async def test_a_relay_killed_and_revived_is_known_to_have_cost_nothing(new_lab: NewLab) -> None:
    """Few flows, so that nodes are quiet now and then however long a look takes: else it is known to a few events."""
    async with new_lab(relays=True, flow_rate=6) as lab, lab.session(scope=FLOWS, flow_source="relay") as session:
        await until(session, lambda: live(session) and counted(session, K, T) and sharp(session, K, T))
        await lab.fault("relay-down")
        await until(session, lambda: all(relay(session, c).link.phase is s.Phase.STALE for c in session.mesh.clusters))
        await lab.heal()

        def settled() -> bool:
            assert not any(gap.least for gap in session.flows.gaps), "nothing is said to be missing that is not"
            return len(session.flows.gaps) == 2 and all(gap.counted and not gap.lost for gap in session.flows.gaps)

        await until(session, settled)
        assert [(gap.lost, gap.missing) for gap in session.flows.gaps] == [(False, ())] * 2
        assert [session.flows.account.balance(node, 0).least for node in (K, T)] == [0, 0]


async def test_events_a_ring_overran_while_the_relay_was_away_are_counted_to_the_event(new_lab: NewLab) -> None:
    async with (
        new_lab(relays=True, flow_rate=120, ring=60) as lab,
        witness(lab, "koornacht", T) as truth,
        lab.session(scope=FLOWS, contexts=("tion",), flow_source="relay") as session,
    ):
        await until(session, lambda: live(session) and counted(session, T))
        await until(session, lambda: truth.uuids)
        began = newest_ns(session) - 10**9
        await lab.fault("relay-down", cluster="tion")
        await until(session, lambda: relay(session, "tion").link.phase is s.Phase.STALE)
        away = len(truth.uuids)
        await until(session, lambda: len(truth.uuids) > away + 300)
        await lab.heal()
        await until(session, lambda: session.flows.gaps and only_gap(session, "tion").counted)
        gap = only_gap(session, "tion")
        end = newest_ns(session) + 6 * 10**9
        await until(session, lambda: newest_ns(session) > end)
        lost = truth.missing(session, began)
        assert len(lost) > 200
        found = {missing.node: (missing.least, missing.most) for missing in only_gap(session, "tion").missing}
        assert as_many(found[T], lost, truth), gap
        assert set(found) <= {T, K}
        assert only_gap(session, "tion").lost


async def test_of_an_agent_that_started_anew_nobody_can_know(new_lab: NewLab) -> None:
    async with (
        new_lab(relays=True, flow_rate=60) as lab,
        lab.session(scope=FLOWS, flow_source="relay", contexts=("tion",)) as session,
    ):
        await until(session, lambda: live(session) and counted(session, K, T))
        await lab.fault("relay-down", cluster="tion")
        await until(session, lambda: relay(session, "tion").link.phase is s.Phase.STALE)
        await lab.fault("agent-down", cluster="tion")
        await lab.heal()
        await until(session, lambda: only_gap(session, "tion").counted)
        (missing,) = only_gap(session, "tion").missing
        assert (missing.node, missing.least, missing.most) == (T, 0, None)
        assert "started anew" in missing.why
        assert only_gap(session, "tion").lost


async def test_under_a_typed_filter_no_number_is_told(new_lab: NewLab) -> None:
    async with (
        new_lab(relays=True, flow_rate=120, ring=60) as lab,
        lab.session(scope=FLOWS, flow_source="relay") as session,
    ):
        await until(session, lambda: live(session) and counted(session, K, T))
        await session.set_flow_query(parse("verdict:dropped"))
        await lab.fault("relay-down")
        await until(session, lambda: all(relay(session, c).link.phase is s.Phase.STALE for c in session.mesh.clusters))
        await lab.heal()
        await until(session, lambda: len(session.flows.gaps) == 2 and all(gap.end_ns for gap in session.flows.gaps))
        assert not session.flows.account.nodes()
        assert not any(gap.counting or gap.counted for gap in session.flows.gaps)
        async with witness(lab, "koornacht", K) as of_k, witness(lab, "tion", T) as of_t:
            await until(session, lambda: of_k.uuids and of_t.uuids)
            began = int(session.clock.now() * 1e9)
            await session.set_flow_query(parse(""))
            await until(session, lambda: counted(session, K, T, times=4))
            told = [(session.flows.account.balance(node, 0).least, truth) for node, truth in ((K, of_k), (T, of_t))]
            # On a machine that stalls so small a ring is overrun: then no more is told than really went.
            if any(least for least, _ in told):
                end = newest_ns(session) + 6 * 10**9
                await until(session, lambda: newest_ns(session) > end)
            else:
                assert not [gap for gap in session.flows.gaps if gap.silent]
            assert all(least <= len(truth.missing(session, began)) + truth.lost for least, truth in told), told


async def test_events_that_never_came_although_nothing_broke_are_found_out(new_lab: NewLab) -> None:
    async with new_lab(flow_rate=120, ring=60) as lab:
        async with lab.session(scope=FLOWS) as session:
            await session.api("tion").delete(SERVICES, "hubble-relay", "kube-system")
        async with (
            witness(lab, "tion", T) as truth,
            lab.session(scope=FLOWS, contexts=("koornacht",)) as session,
        ):
            await until(session, lambda: live(session) and counted(session, K, T))
            await until(session, lambda: truth.uuids)
            began = newest_ns(session) - 10**9
            await lab.fault("link-cut")
            seen = rows_of(session, T)
            gone = len(truth.uuids)
            await until(session, lambda: len(truth.uuids) > gone + 400)
            await lab.heal()
            await until(session, lambda: any(gap.silent for gap in session.flows.gaps))
            end = newest_ns(session) + 6 * 10**9
            await until(session, lambda: newest_ns(session) > end)
            assert rows_of(session, T) > seen
            lost = truth.missing(session, began)
            (gap,) = session.flows.gaps
            assert (gap.source, gap.silent, gap.lost) == ("koornacht", True, True)
            assert [m.node for m in gap.missing] == [T]
            assert as_many((gap.missing[0].least, gap.missing[0].most), lost, truth), gap


async def test_what_a_relay_skipped_in_silence_is_fetched_while_the_ring_holds_it(new_lab: NewLab) -> None:
    async with new_lab(flow_rate=120) as lab:
        async with lab.session(scope=FLOWS) as session:
            await session.api("tion").delete(SERVICES, "hubble-relay", "kube-system")
        async with (
            witness(lab, "tion", T) as truth,
            lab.session(scope=FLOWS, contexts=("koornacht",)) as session,
        ):
            await until(session, lambda: live(session) and counted(session, K, T))
            began = newest_ns(session)
            await until(session, lambda: truth.uuids)
            await lab.fault("link-cut")
            gone = len(truth.uuids)
            await until(session, lambda: len(truth.uuids) > gone + 400)
            during = set(list(truth.uuids)[gone:])
            await lab.heal()
            await until(session, lambda: during <= {row.uuid for row in session.flows})
            marks = len(session.flows.account.account(T).marks)
            await until(session, lambda: len(session.flows.account.account(T).marks) > marks + 4)
            assert not truth.missing(session, began)
            assert not session.flows.gaps
            assert session.flows.account.balance(T, 0).least == 0


@pytest.mark.parametrize("ring", [4095, 60])
async def test_a_break_of_an_agents_own_stream_is_judged_and_counted(new_lab: NewLab, ring: int) -> None:
    async with (
        new_lab(relays=True, flow_rate=120, ring=ring) as lab,
        witness(lab, "koornacht", T) as truth,
        lab.session(scope=FLOWS, contexts=("tion",), flow_source="agents") as session,
    ):
        await until(session, lambda: live(session) and counted(session, T) and truth.uuids)
        began = newest_ns(session) - 10**9
        await lab.fault("api-down", cluster="tion")
        await until(session, lambda: session.flows.gaps)
        away = len(truth.uuids)
        await until(session, lambda: truth.uuids and len(truth.uuids) > away + 300)
        await lab.heal()
        await until(session, lambda: session.flows.gaps[0].counted)
        (gap,) = session.flows.gaps
        assert gap.source.startswith("tion cilium")
        end = newest_ns(session) + 6 * 10**9
        await until(session, lambda: newest_ns(session) > end)
        lost = truth.missing(session, began)
        assert bool(lost) is (ring == 60)
        (gap,) = session.flows.gaps
        assert [m.node for m in gap.missing] == ([T] if lost else [])
        assert all(as_many((m.least, m.most), lost, truth) for m in gap.missing), gap
        assert gap.lost is bool(lost)


async def test_changing_the_source_loses_nothing(new_lab: NewLab) -> None:
    async with (
        new_lab(relays=True, flow_rate=120) as lab,
        witness(lab, "koornacht", T) as truth,
        lab.session(scope=FLOWS, contexts=("tion",)) as session,
    ):
        await until(session, lambda: live(session) and counted(session, T) and truth.uuids)
        began = newest_ns(session)
        for wanted, source in (("agents", s.FlowSource.AGENTS), ("auto", s.FlowSource.RELAY_DIRECT)):
            session.set_flow_source(wanted)
            await until(session, lambda source=source: relay(session, "tion").source is source and live(session))
            seen = len(session.flows)
            await until(session, lambda seen=seen: len(session.flows) > seen + 150)
        marks = len(session.flows.account.account(T).marks)
        await until(session, lambda: len(session.flows.account.account(T).marks) > marks + 3)
        assert not truth.missing(session, began)
        assert session.flows.account.balance(T, 0).least == 0
        assert not session.flows.gaps


async def test_what_nodes_themselves_say_they_lost_is_not_missing_as_well(new_lab: NewLab) -> None:
    async with new_lab(relays=True, flow_rate=120) as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session) and counted(session, K, T))
        await lab.fault("ring-overrun", cluster="tion", percent=50)
        await until(session, lambda: sum(c.relay.lost for c in session.mesh.clusters.values()) > 60)
        await lab.heal()
        marks = len(session.flows.account.account(T).marks)
        await until(session, lambda: len(session.flows.account.account(T).marks) > marks + 5)
        now_ns = int(session.clock.now() * 1e9)
        await until(session, lambda: session.flows.account.balance(T, now_ns).told)
        balance = session.flows.account.balance(T, now_ns)
        assert balance.told == sum(c.relay.lost for c in session.mesh.clusters.values())
        assert (balance.least, balance.most) == (0, 0)
        assert not session.flows.gaps
