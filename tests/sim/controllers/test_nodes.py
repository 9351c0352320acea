"""Nodes under trouble: a dead kubelet makes them NotReady, a dead agent only keeps new pods away."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

from meshtui.sim import controllers
from meshtui.sim.clock import ManualClock
from meshtui.sim.controllers.loop import DEPLOYMENTS, NODES, PODS, condition
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.world import World
from tests.sim.worlds import world

NODE = "koornacht-control-plane"


async def settle(made: World) -> None:
    """Let controllers work for six seconds."""
    assert isinstance(made.clock, ManualClock)
    for _ in range(30):
        await made.clock.advance(0.2)


def node(made: World) -> dict[str, Any]:
    """Koornacht's node."""
    return made.clusters["koornacht"].store.get(NODES, "", NODE) or {}


def test_a_dead_agent_taints_its_node_and_leaves_it_ready() -> None:
    made = world("deployed")
    cluster = made.clusters["koornacht"]
    before = node(made)["spec"]

    async def run() -> None:
        async with controllers.running(cluster):
            inject(made, {"fault": "agent-down", "cluster": "koornacht"})
            await settle(made)
            assert {"key": "node.cilium.io/agent-not-ready", "effect": "NoSchedule"} in node(made)["spec"]["taints"]
            assert condition(node(made), "Ready")
            more = copy.deepcopy(cluster.store.get(DEPLOYMENTS, "default", "rebel-base"))
            assert more is not None
            more["spec"]["replicas"] = 3
            cluster.store.update(DEPLOYMENTS, more)
            await settle(made)
            waiting = [p for p in cluster.store.list(PODS, "default") if not p["spec"].get("nodeName")]
            assert len(waiting) == 1
            heal(made, "agent-down")
            await settle(made)
            assert node(made)["spec"] == before
            assert all(condition(p, "Ready") for p in cluster.store.list(PODS, "default"))

    asyncio.run(run())


def test_a_dead_kubelet_makes_its_node_not_ready_and_its_pods_with_it() -> None:
    made = world("deployed")
    cluster = made.clusters["koornacht"]

    async def run() -> None:
        async with controllers.running(cluster):
            inject(made, {"fault": "node-down", "cluster": "koornacht"})
            await made.clock.advance(47)  # type: ignore[attr-defined]
            assert condition(node(made), "Ready")
            await settle(made)
            assert not condition(node(made), "Ready")
            taints = [(t["key"], t["effect"]) for t in node(made)["spec"]["taints"]]
            assert taints == [("node.kubernetes.io/unreachable", e) for e in ("NoSchedule", "NoExecute")]
            assert not any(condition(p, "Ready") for p in cluster.store.list(PODS, "default"))
            heal(made, "node-down")
            await settle(made)
            assert condition(node(made), "Ready")
            assert all(condition(p, "Ready") for p in cluster.store.list(PODS, "default"))

    asyncio.run(run())
