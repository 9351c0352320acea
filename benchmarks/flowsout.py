"""Flows of two clusters that already happened, as JSON lines: the whole verb beside a bare loop, or hubble.

    .venv/bin/python benchmarks/flowsout.py [--flows 8804] [--rounds 5]

Bare reads the same streams with grpcio and throws them away, from exec to exit. hubble (when on PATH) prints one Relay
after the other. Wall seconds, in turn, medians; both also as CPU. What is printed must be every flow, once.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from flows import server
from row import Row

BARE = """
import sys, threading
from meshtui.hubble.dial import open_channel
from meshtui.hubble.query import FlowQuery
from meshtui.hubble.relay import flows_over
def read(target):
    with open_channel(target) as channel:
        sum(1 for _ in flows_over(channel, FlowQuery(follow=False, number=100_000)))
readers = [threading.Thread(target=read, args=(target,)) for target in sys.argv[1:]]
for each in readers: each.start()
for each in readers: each.join()
"""


def spent(words: list[str], out: Path) -> tuple[float, float]:
    """(wall, CPU) seconds of one run."""
    with out.open("wb") as file:
        begun = time.perf_counter()
        process = subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, words
        return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flows", type=int, default=8804)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    out = Path("/tmp") / f"flowsout-{os.getpid()}.jsonl"
    meshtui = [sys.executable, "-m", "meshtui"]
    with ExitStack() as stack:
        serving = stack.enter_context(subprocess.Popen([*meshtui, "simulate"], stdout=subprocess.PIPE, text=True))
        stack.callback(serving.terminate)
        assert serving.stdout is not None
        ready = json.loads(serving.stdout.readline())
        targets = [stack.enter_context(server(given.flows // 2, seed=at)) for at in (1, 2)]
        ours = [*meshtui, "flows", "--kubeconfig", ready["kubeconfig"], "--since", "1h", "-o", "jsonpb"]
        for context, target in zip(ready["contexts"], targets, strict=True):
            ours += ["--relay", f"{context}={target}"]
        runs = {"meshtui flows": ours, "bare": [sys.executable, "-c", BARE, *targets]}
        if hubble := shutil.which("hubble"):
            each = [f"{hubble} observe --server {target} --since 1h -o jsonpb" for target in targets]
            runs["hubble"] = ["sh", "-c", " && ".join(each)]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(given.rounds):
            for name, words in runs.items():
                found[name].append(spent(words, out))
                if name == "meshtui flows":
                    uuids = [json.loads(line)["flow"]["uuid"] for line in out.open()]
                    assert len(uuids) == len(set(uuids)) == given.flows // 2 * 2, len(set(uuids))
    out.unlink()
    for name, times in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:14} {wall:6.2f} s {cpu:6.2f} s CPU")
    wall = {name: statistics.median(each for each, _ in times) for name, times in found.items()}
    work = f"{given.flows:,} flows of two clusters as jsonpb"
    if "hubble" in wall:
        Row(work, wall["meshtui flows"], "s", "hubble observe", wall["hubble"], 1.2).say()
    cpu = {name: statistics.median(each for _, each in times) for name, times in found.items()}
    Row(f"{work}, CPU", cpu["meshtui flows"], "s", "a grpcio loop", cpu["bare"]).say()


if __name__ == "__main__":
    main()
