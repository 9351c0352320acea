"""The services room at scale: time to a filled table, the longest turn of the loop, one event, one key, memory.

    .venv/bin/python benchmarks/services.py [--services 5000] [--clusters 8]

The mesh is made in memory, through the reducer, as watches would deliver it: half of the services are global, each has
two endpoints in every cluster. Read times as ratios: `yardstick` is the time this machine takes to sort a million
numbers, `key_small_ms` that of the same keys where there are six services.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource as memory
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from meshtui.core.findings import Findings
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.services.table import ServiceTable
from tests.core import meshes
from tests.core.meshes import GLOBAL
from tests.tui.conftest import Board, board_on


def resident() -> float:
    """Megabytes now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * memory.getpagesize() / 1e6


def yardstick(clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds by `clock`: wall is compared with wall, CPU with CPU."""
    rng = random.Random(1)
    numbers = [rng.random() for _ in range(1_000_000)]
    begun = clock()
    sorted(numbers)
    return clock() - begun


def key(number: int) -> str:
    return f"ns{number % 40}/service-{number}"


def lists(clusters: int, services: int) -> list[s.Listed]:
    """What the watches list at first."""
    events = []
    for c in range(clusters):
        found, slices = {}, {}
        for n in range(services):
            found[key(n)] = meshes.service(GLOBAL if n % 2 else {}, key=key(n))
            ends = [meshes.endpoint(f"10.{c}.{n % 250}.{e}", f"p-{n}-{e}", ready=True) for e in (1, 2)]
            item = meshes.endpointslice(ends, key=key(n))
            slices[item.key] = item
        events += [s.Listed(f"c{c}", r.SERVICES, found, 0.0), s.Listed(f"c{c}", r.ENDPOINTSLICES, slices, 0.0)]
    return events


def in_core(mesh: s.Mesh) -> dict[str, float]:
    before = resident()
    begun = time.perf_counter()
    table = ServiceTable(mesh)
    built = time.perf_counter()
    findings = Findings(mesh)
    looked = time.perf_counter()
    events = []
    for n in range(200):
        ends = [meshes.endpoint("10.0.0.9", ready=bool(n % 2))]
        delta = meshes.put(mesh, "c0", meshes.endpointslice(ends, key=key(n)))
        at = time.perf_counter()
        table.update(delta)
        findings.update(delta)
        events.append(time.perf_counter() - at)
    return {
        "table_seconds": built - begun,
        "findings_seconds": looked - built,
        "event_ms_median": 1e3 * statistics.median(events),
        "table_and_findings_mb": resident() - before,
    }


async def pressed(board: Board) -> list[float]:
    """Seconds from each key to the end of the work it caused, Pilot's own waiting included."""
    keys = []
    for name in ["pagedown"] * 30 + ["down"] * 30 + ["end", "home"] * 5:
        at = time.perf_counter()
        await board.press(name)
        keys.append(time.perf_counter() - at)
    return keys


async def on_screen(clusters: int, services: int) -> dict[str, float]:
    names = [f"c{c}" for c in range(clusters)]
    async with board_on(meshes.mesh(*names), (200, 50)) as board:
        pane = board.app.board.services
        longest = 0.0
        begun = at = time.perf_counter()
        for event in lists(clusters, services):
            board.session.emit(event)
            at = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - at)
        told = time.perf_counter()
        while pane.table is None or pane.table.known < services or pane.table.backlog:
            at = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - at)
        filled = time.perf_counter()
        while board.app.board.findings is None or board.app.board.findings.backlog:
            at = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - at)
        done = time.perf_counter()
        await board.pilot.pause(0.2)
        keys = await pressed(board)
    async with board_on(size=(200, 50)) as board:
        small = await pressed(board)
    return {
        "making_and_reducing_seconds": told - begun,
        "filled_seconds_after_that": filled - told,
        "all_traps_seconds_after_that": done - told,
        "longest_turn_ms": 1e3 * longest,
        "key_small_ms_median": 1e3 * statistics.median(small),
        "key_ms_median": 1e3 * statistics.median(keys),
        "key_ms_p95": 1e3 * sorted(keys)[int(len(keys) * 0.95)],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--clusters", type=int, default=8)
    given = parser.parse_args()
    unit = yardstick()
    mesh = meshes.mesh(*[f"c{c}" for c in range(given.clusters)])
    from meshtui.core.model.reduce import reduce

    for event in lists(given.clusters, given.services):
        reduce(mesh, event)
    found = {"yardstick_seconds": unit, **in_core(mesh)}
    del mesh
    found |= asyncio.run(on_screen(given.clusters, given.services))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
