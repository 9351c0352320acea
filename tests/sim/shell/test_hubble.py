"""`hubble observe` and `hubble status` in an agent: what is selected, followed and counted is as the CLI has it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from meshtui.sim import shell
from meshtui.sim.clock import ManualClock
from meshtui.sim.faults.inject import heal, inject
from meshtui.sim.relay.ring import Event, Lost
from meshtui.sim.world import SimCluster, World
from tests.sim.relay.test_stream import SECOND, put, the_ring
from tests.sim.worlds import world


@pytest.fixture
def made() -> World:
    """A mesh in whose first agent's ring are six flows of seconds 1 to 6, port 0 and 1 in turn, and a gap at 3.5."""
    mesh = world("deployed")
    for second in range(1, 7):
        put(the_ring(mesh), second)
        if second == 3:
            the_ring(mesh).append(Event(int(3.5 * SECOND), Lost(1, 9, 3 * SECOND, 3 * SECOND)))
    return mesh


def agent_pod(cluster: SimCluster) -> dict[str, Any]:
    """A cluster's agent."""
    pods = cluster.store.list(("", "pods"), "kube-system")
    return next(p for p in pods if p["metadata"].get("labels", {}).get("k8s-app") == "cilium")


async def step(mesh: World, seconds: float) -> None:
    """Move the clock on, and let everything that is due be done."""
    assert isinstance(mesh.clock, ManualClock)
    for _ in range(4):
        await mesh.clock.advance(seconds / 4)


def seconds(out: str) -> list[Any]:
    """Seconds of the flows that were printed, `gap` for lost events."""
    lines = [json.loads(line) for line in out.splitlines()]
    return ["gap" if "lost_events" in line else int(line["time"][17:19]) for line in lines]


async def start(mesh: World, *words: str) -> tuple[asyncio.Task[int], bytearray, bytearray]:
    out, err = bytearray(), bytearray()

    async def to_out(data: bytes) -> None:
        out.extend(data)

    async def to_err(data: bytes) -> None:
        err.extend(data)

    cluster = mesh.clusters["koornacht"]
    running = shell.run(mesh, cluster, agent_pod(cluster), "cilium-agent", ["hubble", *words], None, to_out, to_err)
    return asyncio.create_task(running), out, err


async def ran(mesh: World, *words: str) -> tuple[int, str, str]:
    task, out, err = await start(mesh, *words)
    return await task, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], [1, 2, 3, "gap", 4, 5, 6]),
        (["--last", "2"], [5, 6]),
        (["--last=3"], [4, 5, 6]),
        (["--first", "2"], [1, 2]),
        (["--all"], [1, 2, 3, "gap", 4, 5, 6]),
        (["--since", "1970-01-01T00:00:04Z"], [4, 5, 6]),
        (["--since", "1970-01-01T00:00:02Z", "--until", "1970-01-01T00:00:04Z"], [2, 3, "gap", 4]),
        (["--since", "1970-01-01T00:00:04.000Z", "--last", "1"], [4]),
        (["--since", "3s"], []),
        (["--last", "2", "--allowlist", '{"destination_port":["1"]}'], [3, "gap", 5]),
    ],
)
async def test_observe_selects_as_the_cli_does(made: World, words: list[str], told: list[Any]) -> None:
    code, out, _ = await ran(made, "observe", "-o", "jsonpb", *words)
    assert (code, seconds(out)) == (0, told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], [7, 8]),
        (["--last", "1"], [6, 7, 8]),
        (["--since", "1970-01-01T00:00:05Z"], [5, 6, 7, 8]),
        (["--until", "1970-01-01T00:00:07Z"], [7, 8]),
    ],
)
async def test_a_follow_begins_where_it_is_told_to(made: World, words: list[str], told: list[Any]) -> None:
    task, out, _ = await start(made, "observe", "--follow", "-o", "jsonpb", *words)
    await step(made, 0.2)
    for second in (7, 8):
        put(the_ring(made), second)
        await step(made, 0.2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seconds(out.decode()) == told


async def test_a_follow_ends_with_its_agent_whose_ring_and_count_are_gone(made: World) -> None:
    task, _, err = await start(made, "observe", "--follow")
    await step(made, 0.2)
    inject(made, {"fault": "agent-down", "cluster": "koornacht"})
    code, _, complaint = await ran(made, "status")
    assert (code, "failed to connect" in complaint) == (1, True)
    heal(made, "agent-down")
    await step(made, 0.2)
    assert (await task, "EOF" in err.decode()) == (1, True)
    put(the_ring(made), 9)
    code, out, _ = await ran(made, "status", "-o", "json")
    told = json.loads(out)
    assert (code, told["num_flows"], told["seen_flows"], told["max_flows"]) == (0, "1", "1", "4095")


async def test_status_counts_flows_seen_and_kept(made: World) -> None:
    ring = the_ring(made)
    for _ in range(ring.capacity + 100):
        put(ring, 6)
    ring.overwritten()
    code, out, _ = await ran(made, "status", "-o", "json")
    told = json.loads(out)
    assert (code, told["num_flows"], told["seen_flows"]) == (0, "4095", str(4095 + 100 + 6 + 1))
    _, out, _ = await ran(made, "status")
    assert "Healthcheck (via unix:///var/run/cilium/hubble.sock): Ok" in out
    assert "Current/Max Flows: 4,095/4,095 (100.00%)" in out


@pytest.mark.parametrize("words", [["listen"], ["observe", "--last", "x"], ["observe", "--first", "1", "--follow"]])
async def test_what_the_cli_refuses(made: World, words: list[str]) -> None:
    code, out, err = await ran(made, *words)
    assert (code, out, err.startswith("Error: ")) == (1, "", True)
