"""What the panes cost at size: to list everything, a key to its paint, a tick, a second of rest, memory.

    .venv/bin/python benchmarks/panes.py [--clusters 16] [--nodes 200] [--services 5000] [--size 160x50]

The mesh is made in memory, through the reducer, as watches would deliver it: half of the services are global, each is
in every cluster with two endpoints. CPU time, which other work on the machine does not stretch; Pilot's own share of a
key is measured on a mesh of six services and told beside it. No session runs: benchmarks/session.py measures that.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
from services import key, resident, yardstick

from meshtui.core.health.model import Judged, Judgement, LinkHealth, ServiceHealth, Subject, Verdict, What
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model import state as s
from meshtui.core.model.reduce import reduce
from meshtui.mesh import collector
from tests.core import meshes
from tests.tui.conftest import Board, board_on

KEYS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("services: down, up", ("2", "home"), ("down",) * 30 + ("up",) * 20),
    ("services: a screenful", ("2", "home"), ("pagedown",) * 20 + ("pageup",) * 10),
    ("services: top, bottom", ("2",), ("end", "home") * 5),
    ("services: order", ("2",), ("N", "N", "R", "R", "B", "W")),
    ("services: all marked", ("2",), ("asterisk", "asterisk", "space", "escape")),
    ("clusters: down, up", ("1", "home"), ("down",) * 12 + ("up",) * 12),
    ("flows, load, tabs", (), ("3", "4", "1", "2", "tab", "tab")),
)
"""Name, keys pressed before, keys measured."""


def nodes(context: str, count: int) -> s.Listed:
    """A cluster's nodes, all ready."""
    condition = o.Condition(type="Ready", status="True")
    made = {
        f"{context}-n{n}": o.Node(o.Meta(name=f"{context}-n{n}"), o.NodeSpec(), o.NodeStatus(conditions=[condition]))
        for n in range(count)
    }
    return s.Listed(context, r.NODES, made, 0.0)


def judgement(mesh: s.Mesh, services: int) -> Judgement:
    """Most is well; one link is silent and three services fail."""
    contexts = list(mesh.clusters)
    links = {
        (a, b): LinkHealth(Subject(What.LINK, a, b), Verdict.WELL, "ready")
        for a in contexts
        for b in contexts
        if a != b
    }
    first, last = contexts[0], contexts[-1]
    links[first, last] = LinkHealth(Subject(What.LINK, first, last), Verdict.CONTRADICTED, "its nodes don't answer", 1)
    failing = [key(n) for n in (5, services // 2, services - 1)]
    return Judgement(
        1.0,
        {c: Judged(Subject(What.CLUSTER, c), Verdict.WELL, "well") for c in contexts},
        {},
        links,
        {},
        {k: ServiceHealth(Subject(What.SERVICE, "", k), Verdict.FAILING, "all requests denied") for k in failing},
    )


async def spent(what: Callable[[], Awaitable[object]]) -> float:
    """CPU seconds of it and of all that it caused."""
    begun = time.process_time()
    await what()
    return time.process_time() - begun


async def pressed(board: Board, before: tuple[str, ...], keys: tuple[str, ...]) -> list[float]:
    """CPU milliseconds of each key."""
    for name in before:
        await board.press(name)
    await board.pilot.pause(0.3)
    return [1e3 * await spent(lambda name=name: board.press(name)) for name in keys]  # type: ignore[misc]


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


async def measure(clusters: int, count: int, services: int, size: tuple[int, int]) -> dict[str, object]:
    begun = resident()
    names = [f"c{c:02}" for c in range(clusters)]
    mesh = meshes.mesh(*names)
    for number, context in enumerate(names):
        reduce(mesh, s.ApiChanged(context, s.Phase.LIVE, 0.0, "1.36.2"))
        reduce(mesh, nodes(context, count))
        for event in listed(context, number, services):
            reduce(mesh, event)
    gc.collect()
    state_mb = resident() - begun
    found: dict[str, object] = {"state_mb": state_mb}
    async with board_on(mesh, size, judgement=judgement(mesh, services)) as board:
        pane = board.app.board.services

        async def fill() -> None:
            while pane.table is None or pane.table.known < services or pane.table.backlog:
                await asyncio.sleep(0)

        found["rows_cpu_s"] = await spent(fill)

        async def findings() -> None:
            while board.app.board.findings is None or board.app.board.findings.backlog:
                await asyncio.sleep(0)

        found["findings_cpu_s"] = await spent(findings)
        board.app.board.apply(s.Delta(status=set(names)))
        await board.pilot.pause(0.5)
        every: list[float] = []
        for name, before, keys in KEYS:
            taken = await pressed(board, before, keys)
            found[name] = [sorted(taken)[len(taken) // 2], p95(taken), max(taken)]
            every += taken
        found["every key"] = [sorted(every)[len(every) // 2], p95(every), max(every)]
        ticks = []
        for _ in range(20):
            ticks.append(1e3 * await spent(lambda: told(board, names)))
        found["a judgement told, ms"] = [sorted(ticks)[10], p95(ticks)]
        await board.press("2")
        await board.pilot.pause(1)
        found["rest, % of a core"] = 100 * await spent(lambda: asyncio.sleep(10)) / 10
        await board.press("V")
        await board.pilot.pause(1)
        found["rest in the pulse, % of a core"] = 100 * await spent(lambda: asyncio.sleep(10)) / 10
        gc.collect()
        found["memory_mb"] = resident()
    return found


def listed(context: str, number: int, services: int) -> list[s.Listed]:
    """What one cluster's watches list."""
    found, slices = {}, {}
    for n in range(services):
        found[key(n)] = meshes.service(meshes.GLOBAL if n % 2 else {}, key=key(n))
        ends = [meshes.endpoint(f"10.{number}.{n % 250}.{e}", f"p-{n}-{e}", ready=True) for e in (1, 2)]
        item = meshes.endpointslice(ends, key=key(n))
        slices[item.key] = item
    return [s.Listed(context, r.SERVICES, found, 0.0), s.Listed(context, r.ENDPOINTSLICES, slices, 0.0)]


async def told(board: Board, names: list[str]) -> None:
    """What the dashboard does when the judgement changed, painted."""
    board.app.board.apply(s.Delta(status=set(names)))
    await board.pilot.pause()


async def small(size: tuple[int, int]) -> dict[str, float]:
    """The same keys where there is next to nothing: Pilot's and Textual's own share."""
    async with board_on(size=size) as board:
        taken = await pressed(board, ("2",), ("down", "up") * 20)
        return {"key_small_ms": sorted(taken)[20], "key_small_p95_ms": p95(taken)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--size", default="160x50")
    given = parser.parse_args()
    gc.set_threshold(*collector.THRESHOLDS)
    columns, rows = map(int, given.size.split("x"))
    found: dict[str, object] = {"size": given.size, "yardstick_seconds": yardstick()}
    found |= asyncio.run(small((columns, rows)))
    found |= asyncio.run(measure(given.clusters, given.nodes, given.services, (columns, rows)))

    def short(value: object) -> object:
        if isinstance(value, list):
            return [round(each, 1) for each in value]
        return round(value, 2) if isinstance(value, float) else value

    print(json.dumps({name: short(value) for name, value in found.items()}, indent=1))


if __name__ == "__main__":
    main()
