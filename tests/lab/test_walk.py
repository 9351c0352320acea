"""The whole walk on the embedded mesh: each check fails before its step and holds after, as the recordings have it."""

from __future__ import annotations

import pytest

from meshtui.core.changes.plan import Verb
from meshtui.core.errors import CheckFailed, ReadOnly, Refused, UsageError
from meshtui.core.model import resources as r
from meshtui.lab.checks.requests import FIRST, SECOND, SILENCE
from meshtui.lab.meshbuilder import ForeignMesh
from meshtui.lab.observe import observe
from meshtui.lab.report import walked
from meshtui.lab.state import State
from meshtui.lab.steps import STEPS, step_named
from meshtui.lab.walk import Walk, intruders
from tests import outcomes
from tests.lab.conftest import Start
from tests.waiting import until

pytestmark = pytest.mark.timeout(300)  # two busy cores
WORDS = {outcomes.K: FIRST, outcomes.T: SECOND, outcomes.SILENCE: SILENCE}
RECORDED = {
    {"deployed": "local"}.get(name, name): tuple({WORDS[outcome] for outcome in half} for half in halves)
    for name, halves in outcomes.RECORDED.items()
    if name != "link-cut"
}
"""How requests ended in the recordings, by step, in the lab's words; the lab cuts no link."""
ALREADY = {"clusters", "no-cni", "local"}
"""What holds before the step is taken, because the step before brought the same state about."""


async def test_every_check_fails_until_its_step_is_taken_and_holds_then(start: Start):
    """Twenty steps. It takes 20 s: each is checked twice by real requests, and agents and pods take their time."""
    async with start(state="no-cni") as (walk, _):
        for step in STEPS:
            walk.enter()
            walk.since += 5.0  # nothing that was dropped before counts
            before = await walk.check(step, 0.0)
            assert before.ok == (step.name in ALREADY), f"{step.name}: {before.sentence}"
            await walk.take(step)
            found = await walk.check(step)
            assert found.ok, f"{step.name}: {found.sentence}"
            if step.name in RECORDED:
                assert found.outcomes == RECORDED[step.name], step.name
            assert await walk.take(step) is False, f"{step.name} is a state, not a change"


@pytest.mark.parametrize("name", ["clusters", "no-cni", "local"])
async def test_checks_that_hold_from_the_start_can_fail_too(start: Start, name: str):
    spoiled = {"clusters": "deployed", "no-cni": "cilium", "local": "global"}[name]
    async with start(state=spoiled) as (walk, running):
        if name == "clusters":
            from meshtui.sim import Trouble

            await Trouble(running.control).apply({"fault": "api-down", "cluster": "tion"})
            found = await _until_fails(walk, name)
            assert found == "tion does not answer."
        else:
            assert not (await walk.check(step_named(name), 0.0)).ok


async def _until_fails(walk: Walk, name: str) -> str:
    async def fails() -> str:
        found = await walk.check(step_named(name), 0.0)
        return "" if found.ok else found.sentence

    sentence: str = await until(fails, every=0.1)
    return sentence


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        ("egress-any-cluster", "global"), ("global", "egress-allowed"), ("failover-local-0", "tion-shared-false"),
        ("tion-shared-false", "deployed"), ("deployed", "affinity-remote"), ("egress-any-cluster", "no-cni"),
        ("no-cni", "ingress-tion"),
    ],
)  # fmt: skip
async def test_any_step_can_be_jumped_to_from_anywhere(start: Start, begin: str, name: str):
    async with start(state=begin) as (walk, _):
        walk.enter()
        step = step_named(name)
        assert await walk.take(step)
        found = await walk.check(step)
        assert found.ok, found.sentence
        assert await walk.take(step) is False


async def test_before_1_19_the_last_ingress_policy_is_enough(start: Start):
    async with start(state="deployed", cilium_version="1.18") as (walk, _):
        step = step_named("ingress-tion")
        await walk.take(step)
        found = await walk.check(step)
        assert found.ok, found.sentence
        assert found.outcomes == ({FIRST, SECOND}, {SILENCE})


