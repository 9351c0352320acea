"""A policy followed until the agents of the embedded mesh have it, through real exec; or who has not, and why."""

from __future__ import annotations

import copy

from meshtui.core.model import resources as r
from tests.mesh.conftest import Lab
from tests.mesh.waiting import until

K, T = "koornacht", "tion"
DENY = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "metadata": {"name": "deny", "namespace": "default"},
    "spec": {"endpointSelector": {}, "ingress": [{}]},
}
HAVE = "valid; 1 of 1 agents have it"


async def carried_out(session, plan, patience=20.0):
    """{context: (done, words)} of a plan that was carried out."""
    rollout = session.rollout(plan)
    await rollout.ready()
    outcomes = await session.perform(plan, confirmed=True)
    assert [outcome.error for outcome in outcomes] == [None] * len(plan.steps)
    found = await rollout.wait([outcome.step for outcome in outcomes], patience)
    return {step.context: (state.done, state.words) for step, state in found}


async def test_applied_changed_and_deleted_until_every_agent_has_it(lab: Lab) -> None:
    async with lab.session() as session:
        assert await carried_out(session, session.plan_apply([K, T], [DENY])) == {K: (True, HAVE), T: (True, HAVE)}
        changed = copy.deepcopy(DENY)
        changed["spec"]["endpointSelector"] = {"matchLabels": {"name": "rebel-base"}}
        assert await carried_out(session, session.plan_apply([T], [changed])) == {T: (True, HAVE)}
        gone = await carried_out(session, session.plan_delete(K, r.CNPS, "default", "deny"))
        assert gone == {K: (True, "gone; 1 of 1 agents have dropped it")}


async def test_who_has_not_is_said_and_the_others_are_not_waited_for_again(lab: Lab) -> None:
    async with lab.session() as session:
        await lab.fault("agent-crashed", cluster=T, node="tion-control-plane")
        found = await carried_out(session, session.plan_apply([K, T], [DENY]), patience=1.5)
        assert found[K] == (True, HAVE)
        done, words = found[T]
        assert not done
        assert words.startswith("valid; 0 of 1 agents have it: tion-control-plane does not answer")


async def test_a_policy_that_agents_refuse_is_not_waited_for(lab: Lab) -> None:
    async with lab.session() as session:
        nodes = {"nodeSelector": {}, "ingress": [{}]}
        bad = {**{key: value for key, value in DENY.items() if key != "spec"}, "specs": [DENY["spec"], nodes]}
        found = await carried_out(session, session.plan_apply([K], [bad]))
        done, words = found[K]
        assert done
        assert "refused by the agents" in words


async def test_without_the_right_to_exec_the_operators_word_is_all_there_is(lab: Lab) -> None:
    async with lab.session() as session:
        await lab.fault("forbid", cluster=K, resource="pods/exec")
        found = await carried_out(session, session.plan_apply([K], [DENY]))
        done, words = found[K]
        assert done
        assert words.startswith("valid; whether agents have it is not known: ")
        await until(session, lambda: "default/deny" in session.mesh.clusters[K].of(r.CNPS))
