"""A session on the embedded mesh: it fills, changes, conflicts, refuses, and takes back."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from msgspec import structs

from meshtui.core.changes.plan import Consent
from meshtui.core.errors import Conflict, Protected, ReadOnly, Refused, Unconfirmed
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.routing import route
from meshtui.core.routing.annotations import AFFINITY, GLOBAL
from meshtui.mesh.session import Session
from tests.mesh.conftest import FAST, Lab
from tests.mesh.waiting import until

KEY = "default/rebel-base"
BOTH = [("koornacht", KEY), ("tion", KEY)]


def annotations(session: Session, context: str) -> dict[str, str]:
    return session.mesh.clusters[context].services[KEY].annotations


def shares(session: Session, context: str) -> dict[str, float]:
    return route(session.mesh, context, KEY).shares


def backends(session: Session, client: str = "koornacht") -> dict[str, int]:
    """Cluster → how many backends a client's requests reach there."""
    return {name: count for name, count in route(session.mesh, client, KEY).counts.items() if count}


def replicas(session: Session) -> int:
    return session.mesh.clusters["koornacht"].of(r.DEPLOYMENTS)[KEY].spec.replicas


async def test_it_fills_with_what_both_clusters_are(lab: Lab) -> None:
    async with lab.session() as session:
        for cluster, name, number, tag in zip(
            session.mesh.clusters.values(), ("koornacht", "tion"), (1, 2), "KT", strict=True
        ):
            assert (cluster.name, cluster.id, cluster.tag) == (name, number, tag)
            assert cluster.api.phase is s.Phase.LIVE
            assert cluster.version == "1.36.2"
            assert {link.phase for link in cluster.watches.values()} == {s.Phase.LIVE}
            assert set(cluster.nodes) == {f"{name}-control-plane"}
            assert cluster.trusted
            assert cluster.denied == {}
            assert session.mesh.slices_of[name][KEY]


async def test_a_toggle_is_shown_by_the_watch_and_moves_the_route(lab: Lab) -> None:
    async with lab.session() as session:
        assert shares(session, "koornacht") == {"koornacht": 1.0}
        outcomes = await session.perform(session.plan_toggle(BOTH, "global"))
        assert [outcome.error for outcome in outcomes] == [None, None]
        await until(session, lambda: not session.pending)
        for context in ("koornacht", "tion"):
            assert annotations(session, context)[GLOBAL] == "true"
            assert shares(session, context) == {"koornacht": 0.5, "tion": 0.5}


async def test_after_an_own_change_the_agents_are_asked_at_once(lab: Lab) -> None:
    def told() -> set[int]:
        agents = [agent for cluster in session.mesh.clusters.values() for agent in cluster.agents.values()]
        return {remote.num_shared_services for agent in agents for remote in agent.remotes}

    seldom = structs.replace(FAST, agents=3600.0, after_change=(0.2, 0.8))
    async with lab.session(pace=seldom) as session:
        await until(session, lambda: told() == {0})
        await session.perform(session.plan_toggle(BOTH, "global"), dry_run=True)
        assert told() == {0}
        await session.perform(session.plan_toggle(BOTH, "global"))
        await until(session, lambda: told() == {1})


async def test_undo_several_steps_restores_annotations_byte_by_byte(lab: Lab) -> None:
    async with lab.session() as session:
        before = {context: dict(annotations(session, context)) for context, _ in BOTH}
        for what, refs in (("global", BOTH), ("affinity", BOTH[:1]), ("affinity", BOTH[:1]), ("shared", BOTH)):
            await session.perform(session.plan_toggle(refs, what))
            await until(session, lambda: not session.pending)
        assert annotations(session, "koornacht")[AFFINITY] == "remote"
        for _ in range(4):
            plan = session.plan_undo()
            assert plan is not None
            assert not plan.warnings
            await session.perform(plan)
            await until(session, lambda: not session.pending)
        assert session.plan_undo() is None
        assert {context: dict(annotations(session, context)) for context, _ in BOTH} == before


async def test_two_people_at_once_lose_nothing(lab: Lab) -> None:
    async with lab.session() as mine, lab.session() as theirs:
        my_plan, their_plan = (
            mine.plan_toggle(BOTH[:1], "global"),
            theirs.plan_annotation(BOTH[:1], "affinity", "local"),
        )
        (first,) = await theirs.perform(their_plan)
        (second,) = await mine.perform(my_plan)
        assert first.error is None
        assert isinstance(second.error, Conflict)
        assert GLOBAL in second.error.cause
        assert not mine.pending
        # The conflict was read again: what they wrote shows, and the same key now works.
        assert annotations(mine, "koornacht")[AFFINITY] == "local"
        assert mine.plan_undo() is None
        (again,) = await mine.perform(mine.plan_toggle(BOTH[:1], "global"))
        assert again.error is None
        await until(theirs, lambda: annotations(theirs, "koornacht").get(GLOBAL) == "true")
        assert annotations(theirs, "koornacht")[AFFINITY] == "local"


