"""What a verb costs from exec to exit: CPU seconds and memory, beside kubectl where it is installed.

    .venv/bin/python benchmarks/start.py [--rounds 7]

Against one `meshtui simulate`, in turn, medians. CPU time of the process and its children, so that other load on the
machine counts little; without kubectl the yardstick is a Python that imports nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

BARE = [sys.executable, "-c", "pass"]
ASKED = ["get", "nodes,svc,endpointslices", "-A"]


def spent(words: list[str]) -> tuple[float, float]:
    """CPU seconds and peak megabytes of one run."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    meshtui = [sys.executable, "-m", "meshtui"]
    with subprocess.Popen([*meshtui, "simulate"], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        ready = json.loads(serving.stdout.readline())
        where = ["--kubeconfig", ready["kubeconfig"]]
        runs = {"python -c pass": BARE, "meshtui --version": [*meshtui, "--version"]}
        runs |= {f"meshtui {verb}": [*meshtui, verb, *where] for verb in ("nodes", "services", "status")}
        kubectl = shutil.which("kubectl")
        if kubectl:
            runs["kubectl"] = [kubectl, *where, "--context", ready["contexts"][0], *ASKED]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(given.rounds):
            for name, words in runs.items():
                found[name].append(spent(words))
        serving.terminate()
    unit = "kubectl" if kubectl else "python -c pass"
    base = statistics.median(seconds for seconds, _ in found[unit])
    print(f"{'':20}{'CPU':>9}{'memory':>10}{'to ' + unit:>20}")
    for name, each in found.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*each, strict=True))
        print(f"{name:20}{1e3 * seconds:>6.0f} ms{megabytes:>7.0f} MB{seconds / base:>20.2f}")


if __name__ == "__main__":
    main()
