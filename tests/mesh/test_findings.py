"""Every finding of a service, set on the embedded mesh, found by a session, and mended by the finding's own plan."""

from __future__ import annotations

import pytest

from meshtui.core.errors import Conflict
from meshtui.core.findings import Kind, findings_for
from meshtui.core.model import resources as r
from meshtui.core.routing import annotations as a
from meshtui.core.routing import route
from meshtui.core.routing.evidence import realised_backends
from meshtui.mesh.session import Session
from tests.mesh.conftest import Lab, NewLab
from tests.mesh.waiting import until

KEY = "default/rebel-base"
K, T = "koornacht", "tion"


async def annotate(session: Session, context: str, **values: str | None) -> None:
    """Write annotations as someone else would, past meshtui's own checks."""
    keys = {**a.KEYS, "alias": a.ALIASES[a.GLOBAL]}
    wanted = {keys[what]: value for what, value in values.items()}
    await session.api(context).patch(r.SERVICES, "rebel-base", "default", {"metadata": {"annotations": wanted}})
    services = session.mesh.clusters[context].services
    await until(session, lambda: all(services[KEY].annotations.get(k) == v for k, v in wanted.items()))


def found(session: Session, kind: Kind) -> list:
    return [finding for finding in findings_for(session.mesh, KEY) if finding.kind is kind]


CASES = {
    Kind.GLOBAL_ALONE: {T: {"global": None}},
    Kind.SHARED_NOWHERE: {K: {"shared": "false"}, T: {"shared": "false"}},
    Kind.ALIAS_IGNORED: {K: {"alias": "false"}},
    Kind.INACTIVE: {K: {"global": None, "affinity": "local"}, T: {"global": None}},
    Kind.VALUE_MISREAD: {T: {"global": "yes"}},
    Kind.AFFINITY_UNKNOWN: {K: {"affinity": "loacl"}},
}


@pytest.mark.parametrize("kind", CASES)
async def test_annotation_traps_are_found_and_mended(new_lab: NewLab, kind: Kind) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        assert findings_for(session.mesh, KEY) == []
        for context, values in CASES[kind].items():
            await annotate(session, context, **values)
        (finding,) = found(session, kind)
        assert finding.evidence
        outcomes = await session.perform(session.plan_fix(finding))
        assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
        await until(session, lambda: not found(session, kind))


@pytest.mark.parametrize("value", ["none", "loacl"])
async def test_affinity_that_drops_all_remote_backends_on_119(new_lab: NewLab, value: str) -> None:
    async with new_lab(state="global", cilium_version="1.19") as lab, lab.session() as session:
        await annotate(session, K, affinity=value)
        (finding,) = found(session, Kind.AFFINITY_DROPS_REMOTE)
        assert route(session.mesh, K, KEY).shares == {K: 1.0}
        await session.perform(session.plan_fix(finding))
        await until(session, lambda: route(session.mesh, K, KEY).shares == {K: 0.5, T: 0.5})
        assert a.AFFINITY not in session.mesh.clusters[K].services[KEY].annotations


