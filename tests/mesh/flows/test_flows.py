"""Flows from the embedded mesh's Relays: each once, lost and found again, and from agents without a Relay.

Some take 5 to 10 s: a Relay is given up after two seconds of silence, and a node's count is read twice before and
after, 0.6 s apart at least.
"""

from __future__ import annotations

from collections import Counter

import pytest

from meshtui.core.errors import RelayAbsent
from meshtui.core.flows.assignment import Feed, feed_of, shares
from meshtui.core.flows.filter import parse
from meshtui.core.flows.flow import Peer, Verdict
from meshtui.core.flows.reading import READING
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model import state as s
from meshtui.core.model.resources import SERVICES
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.stream import FlowStream
from meshtui.mesh.flows.flows import MeshFlows
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from tests.core.flowrows import row
from tests.core.recorded import mesh_of
from tests.hubble.fake_relay import FixedWall
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
        await session.set_flow_query(parse("verdict:dropped node:koornacht/ node:tion/"))
        await until(session, lambda: live(session))
        assert {relay(session, c).source for c in session.mesh.clusters} == {s.FlowSource.RELAY_DIRECT}
        await fire(session)
        await until(session, lambda: session.flows.duplicates)
        rows = list(session.flows)
        assert Verdict.DROPPED in {row.verdict for row in rows}
        assert len({row.uuid for row in rows}) == len(rows)


async def fired_drops(session: Session) -> set[str]:
    """Fire in every cluster, wait for the drops of each; the uuids of all that was there before."""
    known = {row.uuid for row in session.flows}

    def dropped(context: str) -> bool:
        return any(
            row.verdict == Verdict.DROPPED and row.uuid not in known and row.node.startswith(f"{context}/")
            for row in session.flows
        )

    for context in session.mesh.clusters:
        await fire(session, context)
        await until(session, lambda context=context: dropped(context))
    return known


async def test_what_the_relays_are_asked_for_is_filtered_there(new_lab: NewLab) -> None:
    async with new_lab(state="default-deny", relays=True) as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        known = await fired_drops(session)
        # Name resolution is allowed even so: unfiltered, there is more than drops.
        await until(session, lambda: any(r.verdict != Verdict.DROPPED and r.uuid not in known for r in session.flows))
        await session.set_flow_query(parse("verdict:dropped"))
        # A drop newer than the question has come: the Relays answer it, and whatever follows is its answer.
        await fired_drops(session)
        known = await fired_drops(session)
        assert {row.verdict for row in session.flows if row.uuid not in known} == {Verdict.DROPPED}


async def test_without_an_address_the_relay_is_reached_through_a_port_forward(new_lab: NewLab) -> None:
    async with new_lab() as lab, lab.session(scope=FLOWS) as session:
        await until(session, lambda: live(session))
        assert {relay(session, c).source for c in session.mesh.clusters} == {s.FlowSource.RELAY_FORWARD}
        await fire(session)
        await until(session, lambda: len(session.flows))


async def test_a_relay_that_is_killed_is_found_again(new_lab: NewLab) -> None:
    async with new_lab(relays=True) as lab, lab.session(scope=FLOWS, flow_source="relay") as session:
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


def clusters_of(session: Session) -> set[str]:
    """Clusters whose nodes observed what is kept."""
    return {row.node.partition("/")[0] for row in session.flows}


async def until_each_feeds_itself(session: Session) -> None:
    """Every Relay was asked for its own cluster alone, and all repeats that this cost have come.

    A Relay tells in order of time: after the first event newer than the question no older one comes.
    """
    await until(session, lambda: live(session) and {"koornacht", "tion"} == clusters_of(session))
    await until(
        session, lambda: session.mesh_flows.shared_out and not any(s.besides for s in shares(session.mesh).values())
    )
    asked_ns = int(session.clock.now() * 1e9)

    def newer() -> set[tuple[str, str]]:
        rows = session.flows.between(asked_ns, 1 << 63)
        return {(row.node.partition("/")[0], row.received) for row in rows}

    await until(session, lambda: {(c, c) for c in ("koornacht", "tion")} <= newer())


