"""Any two faults at once: everything goes on answering, and all is as before once both are mended."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from meshtui.sim import agents, controllers
from meshtui.sim.clock import ManualClock
from meshtui.sim.controllers.loop import condition
from meshtui.sim.datapath import request
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.faults.kinds import KINDS
from meshtui.sim.relay.peers import peers
from meshtui.sim.world import World
from tests.sim.worlds import world

PARAMETERS: dict[str, dict[str, Any]] = {
    "apiserver-gone": {"cluster": "tion"}, "wrong-ca": {"cluster": "koornacht"},
    "wrong-address": {"cluster": "koornacht"},
    "certificate-expired": {"cluster": "tion"}, "relay-gone": {"cluster": "tion"},
    "agent-stopped": {"cluster": "tion", "node": "tion-worker"},
    "agent-crashed": {"cluster": "tion", "node": "tion-worker2"},
    "node-down": {"cluster": "tion", "node": "tion-worker"}, "dns-gone": {"cluster": "koornacht"},
    "not-ready": {"cluster": "tion"}, "api-frozen": {"cluster": "tion"}, "lossy": {"percent": 25},
}  # fmt: skip
RECORDED = (
    "link-cut", "one-way-cut", "vxlan-only", "control-plane-only", "health-port-only", "mtu", "slow", "lossy",
    "apiserver-gone", "agent-stopped", "agent-crashed", "node-down", "api-frozen", "relay-gone", "wrong-address",
    "wrong-ca", "certificate-expired", "dns-gone", "not-ready",
)  # fmt: skip
ENDS = {"answered", "timeout", "refused", "dns"}


def told(made: World) -> dict[str, Any]:
    """What everybody says, without times."""
    found: dict[str, Any] = {}
    for cluster in made.clusters.values():
        for node in (n["metadata"]["name"] for n in cluster.store.list(("", "nodes"))):
            for what in (agents.agent_status, agents.health, agents.service_list):
                try:
                    answer = what(made, cluster, node)
                except agents.NoAnswer as error:
                    answer = str(error)
                found[f"{node} {what.__name__}"] = answer
            try:
                found[f"{node} troubleshoot"] = agents.troubleshoot(made, cluster, node, [])
            except agents.NoAnswer as error:
                found[f"{node} troubleshoot"] = str(error)
        try:
            remotes = agents.kvstoremesh_status(made, cluster)
            found[f"{cluster.name} kvstoremesh"] = [(r.get("ready"), r["status"].partition(" ID")[0]) for r in remotes]
            found[f"{cluster.name} mesh troubleshoot"] = agents.kvstoremesh_troubleshoot(made, cluster, [])
        except agents.NoAnswer as error:
            found[f"{cluster.name} kvstoremesh"] = str(error)
        found[f"{cluster.name} peers"] = [(p.name, p.available, p.held) for p in peers(cluster)]
        pods = cluster.store.list(("", "pods"))
        found[f"{cluster.name} unready"] = sum(not condition(p, "Ready") for p in pods)
    return found


def lasting(said: dict[str, Any]) -> dict[str, Any]:
    """What does not tell of the past."""
    return {k: v for k, v in said.items() if k.endswith(("kvstoremesh", "peers", "unready"))}


async def ask(made: World) -> set[str]:
    """How requests end."""
    sent = []
    for cluster in made.clusters.values():
        pods = [p for p in cluster.store.list(("", "pods"), "default") if "x-wing" in p["metadata"]["name"]]
        sent += [asyncio.ensure_future(request(made, cluster, p, "rebel-base", 80, max_time=1.0)) for p in pods * 2]
    assert isinstance(made.clock, ManualClock)
    for _ in range(60):
        await made.clock.advance(0.2)
    return {task.result().kind for task in sent}


async def live(made: World, first: str, second: str) -> None:
    """Break both, look at everything at several times, mend both, look again."""
    assert isinstance(made.clock, ManualClock)
    before = lasting(told(made))
    for name in (first, second):
        inject(made, {"fault": name, **PARAMETERS.get(name, {})})
    for seconds in (1, 90):
        assert await ask(made) <= ENDS
        told(made)
        await made.clock.advance(seconds)
    heal(made, first)
    await made.clock.advance(10)
    told(made)
    heal(made)
    await made.clock.advance(120)
    assert lasting(told(made)) == before
    assert await ask(made) == {"answered"}
    assert not made.faults.active()


def partners(first: str) -> list[str]:
    """Whom to break it with: every third, over all of them every kind with every kind of place; all when asked to."""
    start = RECORDED.index(first)
    rest = list(enumerate(RECORDED))[start:]
    everyone = bool(os.environ.get("MESHTUI_EVERY_PAIR"))
    return [name for number, name in rest if everyone or (number + start) % 3 == 0]


@pytest.mark.parametrize("first", RECORDED)
def test_any_two_at_once(first: str) -> None:
    for second in partners(first):
        made = world("global", nodes=3)

        async def both(made: World = made, second: str = second) -> None:
            async with (
                controllers.running(made.clusters["koornacht"]),
                controllers.running(made.clusters["tion"]),
            ):
                await live(made, first, second)

        asyncio.run(both())


def test_these_are_all_that_were_recorded() -> None:
    assert set(RECORDED) <= set(KINDS)
    tried = {frozenset((first, second)) for first in RECORDED for second in partners(first)}
    assert {name for pair in tried for name in pair} == set(RECORDED)