async def test_a_policy_somebody_else_wrote_is_replaced(start: Start):
    async with start(state="default-deny") as (walk, _):
        session, place = walk.session, walk.place
        [odd] = place.objects(place.first, "x-wing-to-rebel-base")
        odd["spec"]["egress"] = [{"toEntities": ["world"]}]
        api = session.api("koornacht")
        await api.create(r.CNPS, odd)
        step = step_named("egress-allowed")
        await walk.take(step)
        assert (await walk.check(step)).ok


async def test_read_only_refuses_and_changes_nothing(start: Start):
    async with start(state="deployed", settings={"read_only": True}) as (walk, _):
        with pytest.raises(ReadOnly):
            await walk.take(step_named("global"))
        assert await observe(walk.session, walk.place) == step_named("deployed").state
        assert walk.session.history.done == []


async def test_elsewhere_the_walk_is_the_same_and_nothing_is_left(start: Start):
    """Clusters somebody else made, a namespace of their own, a cluster's own planet. It takes 12 s: the whole walk."""
    async with start(state="deployed") as (walk, _):
        walk.builder = ForeignMesh()
        theirs = walk.with_place("lab", planets=("Yavin",))
        names = [result.step.name for result in [result async for result in walked(theirs)] if result.ok]
        assert names == [step.name for step in STEPS if step.name != "no-cni"]
        answer = (await walk.session.api("koornacht").get(r.CONFIGMAPS, "rebel-base-response", "lab")).data["message"]
        assert answer == '{"Cluster": "Koornacht", "Planet": "Yavin"}\n'
        assert intruders(theirs) == []
        gone = await theirs.remove()
        assert gone == ["koornacht: Namespace lab", "tion: Namespace lab"]
        assert await observe(walk.session, walk.place) == step_named("deployed").state, (
            "the other namespace is untouched"
        )


async def test_strangers_in_the_namespace_are_not_cut_off(start: Start):
    """Real clusters, the lab in a namespace that holds more than the lab."""
    async with start(state="no-affinity", settings={"protected": ("koornacht", "tion")}) as (walk, _):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "till", "namespace": "default"},
            "spec": {"containers": [{"name": "till", "image": "nginx"}]},
        }
        await walk.session.api("tion").create(r.PODS, pod)
        await until(lambda: intruders(walk))
        with pytest.raises(Refused) as refused:
            await walk.take(step_named("default-deny"))
        assert refused.value.title == "default has pods that are not the lab's: its policies would cut them off"
        assert refused.value.cause == "tion: default/till"
        assert walk.session.mesh.clusters["tion"].of(r.CNPS) == {}


async def test_in_a_namespace_that_was_there_only_our_objects_are_removed(start: Start):
    async with start(state="egress-any-cluster") as (walk, _):
        gone = await walk.remove()
        assert "koornacht: ConfigMap default/rebel-base-response" in gone
        assert "tion: CiliumNetworkPolicy default/rebel-base-from-x-wing" in gone
        assert not any("Namespace" in each for each in gone)
        assert await walk.remove() == []


async def test_what_is_changed_is_audited_and_can_be_undone(start: Start):
    async with start(state="deployed") as (walk, _):
        await walk.take(step_named("global"))
        [(plan, outcomes)] = walk.session.history.done
        assert plan.title == "step global"
        assert [outcome.step.verb for outcome in outcomes] == [Verb.ANNOTATE, Verb.ANNOTATE]
        undo = walk.session.plan_undo()
        await walk.session.perform(undo, confirmed=True)
        before: State = step_named("deployed").state

        async def as_before() -> bool:
            return await observe(walk.session, walk.place) == before

        await until(as_before, every=0.1)


async def test_theirs_builds_nothing(start: Start, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("meshtui.lab.walk.UNKNOWN", 1.0)
    async with start(state="no-cni") as (walk, _):
        walk.builder = ForeignMesh()
        with pytest.raises(CheckFailed, match="not Ready yet"):
            await walk.take(step_named("global"))
        assert walk.session.history.done == []


async def test_one_cluster_is_no_lab(start: Start):
    async with start(state="deployed", settings={"contexts": ("tion",)}) as (walk, _):
        with pytest.raises(UsageError, match="the lab needs two clusters"):
            await walk.take(step_named("global"))