async def test_each_relay_delivers_its_own_cluster_and_rates_count_different_flows(new_lab: NewLab) -> None:
    async with new_lab(state="global", relays=True, flow_rate=40) as lab, lab.session(scope=FLOWS) as session:
        await until_each_feeds_itself(session)
        before, twice = len(session.flows), session.flows.duplicates
        await until(session, lambda: len(session.flows) > before + 200)
        assert session.flows.duplicates == twice
        assert all(row.received == row.node.partition("/")[0] for row in session.flows.rows(-200, None))
        await until(session, lambda: all(relay(session, c).rate > 0 for c in session.mesh.clusters))


async def test_while_a_relay_is_gone_the_other_delivers_for_it_and_nothing_is_missing(new_lab: NewLab) -> None:
    async with new_lab(relays=True) as lab, lab.session(scope=FLOWS, flow_source="relay") as session:
        await until(session, lambda: live(session))
        await lab.fault("relay-down", cluster="tion")
        await until(session, lambda: relay(session, "tion").link.phase is s.Phase.STALE)
        assert [(gap.source, gap.end_ns) for gap in session.flows.gaps] == [("tion", None)]
        await fire(session, "tion")
        await until(
            session, lambda: any(r.node.startswith("tion/") and r.received == "koornacht" for r in session.flows)
        )
        assert feed_of(session.mesh, "tion") == Feed(s.FlowSource.RELAY_DIRECT, "koornacht")
        await lab.heal()
        await until(session, lambda: live(session))
        assert feed_of(session.mesh, "tion") == Feed(s.FlowSource.RELAY_DIRECT)
        await until(session, lambda: session.flows.gaps[0].end_ns)
        assert not session.flows.gaps[0].lost, "the rings held everything"


async def test_agents_tell_when_asked_and_the_relays_again_afterwards(new_lab: NewLab) -> None:
    async with (
        new_lab(state="default-deny", relays=True) as lab,
        lab.session(scope=FLOWS, flow_source="agents") as session,
    ):
        await until(session, lambda: live(session))
        assert {relay(session, c).source for c in session.mesh.clusters} == {s.FlowSource.AGENTS}
        await until(session, lambda: relay(session, "koornacht").nodes == ("koornacht/koornacht-control-plane",))
        await fire(session)
        await until(session, lambda: Verdict.DROPPED in {row.verdict for row in session.flows})
        assert not session.flows.duplicates
        session.set_flow_source("auto")
        await until(session, lambda: relay(session, "koornacht").source is s.FlowSource.RELAY_DIRECT)
        await until(session, lambda: live(session))


async def test_without_its_own_relay_a_cluster_is_read_by_its_agents(new_lab: NewLab) -> None:
    async with new_lab(state="deployed") as lab:
        async with lab.session(scope=FLOWS) as session:
            await session.api("tion").delete(SERVICES, "hubble-relay", "kube-system")
        async with lab.session(scope=FLOWS) as session:
            await until(session, lambda: live(session))
            assert relay(session, "tion").source is s.FlowSource.AGENTS
            assert relay(session, "koornacht").source is s.FlowSource.RELAY_FORWARD
            await fire(session, "tion")
            await until(session, lambda: "tion" in clusters_of(session))


