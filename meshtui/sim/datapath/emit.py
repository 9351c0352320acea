"""Putting events into rings: when, under which uuid, and whether the node's agent is there to see them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable

from meshtui.sim.datapath.connection import Step
from meshtui.sim.datapath.view import view
from meshtui.sim.relay.ring import Event, Lost, Ring, Template
from meshtui.sim.world import SimCluster, World

PATIENCE = 0.004
"""Seconds an event may lie in the future before it is waited for."""
RING_BUFFER = 3
"""flow.LostEventSource HUBBLE_RING_BUFFER."""


def new_uuid(rng: random.Random) -> str:
    """A version 4 uuid from the world's randomness."""
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{'89ab'[int(h[16], 16) & 3]}{h[17:20]}-{h[20:]}"


def ring_of(cluster: SimCluster, node: str) -> Ring:
    """A node's ring, made when first asked for."""
    ring = cluster.rings.get(node)
    if ring is None:
        world = cluster.world
        ring = Ring(f"{cluster.name}/{node}", world.clock.monotonic(), world.options.ring)
        cluster.rings[node] = ring
    found: Ring = ring
    return found


def all_rings(cluster: SimCluster) -> dict[str, Ring]:
    """Rings of all nodes that run Cilium, by node name; none where Cilium is not installed."""
    known = view(cluster)
    if not known.config():
        return {}
    return {node: ring_of(cluster, node) for node in known.nodes()}


def record(world: World, cluster: SimCluster, node: str, template: Template, at: float) -> None:
    """Let a node's agent see one event at `at` (seconds since the epoch)."""
    faults = world.faults
    if faults.held():
        if faults.agent_down(cluster.name, node):
            return
        at += faults.skew(cluster.name, node)
        share = faults.overrun(cluster.name, node)
        if share and world.rng.random() < share:
            _lose(cluster, node, at)
            return
    if node in cluster.part(Overruns, Overruns).open:
        _tell_lost(cluster, node, at)
    ring = ring_of(cluster, node)
    ring.append(Event(ring.stamp(int(at * 1e9)), template, new_uuid(world.rng)))


class Overruns:
    """Events lost per node, told at most once a second, as `hubble-lost-event-send-interval` has it."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[int, float]] = {}


def _lose(cluster: SimCluster, node: str, at: float) -> None:
    known = cluster.part(Overruns, Overruns).open
    count, first = known.get(node, (0, at))
    known[node] = (count + 1, first)
    ring_of(cluster, node).overwritten()
    _tell_lost(cluster, node, at)


def _tell_lost(cluster: SimCluster, node: str, at: float) -> None:
    """Write down what was lost, when that began long enough ago."""
    known = cluster.part(Overruns, Overruns).open
    count, first = known[node]
    if at - first >= 1.0:
        ring = ring_of(cluster, node)
        time_ns = ring.stamp(int(at * 1e9))
        ring.append(Event(time_ns, Lost(RING_BUFFER, count, int(first * 1e9), time_ns)))
        known.pop(node)


class Later:
    """What goes on happening after whoever began it has given up."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[float]] = set()


def play_on(world: World, steps: list[Step], start: float) -> None:
    """Record steps as their time comes, without anybody waiting for them."""
    if steps:
        tasks = steps[0][1].known.cluster.part(Later, Later).tasks
        task = asyncio.get_running_loop().create_task(play(world, steps, start))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def play(world: World, steps: Iterable[Step], start: float) -> float:
    """Record steps as their time comes; `start` is the clock's monotonic zero. Returns the last step's offset."""
    clock = world.clock
    ahead = clock.now() - clock.monotonic()
    last = 0.0
    for offset, observer, template in sorted(steps, key=lambda step: step[0]):
        last = max(last, offset)
        wait = start + offset - clock.monotonic()
        if wait > PATIENCE:
            await clock.sleep(wait)
        record(world, observer.known.cluster, observer.node, template, start + offset + ahead)
    rest = start + last - clock.monotonic()
    if rest > 0:
        await clock.sleep(rest)
    return last
