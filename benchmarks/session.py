"""A session at scale over real sockets: time to a filled table, memory, one event, the cost of a route.

    .venv/bin/python benchmarks/session.py [--services 5000] [--clusters 8]

One `meshtui simulate` serves the mesh from a process of its own. Everything is told beside yardsticks of the same run:
fetching and decoding the same lists with nothing kept (`bare_lists`, the better of two, so that the mesh has its pages
ready for all), the same pages decoded by Python's own `json` (`json_lists`), kubectl printing the long lists of all
clusters side by side where there is one (`kubectl`), a bare PATCH (`bare_patch`), decoding one Service and its
EndpointSlice (`bare_decode`). Read the ratios, the seconds are of one machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from flowroom import child
from row import Row

sys.path.insert(0, str(Path(__file__).parent.parent))
from meshtui.core.findings import Findings
from meshtui.core.model import objects as o
from meshtui.core.model import resources as r
from meshtui.core.model.completeness import coming
from meshtui.core.model.state import Delta
from meshtui.core.routing import Surroundings, route
from meshtui.core.routing import annotations as a
from meshtui.core.services.table import ServiceTable
from meshtui.core.settings import Settings
from meshtui.kube.api import PAGE, Api
from meshtui.kube.clock import SystemClock
from meshtui.kube.http.client import Request
from meshtui.mesh import collector
from meshtui.mesh.scope import Scope
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose

PORTION = 100
"""Services looked at in one turn of the loop, as the services pane does it."""


def resident() -> float:
    """Megabytes now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


async def bare_lists(kubeconfig: Path, contexts: list[str]) -> dict[str, float]:
    """The same lists through the same client, decoded and forgotten."""
    begun, count = time.perf_counter(), 0

    async def fetch(context: str) -> int:
        found = 0
        async with await Api.connect(context, kubeconfig, {}, request_timeout=60.0) as api:
            for resource in r.WATCHED:
                async for items, _ in api.pages(resource):
                    found += len(items)
        return found

    for found in await asyncio.gather(*(fetch(context) for context in contexts)):
        count += found
    return {"bare_lists_seconds": time.perf_counter() - begun, "objects": count}


async def json_lists(kubeconfig: Path, contexts: list[str]) -> dict[str, float]:
    """The same pages through the same client, decoded by Python's own `json` and forgotten."""
    begun = time.perf_counter()

    async def fetch(context: str) -> None:
        async with await Api.connect(context, kubeconfig, {}, request_timeout=60.0) as api:
            for resource in r.WATCHED:
                params = {"limit": str(PAGE)}
                while True:
                    _, body = await api.connection.fetch(Request("GET", resource.path(""), params))
                    metadata = json.loads(body)["metadata"]
                    if not metadata.get("continue"):
                        break
                    params["continue"] = metadata["continue"]

    await asyncio.gather(*(fetch(context) for context in contexts))
    return {"json_lists_seconds": time.perf_counter() - begun}


async def kubectl_lists(kubeconfig: Path, contexts: list[str]) -> dict[str, float]:
    """What kubectl takes for the four long lists of all clusters, side by side; nothing where there is no kubectl."""
    if shutil.which("kubectl") is None:
        return {}
    begun = time.perf_counter()

    async def get(context: str) -> None:
        words = [
            "--kubeconfig",
            str(kubeconfig),
            "--context",
            context,
            "get",
            "nodes,services,endpointslices,pods",
            "-A",
        ]
        process = await asyncio.create_subprocess_exec("kubectl", *words, stdout=asyncio.subprocess.DEVNULL)
        if await process.wait():
            raise SystemExit(f"kubectl cannot list {context}")

    await asyncio.gather(*(get(context) for context in contexts))
    return {"kubectl_seconds": time.perf_counter() - begun}


