"""The dashboard on a large mesh: first paint, filled, turns of its loop, memory, what it costs for ever after, keys.

    .venv/bin/python benchmarks/scale.py [--clusters 16] [--nodes 200] [--services 5000] [--recorded] [--watch 30]

One `meshtui simulate` serves the mesh from a process of its own. With `--recorded` its lists are fetched first and
then served by `lists_server.py`: one process that stands for 3,200 agents is slower than what is measured. The
dashboard runs in a pseudo-terminal (160×50) with its loop watched by `turns.py`. Turns are told in the loop's own CPU
time, which says the same on a busy machine; the seconds do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from flowroom import child, cpu, p95, resident, watch
from lists_server import record
from row import Row
from terminal import Terminal

HERE = Path(__file__).resolve().parent


def simulated(options: argparse.Namespace) -> list[str]:
    words = ["-m", "meshtui", "simulate", "--state", "global"]
    for name in ("clusters", "nodes", "services", "flow_rate"):
        words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return words


def keys(terminal: Terminal, count: int) -> list[float]:
    """Seconds from j or k in the services pane to the first thing painted."""
    found = []
    for number in range(count):
        terminal.quiet(0.1, limit=0.5)
        pressed, before = time.monotonic(), terminal.bytes
        terminal.press("jk"[number // 5 % 2])
        while terminal.bytes == before and time.monotonic() - pressed < 5:
            terminal.read(0.05)
        found.append(time.monotonic() - pressed)
    return found


def filled(text: str, services: int) -> bool:
    """Whether the services pane's title counts them all."""
    found = re.search(r"2 Services ─ ([\d,]+)", text)
    return found is not None and int(found[1].replace(",", "")) >= services


def measure(options: argparse.Namespace, ready: dict[str, object]) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        turns = Path(directory) / "turns.json"
        argv = [sys.executable, str(HERE / "turns.py"), str(turns), "--kubeconfig", str(ready["kubeconfig"]), "-A"]
        argv += ["--request-timeout", "60"]
        for context in ready["contexts"]:  # type: ignore[attr-defined]
            argv += ["--context", context]
        terminal = Terminal(argv, columns=160, rows=50, env={"PYTHONPATH": str(HERE.parent)})
        try:
            found["first_paint_seconds"] = terminal.until(lambda text: "meshtui" in text and "Clusters" in text, 60)
            found["filled_seconds"] = terminal.until(lambda text: filled(text, options.services), options.patience)
            found["filled_cpu_seconds"] = cpu(terminal.pid)
            watch(terminal, options.settle)
            found["settled_cpu_seconds"] = cpu(terminal.pid)
            said = json.loads(turns.read_text())
            found |= {f"filling_longest_turn_{name}": said[name] for name in ("wall_ms", "cpu_ms")}
            found["megabytes"] = resident(terminal.pid) / 1e6
            found["share_of_a_core"] = watch(terminal, options.watch)
            found["megabytes_later"] = resident(terminal.pid) / 1e6
            found["later_turn_cpu_ms"] = json.loads(turns.read_text())["lately_cpu_ms"]
            terminal.press("2")
            painted = keys(terminal, 40)
            found["key_median_ms"], found["key_p95_ms"] = 1e3 * sorted(painted)[20], 1e3 * p95(painted)
        except TimeoutError:
            print(terminal.text)
            raise
        finally:
            terminal.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, default=16)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--services", type=int, default=5000)
    parser.add_argument("--flow-rate", type=int, default=0)
    parser.add_argument("--settle", type=float, default=30.0, help="seconds given to all that is asked once")
    parser.add_argument("--watch", type=float, default=30.0, help="seconds over which the steady cost is taken")
    parser.add_argument("--patience", type=float, default=180.0)
    parser.add_argument("--recorded", action="store_true", help="the embedded mesh's lists alone, served at no cost")
    options = parser.parse_args()
    if options.recorded:
        with tempfile.TemporaryDirectory() as directory:
            lists = Path(directory) / "lists"
            with child(*simulated(options)) as line:
                ready = json.loads(line)
                asyncio.run(record(Path(ready["kubeconfig"]), ready["contexts"], lists))
            with child(str(HERE / "lists_server.py"), str(lists)) as line:
                found = measure(options, json.loads(line))
    else:
        with child(*simulated(options)) as line:
            found = measure(options, json.loads(line))
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=1))
    size = f"{options.clusters} × {options.nodes} × {options.services:,}"
    rate = f"{options.flow_rate} flows/s" if options.flow_rate else "idle"
    Row(f"dashboard, {size}: memory", found["megabytes_later"], "MB", aim=300.0).say()
    Row(f"dashboard, {size}: {rate}", 100 * found["share_of_a_core"], "% of a core", aim=8.0).say()
    Row(f"dashboard, {size}: longest turn", found["filling_longest_turn_cpu_ms"], "ms CPU", aim=100.0).say()
    Row(f"dashboard, {size}: key to paint p95", found["key_p95_ms"], "ms", aim=30.0).say()


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as error:
        sys.exit(str(error))