async def test_consent_and_read_only_hold_in_the_session_itself(lab: Lab) -> None:
    async with lab.session(protected=("tion",)) as session:
        plan = session.plan_toggle(BOTH, "global")
        assert plan.consent is Consent.TYPE_NAME
        with pytest.raises(Protected):
            await session.perform(plan, confirmed=True)
        assert GLOBAL not in annotations(session, "tion")
    async with lab.session(read_only=True) as session:
        plan = session.plan_toggle(BOTH, "global")
        assert isinstance(plan.refusal, ReadOnly)
        with pytest.raises(ReadOnly):
            await session.perform(plan, confirmed=True)
    async with lab.session() as session:
        session.mesh.clusters["tion"].trusted = False
        with pytest.raises(Unconfirmed):
            await session.perform(session.plan_toggle(BOTH, "global"))


async def test_a_dry_run_changes_nothing(lab: Lab) -> None:
    async with lab.session() as session:
        version = session.mesh.clusters["tion"].services[KEY].metadata.resource_version
        (outcome,) = await session.perform(session.plan_toggle(BOTH[1:], "global"), dry_run=True)
        assert outcome.error is None
        assert not session.pending
        assert session.plan_undo() is None
        fresh = await session.api("tion").get(r.SERVICES, "rebel-base", "default")
        assert fresh.metadata.resource_version == version


async def test_every_change_is_in_the_audit_log_and_without_it_none_is_made(lab: Lab) -> None:
    async with lab.session() as session:
        await session.perform(session.plan_toggle(BOTH, "global"))
        entries = [json.loads(line) for line in (lab.state / "audit.jsonl").read_text().splitlines()]
        assert [(e["context"], e["result"]) for e in entries] == [
            ("koornacht", "requested"),
            ("tion", "requested"),
            ("koornacht", "accepted"),
            ("tion", "accepted"),
        ]
        assert entries[0]["before"] == {GLOBAL: None}
        assert entries[0]["after"] == {GLOBAL: "true"}
        await until(session, lambda: not session.pending)
        (lab.state / "audit.jsonl").unlink()
        (lab.state / "audit.jsonl").mkdir()
        with pytest.raises(Refused, match="audit log"):
            await session.perform(session.plan_toggle(BOTH, "global"))
        assert not session.pending
        fresh = await session.api("tion").get(r.SERVICES, "rebel-base", "default")
        assert fresh.annotations[GLOBAL] == "true"


async def test_scaling_applying_and_deleting(lab: Lab) -> None:
    policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "default-deny"},
        "spec": {"endpointSelector": {}, "ingress": [{}], "egress": [{}]},
    }
    async with lab.session() as session:
        cluster = session.mesh.clusters["koornacht"]
        (scaled,) = await session.perform(session.plan_scale("koornacht", "default", "rebel-base", 0))
        assert scaled.error is None
        await until(session, lambda: replicas(session) == 0)
        await until(session, lambda: backends(session) == {})
        (applied,) = await session.perform(session.plan_apply(["koornacht"], [policy]))
        assert applied.error is None
        await until(session, lambda: "default/default-deny" in cluster.of(r.CNPS))
        undo = session.plan_undo()
        assert undo is not None
        await session.perform(undo)
        await until(session, lambda: "default/default-deny" not in cluster.of(r.CNPS))
        undo = session.plan_undo()
        assert undo is not None
        await session.perform(undo)
        await until(session, lambda: replicas(session) == 2)
        await until(session, lambda: backends(session) == {"koornacht": 2})


async def test_scaling_to_nothing_moves_the_traffic_of_a_shared_service_and_back(lab: Lab) -> None:
    async with lab.session() as session:
        await session.perform(session.plan_toggle(BOTH, "global"))
        await until(session, lambda: not session.pending)
        await session.perform(session.plan_annotation(BOTH[:1], "affinity", "local"))
        await until(session, lambda: not session.pending and shares(session, "koornacht") == {"koornacht": 1.0})
        await session.perform(session.plan_scale("koornacht", "default", "rebel-base", 0))
        await until(session, lambda: backends(session) == {"tion": 2})
        assert route(session.mesh, "koornacht", KEY).failover
        await until(session, lambda: backends(session, "tion") == {"tion": 2})
        await session.perform(session.plan_scale("koornacht", "default", "rebel-base", 3))
        await until(session, lambda: backends(session) == {"koornacht": 3})
        assert not route(session.mesh, "koornacht", KEY).failover
        await until(session, lambda: backends(session, "tion") == {"koornacht": 3, "tion": 2})


async def test_a_change_is_marked_until_the_watch_shows_it_and_its_row_is_told_of_both(lab: Lab) -> None:
    async with lab.session() as session:
        marks: list[set[tuple[str, str]]] = []
        seen = session.emit

        def emit(event: s.Event) -> None:
            if isinstance(event, s.Changed) and event.resource is r.SERVICES:
                marks.append(set(session.pending))
            seen(event)

        for cluster in session._clusters.values():
            cluster.around = structs.replace(cluster.around, emit=emit)
        told: list[s.Delta] = []
        session.subscribe(told.append)
        (outcome,) = await session.perform(session.plan_toggle(BOTH[:1], "global"))
        assert outcome.error is None
        await until(session, lambda: not session.pending)
        assert marks[0] == {BOTH[0]}, "the mark was there when the watch's event came"
        await until(session, lambda: any(KEY in d.objects.get(("koornacht", r.SERVICES), ()) for d in told))


async def test_stopping_leaves_no_task_and_no_thread(lab: Lab) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with lab.session() as session:
        assert asyncio.all_tasks() - tasks
    assert not asyncio.all_tasks() - tasks
    left = {t.name for t in set(threading.enumerate()) - threads if not t.name.startswith("asyncio_")}
    assert not left
    assert not session.pending
