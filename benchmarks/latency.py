"""How long a drop takes from the packet to meshtui's store, through a Relay and from the agents.

    .venv/bin/python benchmarks/latency.py [--requests 8]

Against `meshtui simulate --state default-deny`, whose Relay has the sort buffer. The dashboard paints what is in
the store at its next refresh, at most 0.1 s later.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from contextlib import aclosing

from msgspec.structs import replace
from row import Row

from meshtui.core.flows.flow import Verdict
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model.state import Phase
from meshtui.core.settings import Settings
from meshtui.mesh.session import Session
from meshtui.mesh.targets import choose
from meshtui.sim import SimOptions, launch


async def delays(source: str, requests: int) -> list[float]:
    """Seconds from each DROPPED flow's own time to its arrival in the store."""
    found: list[float] = []
    async with launch(SimOptions(state="default-deny", seed=11)) as running:
        settings = replace(Settings(), kubeconfig=running.kubeconfig, flow_source=source)
        async with Session(choose(settings, os.environ), settings) as session:
            await session.settled(20)
            while not all(c.relay.link.phase is Phase.LIVE for c in session.mesh.clusters.values()):
                await asyncio.sleep(0.05)
            known = {row.uuid for row in session.flows}

            def arrived() -> None:
                now = time.time()
                for row in session.flows.rows(max(0, len(session.flows) - 400), len(session.flows)):
                    if row.uuid not in known:
                        known.add(row.uuid)
                        if row.verdict == Verdict.DROPPED:
                            found.append(now - row.time_ns / 1e9)

            stop = session.subscribe_flows(arrived)
            spec = LoadSpec("http://rebel-base", context="koornacht", count=requests)
            async with aclosing(session.load(spec)) as events:
                async for _ in events:
                    pass
            await asyncio.sleep(2)
            stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=8)
    options = parser.parse_args()
    for source, aim in (("relay", 1.5), ("agents", 0.6)):
        seen = sorted(asyncio.run(delays(source, options.requests)))
        if not seen:
            sys.exit(f"{source}: no drop arrived")
        Row(f"a drop until it is in the store, by {source}", statistics.median(seen), "s", aim=aim).say()
        print(
            f"{source:7} {len(seen):4} drops   median {statistics.median(seen):.2f} s   "
            f"p95 {seen[int(len(seen) * 0.95) - 1]:.2f} s   max {seen[-1]:.2f} s   (aim {aim} s)"
        )


if __name__ == "__main__":
    main()