async def test_a_namespace_that_is_not_exported(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        wanted = {"metadata": {"annotations": {a.NAMESPACE_GLOBAL: "false"}}}
        await session.api(T).patch(r.NAMESPACES, "default", "", wanted)
        await until(session, lambda: found(session, Kind.NAMESPACE_NOT_EXPORTED))
        assert route(session.mesh, K, KEY).shares == {K: 1.0}
        plan = session.plan_fix(found(session, Kind.NAMESPACE_NOT_EXPORTED)[0])
        assert "koornacht's clients: K 2 → K 2, T 2" in plan.effects
        (outcome,) = await session.perform(plan)
        assert outcome.error is None
        await until(session, lambda: route(session.mesh, K, KEY).shares == {K: 0.5, T: 0.5})
        undo = session.plan_undo()
        assert undo is not None
        await session.perform(undo)
        await until(session, lambda: found(session, Kind.NAMESPACE_NOT_EXPORTED))


async def test_the_drill_fails_over_and_comes_back_and_undo_does_too(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        await annotate(session, K, affinity="local")
        down = session.plan_drill(K, KEY)
        assert "koornacht's clients: K 2 → T 2 (failover)" in down.effects
        await session.perform(down)
        await until(session, lambda: route(session.mesh, K, KEY).failover)
        assert found(session, Kind.FAILOVER)
        await session.perform(session.plan_drill(K, KEY))
        await until(session, lambda: route(session.mesh, K, KEY).shares == {K: 1.0})
        assert not found(session, Kind.FAILOVER)
        for _ in range(2):
            undo = session.plan_undo()
            assert undo is not None
            await session.perform(undo)
        await until(session, lambda: session.mesh.clusters[K].of(r.DEPLOYMENTS)[KEY].spec.replicas == 2)
        assert len(session.history.tried) == 4
        assert session.plan_undo() is None


async def test_nobody_serves_when_both_are_drilled(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        for context in (K, T):
            await session.perform(session.plan_drill(context, KEY))
        await until(session, lambda: len(found(session, Kind.NO_BACKENDS)) == 2)


async def test_backends_of_a_cluster_that_does_not_answer(new_lab: NewLab) -> None:
    async with new_lab(state="link-cut") as lab, lab.session() as session:
        await until(session, lambda: found(session, Kind.STALE_BACKENDS))
        finding = found(session, Kind.STALE_BACKENDS)[0]
        assert any("clustermesh-cache-ttl" in text for text in finding.evidence)
        await session.perform(session.plan_fix(finding))
        context = finding.contexts[0]
        await until(session, lambda: route(session.mesh, context, KEY).silent == frozenset())


async def test_agents_tables_are_what_is_predicted_before_and_after_a_change(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        for number, expected in enumerate((4, 2)):
            if number:
                await session.perform(session.plan_annotation([(T, KEY)], "shared", "false"))
                await until(session, lambda: not session.pending)
            predicted = route(session.mesh, K, KEY)
            assert len(predicted.backends) == expected
            told = await session.realised(K)
            assert told.error is None
            assert told.node == "koornacht-control-plane"
            assert realised_backends(predicted, told.services) == {b.ip for b in predicted.backends}


async def test_a_conflict_is_planned_again_from_what_is_there_now_and_an_undo_stays_one(new_lab: NewLab) -> None:
    async with new_lab(state="global") as lab, lab.session() as session:
        mine = session.plan_annotation([(K, KEY)], "affinity", "local")
        await session.api(K).patch(
            r.SERVICES, "rebel-base", "default", {"metadata": {"annotations": {a.AFFINITY: "remote"}}}
        )
        outcomes = await session.perform(mine)
        assert isinstance(outcomes[0].error, Conflict)
        again = session.plan_again(mine, outcomes)
        assert again is not None
        assert again.steps[0].before == {a.AFFINITY: "remote"}
        assert [o.error for o in await session.perform(again)] == [None]
        undo = session.plan_undo()
        assert undo is not None
        await session.api(K).patch(r.SERVICES, "rebel-base", "default", {"metadata": {"annotations": {"x": "y"}}})
        outcomes = await session.perform(undo)
        assert isinstance(outcomes[0].error, Conflict)
        again = session.plan_again(undo, outcomes)
        assert again is not None
        await session.perform(again)
        await until(session, lambda: session.mesh.clusters[K].services[KEY].annotations.get(a.AFFINITY) == "remote")
        assert session.plan_undo() is None


async def test_several_annotations_are_one_request(lab: Lab) -> None:
    async with lab.session() as session:
        plan = session.plan_annotations([(K, KEY), (T, KEY)], {"global": "true", "affinity": "local"})
        assert [set(step.after or {}) for step in plan.steps] == [{a.GLOBAL, a.AFFINITY}] * 2
        assert [outcome.error for outcome in await session.perform(plan)] == [None, None]
