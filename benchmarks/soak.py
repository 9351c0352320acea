"""Eight hours of 50 flows a second through a session's core, by a clock of its own: memory by the hour.

    .venv/bin/python benchmarks/soak.py [--hours 8] [--rate 50] [--keep 20000]
    .venv/bin/python benchmarks/soak.py --minutes 30 [--rate 500] [--keep 20000]

Flows go into store, view, sums, connections, judgement and pulse; each second the pod of one service is replaced, and
everything is judged. What is kept is told in numbers at the end; memory has to be flat from the second hour on.

With `--minutes` it is a whole dashboard on the embedded mesh for so many real minutes, over real sockets: a fault and
its healing every twenty seconds, another view of the flows every ten. Tasks, open files, threads and memory each
minute: what a clock of its own cannot pass by are sockets and threads, so these hours are shortened by more events.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from row import Row

from meshtui.core.errors import MeshtuiError
from tests.core.soak import Soak


def resident() -> float:
    """Megabytes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


FAULTS: tuple[dict[str, str], ...] = (
    {"fault": "relay-gone", "cluster": "tion"},
    {"fault": "agent-crashed", "cluster": "tion", "node": "tion-worker"},
    {"fault": "api-down", "cluster": "tion"},
    {"fault": "node-down", "cluster": "tion", "node": "tion-worker"},
)
FAULT_SECONDS, HEALED_SECONDS = 8, 12
_SETTLED = 3
"""Minutes until everything that is kept for the next time was opened once."""


def tell(control: str, fault: dict[str, str] | None) -> None:
    """Let something vanish, or everything be back."""
    body = None if fault is None else json.dumps(fault).encode()
    asked = urllib.request.Request(
        f"{control}/faults", body, {"Content-Type": "application/json"}, method="POST" if fault else "DELETE"
    )
    urllib.request.urlopen(asked, timeout=30).read()


def held(session: Any) -> dict[str, float]:
    """What is open and kept now; connections that wait for the next request are counted by themselves."""
    gc.collect()
    kept = 0
    for context in session.mesh.clusters:
        try:
            kept += session.api(context).connection.http.kept
        except MeshtuiError:
            continue  # a cluster that is away has none
    return {
        "MB": round(resident(), 1),
        "tasks": len(asyncio.all_tasks()),
        "files": len(os.listdir("/proc/self/fd")) - kept,
        "kept connections": kept,
        "threads": threading.active_count(),
        "flows": session.flows.seen,
    }


async def live(ready: dict[str, Any], minutes: int, keep: int) -> list[dict[str, float]]:
    """A dashboard for so many minutes, and what it held at the end of each."""
    from msgspec.structs import replace

    from meshtui.core.settings import Settings
    from meshtui.kube.clock import SystemClock
    from meshtui.mesh.session import Session
    from meshtui.mesh.targets import choose
    from meshtui.tui.app import MeshtuiApp
    from meshtui.tui.start import opening

    settings = replace(Settings(), kubeconfig=Path(ready["kubeconfig"]), flow_capacity=keep, request_timeout=2.0)
    app = MeshtuiApp(opening(lambda: Session(choose(settings, os.environ), settings)), settings, SystemClock())
    found: list[dict[str, float]] = []
    faults, views = cycle(FAULTS), cycle("scea")
    async with app.run_test(size=(160, 50)) as pilot:
        while app.board.session is None:
            await pilot.pause(0.1)
        await pilot.press("3", "a")
        began = time.monotonic()
        while len(found) < minutes:
            await asyncio.to_thread(tell, ready["control"], next(faults))
            await pilot.press(next(views))
            await asyncio.sleep(FAULT_SECONDS)
            await asyncio.to_thread(tell, ready["control"], None)
            await pilot.press(next(views))
            await asyncio.sleep(HEALED_SECONDS)
            if time.monotonic() - began >= 60 * (len(found) + 1):
                found.append(held(app.board.session))
                print(f"{len(found):3} min  {json.dumps(found[-1])}", flush=True)
    return found


def by_the_clock(minutes: int, rate: int, keep: int) -> None:
    """The same minutes for everybody: nothing is simulated but the mesh."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    words = [sys.executable, "-m", "meshtui", "simulate", "--state", "global", "--nodes", "2", "--flow-rate", str(rate)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as mesh:
        try:
            assert mesh.stdout is not None
            found = asyncio.run(live(json.loads(mesh.stdout.readline()), minutes, keep))
        finally:
            mesh.terminate()
    first, last = found[min(_SETTLED, len(found)) - 1], found[-1]
    for what, unit in (("MB", "MB"), ("tasks", "tasks"), ("files", "open files"), ("threads", "threads")):
        Row(f"{minutes} minutes of faults: {unit}", last[what], unit, f"after {_SETTLED}", first[what], aim=1.05).say()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--minutes", type=int, default=0)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--keep", type=int, default=20_000)
    options = parser.parse_args()
    if options.minutes:
        by_the_clock(options.minutes, options.rate, options.keep)
        return
    soak, sizes, begun = Soak(options.rate, options.keep), [], time.process_time()
    for hour in range(1, options.hours + 1):
        soak.pass_by(3_600)
        sizes.append(resident())
        print(f"{hour:2} h  {sizes[-1]:6.1f} MB  {time.process_time() - begun:6.0f} s CPU", flush=True)
    print(json.dumps(soak.sizes()))
    flows = f"{options.hours * 3_600 * options.rate:,} flows"
    Row(f"{flows} in {options.hours} hours: memory", sizes[-1], "MB", "after an hour", sizes[0], aim=1.05).say()


if __name__ == "__main__":
    main()
