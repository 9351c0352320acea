"""Faults of the embedded mesh: called by their cause in time, alone and two at once, and over when they are over."""

from __future__ import annotations

import random
from typing import Any

import pytest

from meshtui.core.health.judge import Judge
from meshtui.core.health.model import Cause, Verdict
from tests.agreement.health.embedded import SERVICE, Embedded, Found

PAIR = "koornacht ⇄ tion"
WARM = 150.0
"""Seconds until every node was probed once."""
HEALED = 30.0
K, T, NODE = "koornacht", "tion", "tion-worker"

FAULTS: dict[str, tuple[dict[str, Any], Found, float, float]] = {
    "link-cut": ({}, {Cause.LINK_CUT: PAIR}, 10, HEALED),
    "one-way-cut": ({"from_": K}, {Cause.ONE_WAY: PAIR}, 20, HEALED),
    "vxlan-only": ({}, {Cause.OVERLAY_BLOCKED: PAIR}, 20, HEALED),
    "control-plane-only": ({}, {Cause.CONTROL_BLOCKED: PAIR}, 90, HEALED),
    "mtu": ({}, {Cause.MTU: PAIR}, 90, HEALED),
    "slow": ({"from_": K, "ms": 200}, {Cause.SLOW: PAIR}, 20, HEALED),
    "lossy": ({"percent": 25}, {Cause.LOSSY: PAIR}, 30, 60),
    "apiserver-gone": ({"cluster": T}, {Cause.APISERVER_GONE: "tion/clustermesh-apiserver"}, 10, HEALED),
    "agent-stopped": ({"cluster": T, "node": NODE}, {Cause.AGENT_HUNG: "tion/tion-worker"}, 15, HEALED),
    "agent-crashed": ({"cluster": T, "node": NODE}, {Cause.AGENT_DOWN: "tion/tion-worker"}, 40, HEALED),
    "node-down": ({"cluster": T, "node": NODE}, {Cause.NODE_DOWN: "tion/tion-worker"}, 15, HEALED),
    "api-frozen": ({"cluster": T}, {Cause.API_GONE: T}, 10, HEALED),
    "relay-gone": ({"cluster": K}, {Cause.RELAY_GONE: "koornacht/hubble-relay"}, 10, HEALED),
    "wrong-address": ({"cluster": K}, {Cause.WRONG_ADDRESS: "koornacht → tion"}, 90, HEALED),
    "wrong-ca": ({"cluster": K}, {Cause.CERTIFICATE: PAIR}, 90, HEALED),
    "certificate-expired": ({"cluster": T}, {Cause.CERTIFICATE_EXPIRED: "koornacht → tion"}, 90, HEALED),
    "dns-gone": ({"cluster": K}, {Cause.DNS_GONE: "koornacht/DNS"}, 10, HEALED),
    "not-ready": ({"cluster": T}, {Cause.PODS_NOT_READY: f"tion {SERVICE}"}, 40, HEALED),
}
"""Fault → its values, what is alarming while it lasts, seconds until that is said, and until it is over again."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_called_in_time_and_is_over_in_time(fault: str) -> None:
    values, wanted, call, over = FAULTS[fault]
    async with Embedded().running() as it:
        await it.go(WARM)
        assert it.found == {}, it.told()
        it.break_(fault, **values)
        assert await it.until(wanted, call) <= call
        await it.go(60)
        assert it.found == wanted, it.told()
        it.mend()
        await it.until({}, over)
        await it.go(60)
        assert it.found == {}, it.told()


async def test_a_node_that_carries_no_apiserver_and_a_wrong_authority_are_two() -> None:
    """Behind a node that carries a cluster's clustermesh-apiserver nobody sees a certificate."""
    async with Embedded().running() as it:
        await it.go(WARM, 5.0)
        it.break_("node-down", cluster=T, node="tion-worker2")
        it.break_("wrong-ca", cluster=K)
        await it.until({Cause.NODE_DOWN: "tion/tion-worker2", Cause.CERTIFICATE: PAIR}, 95)
        it.mend()
        await it.until({}, 60)


