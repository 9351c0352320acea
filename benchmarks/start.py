"""What a verb costs from exec to exit: wall and CPU seconds and memory, beside kubectl and cilium where they are there.

    .venv/bin/python benchmarks/start.py [--rounds 7]

Against one `meshtui simulate`, in turn; CPU of the process and its children. Medians are compared, best ones shown too:
other work on the machine makes a run longer, never shorter. Imports are all that a run loads, told beyond a Python that
has loaded asyncio and ssl, which no client can do without. Compiled code is kept in a folder of the benchmark's own, as
an installed meshtui has it, whatever PYTHONDONTWRITEBYTECODE says: compiling takes longer than loading.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from row import Row

BARE = "import asyncio, ssl"
VERBS = ("nodes", "services", "status")
LOADED = """
import asyncio, ssl, sys
bare = {*sys.modules}
from meshtui.cli import run
out, sys.stdout = sys.stdout, open("/dev/null", "w")
run(sys.argv[1:])
print(*(name for name in sys.modules if name not in bare and getattr(sys.modules[name], "__spec__", None)), file=out)
"""
"""Names all that a verb loads in a run."""
LOAD = """
import asyncio, ssl
from meshtui.mesh import collector
collector.seldom()
import contextlib, importlib, sys
for name in sys.argv[1:]:
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
collector.keep()
"""
"""Loads that and nothing else, as the program does it: with the collector told that nothing of it is garbage."""
MOST = {"nodes": 60, "services": 60, "status": 90}
"""Milliseconds of CPU that the issue allows them."""
ASKED = ["get", "nodes,svc,endpointslices", "-A"]


def spent(words: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of one run."""
    begun = time.perf_counter()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, env=environment, **quiet)
    _, _, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def commands(kubeconfig: str, contexts: list[str]) -> dict[str, list[str]]:
    """Name → command line, in the order in which they take turns."""
    meshtui, where = [sys.executable, "-m", "meshtui"], ["--kubeconfig", kubeconfig]
    runs = {"python": [sys.executable, "-c", BARE]}
    for verb in VERBS:
        names = subprocess.check_output([sys.executable, "-c", LOADED, verb, *where], text=True).split()
        runs[f"imports {verb}"] = [sys.executable, "-c", LOAD, *names]
    runs |= {verb: [*meshtui, verb, *where] for verb in VERBS}
    if kubectl := shutil.which("kubectl"):
        runs["kubectl"] = [kubectl, *where, "--context", contexts[0], *ASKED]
    if cilium := shutil.which("cilium"):
        each = [f"KUBECONFIG={kubeconfig} {cilium} clustermesh status --context {context}" for context in contexts]
        runs["cilium"] = ["sh", "-c", "; ".join(each)]
    return runs


def say(wall: dict[str, float], cpu: dict[str, float], best: dict[str, float]) -> None:
    """The rows."""
    for verb in VERBS:
        beyond = 1e3 * (best[f"imports {verb}"] - best["python"])
        Row(f"imports of `{verb}`, beyond asyncio and ssl", beyond, "ms CPU", aim=MOST[verb]).say()
    if "kubectl" in wall:
        for verb in ("nodes", "services"):
            aim = 3.0 if verb == "services" else None
            work, beside = f"`{verb}` of both clusters", f"kubectl get {ASKED[1]} of one"
            Row(work, wall[verb], "s", beside, wall["kubectl"], aim).say()
            Row(f"{work}, CPU", best[verb], "s", beside, best["kubectl"]).say()
    status, aim = "`status` of both clusters", 0.8
    if "cilium" in wall:
        Row(status, wall["status"], "s", "two cilium clustermesh status", wall["cilium"], aim).say()
    else:
        beside = "kubectl" if "kubectl" in wall else "python"
        Row(f"{status}, CPU", best["status"], "s", f"{beside} (above)", best[beside]).say()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    simulate = [sys.executable, "-m", "meshtui", "simulate"]
    with (
        tempfile.TemporaryDirectory() as compiled,
        subprocess.Popen(simulate, stdout=subprocess.PIPE, text=True) as serving,
    ):
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        assert serving.stdout is not None
        ready = json.loads(serving.stdout.readline())
        runs = commands(ready["kubeconfig"], ready["contexts"])
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in runs}
        for words in runs.values():  # compiles
            spent(words, environment)
        for _ in range(given.rounds):
            for name, words in runs.items():
                found[name].append(spent(words, environment))
        serving.terminate()
    wall = {name: statistics.median(each for each, _, _ in runs) for name, runs in found.items()}
    cpu = {name: statistics.median(each for _, each, _ in runs) for name, runs in found.items()}
    best = {name: min(each for _, each, _ in runs) for name, runs in found.items()}
    print(f"{'':18}{'wall':>10}{'CPU':>10}{'best CPU':>10}{'memory':>10}")
    for name, each in found.items():
        times = "".join(f"{1e3 * of[name]:>7.0f} ms" for of in (wall, cpu, best))
        print(f"{name:18}{times}{statistics.median(kept for _, _, kept in each):>7.0f} MB")
    say(wall, cpu, best)


if __name__ == "__main__":
    main()
