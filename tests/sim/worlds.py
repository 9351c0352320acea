"""Worlds for the simulator's tests: no servers, time by hand."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict

from meshtui.sim import seed
from meshtui.sim.clock import ManualClock
from meshtui.sim.datapath import RequestResult, request
from meshtui.sim.faults.inject import inject
from meshtui.sim.options import SimOptions
from meshtui.sim.relay.ring import Template
from meshtui.sim.serve import populate
from meshtui.sim.world import SimCluster, World

RECORDINGS = Path(__file__).parent.parent / "recordings"
STEPS = (
    "3-deployed",
    "4-global",
    "5-tion-shared-false",
    "6-affinity-local",
    "7-failover-local-0",
    "8-affinity-remote",
    "9-no-affinity",
    "10-default-deny",
    "11-egress-allowed",
    "12-ingress-koornacht",
    "13-ingress-tion",
    "14-egress-any-cluster",
    "15-link-cut",
    "16-link-restored",
)
"""Recorded steps with the application deployed."""


def world(state: str = "3-deployed", **options: Any) -> World:
    """A world in that state, its clock standing still."""
    made = World(SimOptions(state=state, **options), clock=ManualClock())
    for cluster in made.clusters.values():
        populate(cluster)
    for fault in seed.initial_faults(state):
        inject(made, fault, ago=seed.CUT_AGO)
    return made


def pod(cluster: SimCluster, app: str = "x-wing") -> dict[str, Any]:
    """A pod of the lab's application."""
    return next(
        p for p in cluster.store.list(("", "pods"), "default") if p["metadata"].get("labels", {}).get("name") == app
    )


def drive(made: World, work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end, moving the clock on as needed."""

    async def run() -> Any:
        clock = made.clock
        assert isinstance(clock, ManualClock)
        task = asyncio.ensure_future(work)
        for _ in range(20_000):
            if task.done():
                return task.result()
            await clock.advance(0.2)
        raise AssertionError("never ends")

    return asyncio.run(run())


def curl(
    made: World, cluster: str, host: str = "rebel-base", *, count: int = 1, port: int = 80, **options: Any
) -> list[RequestResult]:
    """`count` requests at once from an x-wing, with curl's `-m 2`."""
    where = made.clusters[cluster]
    options.setdefault("max_time", 2.0)

    async def all_of_them() -> list[RequestResult]:
        sent = [request(made, where, pod(where), host, port, **options) for _ in range(count)]
        return list(await asyncio.gather(*sent))

    found: list[RequestResult] = drive(made, all_of_them())
    return found


def answered_by(results: list[RequestResult]) -> set[str]:
    """Who answered, as the body says, and `timeout`, `refused` or `dns` for what was not answered."""
    return {json.loads(r.body)["Cluster"] if r.kind == "answered" else r.kind for r in results}


def flows(made: World) -> list[dict[str, Any]]:
    """Every flow in every ring, in proto JSON, without uuid; `time` is in nanoseconds, and sorts as text."""
    found = []
    for cluster in made.clusters.values():
        for ring in cluster.rings.values():
            found += [
                {**MessageToDict(e.what.flow, preserving_proto_field_name=True), "time": f"{e.time_ns:020d}"}
                for e in ring.all()[0]
                if isinstance(e.what, Template)
            ]
    return found


def recorded_connections(step: str) -> list[dict[str, Any]]:
    """One recorded connection of each kind, flow by flow."""
    text = gzip.decompress((RECORDINGS / step / "flows.connections.jsonl.gz").read_bytes()).decode()
    return [json.loads(line)["flow"] for line in text.splitlines()]


def recorded_status() -> dict[str, Any]:
    """What the agents said of themselves at each step: step → cluster → report."""
    return dict(json.loads(gzip.decompress((RECORDINGS / "status.json.gz").read_bytes())))
