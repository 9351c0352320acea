"""What judging costs a second at scale: all services asked for, nothing wrong, one endpoint changing each second.

    .venv/bin/python benchmarks/judging.py [--services 5000] [--clusters 8]

In memory, without sockets. `judge_ms` is CPU time of one judgement, told beside sorting a million numbers.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from row import Row
from services import key, lists, yardstick

from meshtui.core.health import tally
from meshtui.core.health.judge import Judge
from meshtui.core.health.tally import Course
from meshtui.core.model.reduce import reduce
from tests.core import meshes

NOW = 1_000_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--clusters", type=int, default=8)
    given = parser.parse_args()
    mesh = meshes.mesh(*[f"c{c}" for c in range(given.clusters)])
    for event in lists(given.clusters, given.services):
        reduce(mesh, event)
    judge = Judge(mesh)
    judge.follow()
    names = [cluster.name for cluster in mesh.clusters.values()]
    places = [(key(n), (names[n % len(names)], names[n // 7 % len(names)])) for n in range(min(4000, given.services))]
    for place in places:
        judge.traffic.services[place] = Course()
    spent = []
    for second in range(12):
        now = NOW + second
        for n in range(second % 5, len(places), 5):
            moment = partial(tally.Tally.passed, at=now, latency_ms=1.0, server="10.0.0.1")
            moment(judge.traffic.services[places[n]].at(now))
        delta = meshes.put(
            mesh, "c0", meshes.endpointslice([meshes.endpoint("10.0.0.9", ready=bool(second % 2))], key=key(3))
        )
        begun = time.process_time()
        judge.note(delta)
        judge.judge(now)
        spent.append(time.process_time() - begun)
    unit = yardstick(time.process_time)
    found = {
        "judge_ms": 1e3 * statistics.median(spent),
        "yardstick_ms": 1e3 * unit,
        "ratio": statistics.median(spent) / unit,
    }
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))
    work = f"one judgement, {given.clusters} × {given.services:,} services"
    Row(work, found["judge_ms"], "ms CPU", "sorting a million numbers", found["yardstick_ms"]).say()


if __name__ == "__main__":
    main()