class Turns:
    """The longest time the event loop was held."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def watch(self) -> None:
        while True:
            at = time.perf_counter()
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, time.perf_counter() - at - 0.005)


async def fill(session: Session, expected: int) -> tuple[ServiceTable, Findings, dict[str, float]]:
    """From the start of a session until every service of every cluster is in the table, in portions as they come."""
    table = ServiceTable(session.mesh, lazy=True)
    findings = Findings(session.mesh, lazy=True)
    session.subscribe(table.note)
    session.subscribe(findings.note)
    collector.seldom()
    turns = Turns()
    watching = asyncio.ensure_future(turns.watch())
    begun = time.perf_counter()
    await session.start()

    def complete() -> bool:
        clusters = session.mesh.clusters.values()
        lists = all(r.SERVICES in c.objects and r.ENDPOINTSLICES in c.objects for c in clusters)
        return lists and table.known >= expected and not table.backlog

    while not complete():
        # As the services pane does it: rows in sight at once, the others when no list is on its way.
        if table.known < PORTION or not coming(session.mesh, (r.SERVICES, r.ENDPOINTSLICES)):
            table.work(PORTION)
            await asyncio.sleep(0 if table.backlog else 0.002)
        else:
            await asyncio.sleep(0.002)
    filled = time.perf_counter() - begun
    while findings.backlog:
        findings.work(PORTION)
        await asyncio.sleep(0)
    looked = time.perf_counter() - begun
    watching.cancel()
    return (
        table,
        findings,
        {"filled_seconds": filled, "all_findings_seconds": looked, "longest_turn_ms": 1e3 * turns.longest},
    )


async def one_event(session: Session, table: ServiceTable, findings: Findings, keys: list[str]) -> dict[str, float]:
    """PATCH to shown row beside the PATCH's own answer, and what the row and its findings cost."""
    context = next(iter(session.mesh.clusters))
    api = session.api(context)
    bare, shown, cost = [], [], []
    seen = asyncio.Event()

    def arrived(delta: Delta) -> None:
        at = time.perf_counter()
        table.update(delta)
        findings.update(delta)
        if any(resource == r.SERVICES for _, resource in delta.objects):
            cost.append(time.perf_counter() - at)
            seen.set()

    stop = session.subscribe(arrived)
    for key in keys:
        namespace, name = key.split("/")
        seen.clear()
        at = time.perf_counter()
        await api.patch(r.SERVICES, name, namespace, {"metadata": {"annotations": {a.AFFINITY: "local"}}})
        bare.append(time.perf_counter() - at)
        await asyncio.wait_for(seen.wait(), 20)
        shown.append(time.perf_counter() - at)
    stop()
    return {
        "bare_patch_ms": 1e3 * statistics.median(bare),
        "patch_to_row_ms": 1e3 * statistics.median(shown),
        "row_and_findings_ms": 1e3 * statistics.median(cost),
    }


def routes(session: Session, keys: list[str]) -> dict[str, float]:
    """One route beside the decoding of one Service and one EndpointSlice."""
    mesh = session.mesh
    client = next(iter(mesh.clusters.values()))
    around = Surroundings.of(mesh, client)
    begun = time.perf_counter()
    for key in keys:
        route(mesh, client.context, key, around=around)
    each = (time.perf_counter() - begun) / len(keys)
    service = msgspec.json.encode(client.services[keys[0]])
    piece = next(iter(mesh.slices_of[client.context][keys[0]]))
    slices = msgspec.json.encode(client.endpointslices[piece])
    decoders: list[tuple[msgspec.json.Decoder[Any], bytes]] = [
        (msgspec.json.Decoder(o.Service), service),
        (msgspec.json.Decoder(o.EndpointSlice), slices),
    ]
    begun = time.perf_counter()
    for _ in range(1000):
        for decoder, data in decoders:
            decoder.decode(data)
    decode = (time.perf_counter() - begun) / 1000
    return {"route_us": 1e6 * each, "bare_decode_us": 1e6 * decode, "routes_per_second": 1 / each}


async def measure(kubeconfig: Path, contexts: list[str], services: int) -> dict[str, float]:
    found = min([await bare_lists(kubeconfig, contexts) for _ in range(2)], key=lambda each: each["bare_lists_seconds"])
    found |= await json_lists(kubeconfig, contexts)
    found |= await kubectl_lists(kubeconfig, contexts)
    before = resident()
    settings = Settings(kubeconfig=kubeconfig, request_timeout=60.0, all_namespaces=True)
    targets, scope = choose(settings, {}), Scope(flows=False)
    session = Session(targets, settings, clock=SystemClock(), rng=random.Random(1), scope=scope)
    try:
        table, findings, times = await fill(session, services)
        found |= times
        found["megabytes"] = resident() - before
        found["rows"] = len(table)
        first = next(iter(session.mesh.clusters.values()))
        keys = [key for key in table.keys if key in first.services and mesh_has_slices(session, key)]
        found |= await one_event(session, table, findings, keys[:30])
        found |= routes(session, keys[:2000])
    finally:
        await session.stop()
    found["filled_to_bare_lists"] = found["filled_seconds"] / found["bare_lists_seconds"]
    found["route_to_decode"] = found["route_us"] / found["bare_decode_us"]
    return found


def mesh_has_slices(session: Session, key: str) -> bool:
    """Whether the first cluster has endpoints of its own for a service."""
    first = next(iter(session.mesh.clusters))
    return key in session.mesh.slices_of.get(first, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--clusters", type=int, default=8)
    given = parser.parse_args()
    words = ["--state", "global", "--services", str(given.services), "--clusters", str(given.clusters)]
    with child("-m", "meshtui", "simulate", *words) as line:
        ready = json.loads(line)
        found = asyncio.run(measure(Path(ready["kubeconfig"]), ready["contexts"], given.services))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))
    work = f"{given.clusters} × {given.services:,} services filled"
    Row(work, found["filled_seconds"], "s", "bare fetch and decode", found["bare_lists_seconds"], 1.5).say()
    Row(work, found["filled_seconds"], "s", "the same pages by Python's json", found["json_lists_seconds"]).say()
    if "kubectl_seconds" in found:
        Row(work, found["filled_seconds"], "s", "kubectl get of the long lists", found["kubectl_seconds"]).say()
    Row(f"{work}: longest turn", found["longest_turn_ms"], "ms", aim=100.0).say()


if __name__ == "__main__":
    main()
