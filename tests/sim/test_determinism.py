"""The same seed and a clock moved by hand give the same mesh: objects, answers, flows, faults, background."""

from __future__ import annotations

import asyncio
from typing import Any

from meshtui.sim import controllers
from meshtui.sim.background import Background
from meshtui.sim.clock import ManualClock
from meshtui.sim.faults.inject import inject
from meshtui.sim.relay.ring import Lost
from meshtui.sim.world import World
from tests.sim.worlds import curl, world

TROUBLE = (
    {"fault": "loss", "percent": 20.0},
    {"fault": "ring-overrun", "percent": 30.0, "cluster": "tion"},
    {"fault": "clock-skew", "seconds": 5.0, "cluster": "tion"},
)


def history(made: World) -> list[Any]:
    """Everything every ring holds, uuids and times included."""
    return [
        (name, node, e.time_ns, e.uuid, e.what if isinstance(e.what, Lost) else e.what.body)
        for name, cluster in made.clusters.items()
        for node, ring in cluster.rings.items()
        for e in ring.all()[0]
    ]


def run(seed: int) -> tuple[Any, ...]:
    """Requests under trouble, with background traffic."""
    made = world("global", seed=seed, flow_rate=200)
    for fault in TROUBLE:
        inject(made, fault)
    backgrounds = [Background(made, cluster) for cluster in made.clusters.values()]
    answers = []
    for cluster in made.clusters:
        answers += [(r.kind, r.body, r.local_port, r.seconds) for r in curl(made, cluster, count=10)]
        for background in backgrounds:
            background.tick()
    return answers, history(made)


def test_two_runs_with_one_seed_are_the_same_to_the_byte() -> None:
    assert run(7) == run(7)


def test_another_seed_is_another_run() -> None:
    one, other = run(7), run(8)
    assert one[0] != other[0]
    assert {entry[3] for entry in one[1]}.isdisjoint({entry[3] for entry in other[1]} - {""})


def rolled(seed: int) -> list[Any]:
    """Names, addresses and uids of all pods after a scale-up, in order."""
    made = world("deployed", seed=seed)

    async def roll() -> None:
        clock = made.clock
        assert isinstance(clock, ManualClock)
        cluster = made.clusters["koornacht"]
        async with controllers.running(cluster):
            found = cluster.store.get(("apps", "deployments"), "default", "rebel-base")
            assert found is not None
            cluster.store.update(
                ("apps", "deployments"),
                {**found, "metadata": dict(found["metadata"]), "spec": {**found["spec"], "replicas": 5}},
            )
            for _ in range(40):
                await clock.advance(0.2)

    asyncio.run(roll())
    pods = made.clusters["koornacht"].store.list(("", "pods"), "default")
    return [(p["metadata"]["name"], p["metadata"]["uid"], p["status"].get("podIP")) for p in pods]


def test_controllers_name_and_number_pods_alike() -> None:
    one = rolled(3)
    assert one == rolled(3)
    assert len([name for name, *_ in one if name.startswith("rebel-base")]) == 5
    assert one != rolled(4)