async def test_without_traffic_a_cut_is_called_by_probes() -> None:
    async with Embedded(requests=False).running() as it:
        await it.go(WARM)
        it.break_("link-cut")
        assert await it.until({Cause.LINK_CUT: PAIR}, 90) <= 90
        assert it.latest.link(K, T).verdict is Verdict.CONTRADICTED
        it.mend()
        await it.until({}, 30)
        await it.go(150)
        assert it.latest.link(K, T).verdict is Verdict.WELL


async def test_a_filtered_probe_is_no_alarm() -> None:
    async with Embedded().running() as it:
        await it.go(WARM)
        it.break_("health-port-only")
        await it.go(400, 5.0)
        assert it.found == {}, it.told()
        assert [trouble.cause for trouble in it.latest.troubles] == [Cause.HEALTH_UNREAD]
        assert it.latest.link(K, T).verdict is Verdict.WELL


async def test_an_hour_of_calm_without_an_alarm() -> None:
    """Pods are replaced and agents restart all the time; right after its start an agent has probed nobody yet.

    It takes 15 s or more of computing: an hour of two clusters, with all their probes and flows, and its judgements.
    """
    async with Embedded().running() as it:
        await it.go(WARM)
        it.alarms.clear()
        for round_ in range(24):
            cluster = it.world.clusters[(K, T)[round_ % 2]]
            node = sorted(it.mesh.clusters[cluster.name].nodes)[round_ % 3]
            it.break_("agent-crashed", cluster=cluster.name, node=node)
            await it.go(12, 4.0)
            it.mend()
            for pod in cluster.store.list(("", "pods"), "default")[:1]:
                cluster.store.delete(("", "pods"), "default", pod["metadata"]["name"])
            await it.go(138, 6.0)
        assert [alarm for alarm in it.alarms if alarm[1]] == []


async def test_someone_who_may_not_ask_agents_gets_what_objects_and_flows_tell() -> None:
    async with Embedded(may_exec=False).running() as it:
        await it.go(30)
        assert it.found == {}
        (told,) = it.latest.troubles
        assert (told.cause, told.object) == (Cause.NO_EXEC, "koornacht and tion")
        assert "create pods/exec" in told.sentence
        assert it.latest.link(K, T).verdict is Verdict.WELL, "flows cross"
        it.break_("link-cut")
        await it.until({Cause.LINK_CUT: PAIR}, 12)
        it.mend()
        await it.until({}, 30)
        it.break_("dns-gone", cluster=K)
        await it.until({Cause.DNS_GONE: "koornacht/DNS"}, 10)


async def test_half_an_hour_of_random_faults_leaves_nothing_behind() -> None:
    """What is remembered of former faults changes no judgement. It takes 10 s or more: of computing, half an hour's."""
    draw = random.Random(12)
    async with Embedded().running() as it:
        await it.go(WARM, 5.0)
        for _ in range(30):
            broken = [fault["fault"] for fault in it.world.faults.active()]
            if broken and (len(broken) > 2 or draw.random() < 0.5):
                it.mend(draw.choice(broken))
            else:
                fault = draw.choice(sorted(FAULTS.keys() - set(broken)))
                it.break_(fault, **FAULTS[fault][0])
            await it.go(60, 5.0)
        it.mend()
        await it.go(200, 5.0)
        it.beside = fresh = Judge(it.mesh)
        await it.go(WARM, 5.0)
        assert it.found == {}, it.told()
        old, new = it.judge, fresh
        assert {j.subject: j.verdict for j in old.latest.all()} == {j.subject: j.verdict for j in new.latest.all()}
        assert old.latest.troubles == new.latest.troubles
        assert old.memory.firsts == new.memory.firsts
        assert old.memory.verdicts.keys() == new.memory.verdicts.keys()
        assert old.traffic.open == new.traffic.open