async def test_when_nobody_else_delivers_the_agents_do_until_the_relay_answers_again(new_lab: NewLab) -> None:
    async with (
        new_lab(relays=True, flow_rate=40) as lab,
        lab.session(scope=FLOWS, contexts=("tion",)) as session,
    ):
        await until(session, lambda: live(session) and len(session.flows))
        await lab.fault("relay-down", cluster="tion")
        await until(session, lambda: relay(session, "tion").source is s.FlowSource.AGENTS and live(session))
        seen = len(session.flows)
        await until(session, lambda: len(session.flows) > seen + 50)
        await lab.heal()
        await until(session, lambda: relay(session, "tion").source is s.FlowSource.RELAY_DIRECT and live(session))
        await until(session, lambda: all(gap.end_ns and not gap.counting for gap in session.flows.gaps))
        assert [(gap.source, gap.missing) for gap in session.flows.gaps if not gap.silent] == [("tion", ())]


def note_questions(monkeypatch: pytest.MonkeyPatch) -> list[FlowQuery]:
    """What streams are asked for from now on, in that order."""
    asked: list[FlowQuery] = []
    ask = FlowStream.ask

    def spy(stream: FlowStream, query: FlowQuery, since_ns: int) -> None:
        asked.append(query)
        ask(stream, query, since_ns)

    monkeypatch.setattr(FlowStream, "ask", spy)
    return asked


async def test_a_healthy_stream_is_not_touched_for_a_neighbour(
    new_lab: NewLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two faults at once, as recorded: the link is cut and one Relay is gone, the other's own flows go on."""
    async with new_lab(relays=True, flow_rate=40) as lab, lab.session(scope=FLOWS) as session:
        await until_each_feeds_itself(session)
        asked = note_questions(monkeypatch)
        phases = {relay(session, "tion").link.phase}
        stop = session.subscribe(lambda _: phases.add(relay(session, "tion").link.phase))
        await lab.fault("link-cut")
        await lab.fault("relay-down", cluster="koornacht")
        await until(session, lambda: any(not query.whitelist for query in asked))
        await until(session, lambda: relay(session, "koornacht").source is s.FlowSource.AGENTS and live(session))
        stop()
        assert phases == {s.Phase.LIVE}
        assert [{"node_name": ["tion/"]}] not in [query.whitelist for query in asked]


async def test_readers_of_a_relay_are_left_out_at_the_servers_until_they_are_asked_for(
    new_lab: NewLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with new_lab(relays=True, flow_rate=40) as lab, lab.session(scope=FLOWS) as session:
        await until_each_feeds_itself(session)
        asked = note_questions(monkeypatch)
        await session.set_flow_query(parse("verdict:forwarded"))
        assert [list(query.blacklist) for query in asked] == [list(READING)] * 2
        asked.clear()
        await session.set_flow_query(parse("port:4245"))
        assert [list(query.blacklist) for query in asked] == [[]] * 2
        await session.set_flow_query(parse(""))
        asked.clear()
        session.show_flow_reading(True)
        assert [list(query.blacklist) for query in asked] == [[]] * 2
        session.show_flow_reading(False)
        assert [list(query.blacklist) for query in asked[2:]] == [list(READING)] * 2
        seen = len(session.flows)
        await until(session, lambda: len(session.flows) > seen + 20)
        assert live(session)


async def test_readers_of_a_relay_are_in_no_rate() -> None:
    mesh, clock = mesh_of(4), FixedWall(1_700_000_000)
    counted: Counter[str] = Counter()
    room = MeshFlows(mesh, 1000, clock, lambda _: None, lambda: ())
    room.record(lambda rows: counted.update(recorded=len(rows)))
    room.rates.count = lambda rows: counted.update(rated=len(rows))  # type: ignore[method-assign]
    now, pod = 1_700_000_000 * 10**9, Peer(70000, "koornacht", "kube-system", "hubble-relay-5f7d9-x2x4z", "", ())
    room.inbox.put([row(time_ns=now + n, uuid=f"a{n}", node="koornacht/w") for n in range(3)])
    room.inbox.put(
        [row(time_ns=now, uuid=f"b{n}", node="koornacht/w", destination=pod, destination_port=4245) for n in range(50)]
    )
    room.start()
    room.stop()
    assert counted == {"recorded": 53, "rated": 3}
