"""Events: what happened to a workload, in the words `kubectl get events` and `describe` show."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from meshtui.sim import controllers
from meshtui.sim.clock import ManualClock
from meshtui.sim.controllers.events import EVENTS
from meshtui.sim.faults.inject import inject
from meshtui.sim.world import SimCluster
from tests.sim.worlds import world

DEPLOYMENTS, PODS = ("apps", "deployments"), ("", "pods")


def told(act: Callable[[SimCluster], None]) -> list[tuple[str, str, str, str]]:
    """(type, reason, object, message) of what came of it, pods' random letters cut off."""
    made = world("deployed", node_grace=1.0)
    cluster = made.clusters["koornacht"]

    async def run() -> None:
        assert isinstance(made.clock, ManualClock)
        async with controllers.running(cluster):
            act(cluster)
            for _ in range(30):
                await made.clock.advance(0.2)

    asyncio.run(run())
    found = sorted(cluster.store.list(EVENTS), key=lambda e: e["metadata"]["resourceVersion"])
    return [(e["type"], e["reason"], kind_and_name(e["involvedObject"]), e["message"]) for e in found]


def kind_and_name(about: dict[str, Any]) -> str:
    """`Pod rebel-base`, without what is random."""
    return f"{about['kind']} {'-'.join(about['name'].split('-')[:2])}"


def scale(replicas: int) -> Callable[[SimCluster], None]:
    """Scale rebel-base."""

    def act(cluster: SimCluster) -> None:
        found = copy.deepcopy(cluster.store.get(DEPLOYMENTS, "default", "rebel-base"))
        assert found is not None
        found["spec"]["replicas"] = replicas
        cluster.store.update(DEPLOYMENTS, found)

    return act


def test_a_scale_up_is_told_by_everybody_who_takes_part() -> None:
    found = told(scale(3))
    assert [e[:3] for e in found] == [
        ("Normal", "ScalingReplicaSet", "Deployment rebel-base"),
        ("Normal", "SuccessfulCreate", "ReplicaSet rebel-base"),
        ("Normal", "Scheduled", "Pod rebel-base"),
        ("Normal", "Pulled", "Pod rebel-base"),
        ("Normal", "Created", "Pod rebel-base"),
        ("Normal", "Started", "Pod rebel-base"),
    ]
    assert found[0][3] == "Scaled up replica set rebel-base-5b79ffc867 from 2 to 3"
    assert found[2][3].endswith(" to koornacht-control-plane")


def test_a_scale_down_kills_and_tells_who_deleted() -> None:
    reasons = [e[1] for e in told(scale(0))]
    assert reasons[0] == "ScalingReplicaSet"
    assert reasons.count("Killing") == 2
    assert reasons.count("SuccessfulDelete") == 2


def test_a_pod_that_a_person_deletes_is_replaced_not_deleted_by_its_set() -> None:
    def act(cluster: SimCluster) -> None:
        pod = copy.deepcopy(next(p for p in cluster.store.list(PODS, "default") if "rebel" in p["metadata"]["name"]))
        pod["metadata"] |= {"deletionTimestamp": "2026-11-23T20:00:00Z", "deletionGracePeriodSeconds": 30}
        cluster.store.update(PODS, pod)

    reasons = [e[1] for e in told(act)]
    assert "SuccessfulDelete" not in reasons
    assert reasons[0] == "Killing"
    assert "SuccessfulCreate" in reasons


def test_a_dead_node_is_told() -> None:
    def act(cluster: SimCluster) -> None:
        inject(cluster.world, {"fault": "node-down", "cluster": "koornacht"})

    assert ("Normal", "NodeNotReady", "Node koornacht-control") in [e[:3] for e in told(act)]
