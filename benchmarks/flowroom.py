"""What flows cost the dashboard: CPU share, key to paint while they come, and memory of what is kept.

    .venv/bin/python benchmarks/flowroom.py [--rates 0,1000,5000] [--keys 40] [--keep 100000]

The dashboard runs in a pseudo-terminal (120×40, flows pane in front, all verdicts shown) on one embedded cluster whose
Relay is `relay_server.py`. The yardstick of the same run is the dashboard without flows. Sums and connections are
measured too: they read every flow. Read the ratios; the milliseconds are of one machine. The last column is what is
left of the p95 without the time in which the dashboard's main thread was ready to run and other processes had the cores
(`/proc/PID/schedstat`): nearer to the dashboard's own share on a machine that is shared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from row import Row
from terminal import Terminal

HERE = Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


@contextmanager
def child(*words: str) -> Iterator[str]:
    """A process and its first line."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)}
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline()
    finally:
        process.kill()
        process.wait()


def cpu(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    """Bytes in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


def watch(terminal: Terminal, seconds: float) -> float:
    """CPU share of one core over so many seconds, the screen read all the while."""
    begun, used = time.monotonic(), cpu(terminal.pid)
    while time.monotonic() - begun < seconds:
        terminal.read(0.2)
    return (cpu(terminal.pid) - used) / (time.monotonic() - begun)


def pauses(terminal: Terminal, count: int) -> tuple[list[float], list[float]]:
    """Seconds from pressing p until the title says so, again and again; and the same without its waiting for a core."""
    found, own = [], []
    for _ in range(count):
        found.append(terminal.key_to_paint("p", lambda before, after: ("paused" in before) != ("paused" in after)))
        own.append(terminal.own)
        terminal.quiet(0.05, limit=0.3)
    return found, own


def row(name: str, share: float, keys: list[float], own: list[float], base: list[float]) -> None:
    median = sorted(keys)[len(keys) // 2]
    numbers = f"{median * 1e3:9.0f} {p95(keys) * 1e3:7.0f} {p95(keys) / p95(base):7.2f} {p95(own) * 1e3:7.0f}"
    print(f"{name:34} {share:8.1%} {numbers}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="0,1000,5000")
    parser.add_argument("--keys", type=int, default=40)
    parser.add_argument("--keep", type=int, default=100_000)
    options = parser.parse_args()
    base: list[float] = []
    print(f"{'flows/s, view':34} {'CPU':>8} {'median ms':>9} {'p95 ms':>7} {'ratio':>7} {'own p95':>7}")
    with child("-m", "meshtui", "simulate", "--state", "deployed", "--clusters", "1") as line:
        ready = json.loads(line)
        for rate in map(int, options.rates.split(",")):
            base = measure(ready, rate, options.keys, base)
        weigh(ready, options.keep)


@contextmanager
def dashboard(ready: dict[str, object], relay: str) -> Iterator[Terminal]:
    """The dashboard with the flows pane in front."""
    context = ready["contexts"][0]  # type: ignore[index]
    argv = [sys.executable, "-m", "meshtui", "--kubeconfig", str(ready["kubeconfig"]), "--context", context]
    terminal = Terminal([*argv, "--relay", f"{context}={relay}"], columns=120, rows=40)
    try:
        terminal.until(lambda text: "/s" in text and "Ready" in text)
        terminal.press("3")
        terminal.quiet(0.5, limit=3)
        terminal.press("za")
        terminal.quiet(0.5, limit=3)
        yield terminal
    finally:
        terminal.close()


def measure(ready: dict[str, object], rate: int, keys: int, base: list[float]) -> list[float]:
    """One rate, in each view. Returns the yardstick."""
    count = max(1, rate) * 300
    relay = str(HERE / "relay_server.py")
    views = (("d", "dropped only"), ("a", "events"), ("s", "sums"), ("c", "connections"))
    with (
        child(relay, str(count), str(rate or 1)) as port,
        dashboard(ready, f"127.0.0.1:{int(port)}") as terminal,
    ):
        for key, view in views if rate else views[:1]:
            terminal.press(key)
            watch(terminal, 2)
            # What was there before the view was opened is counted once; what flows cost is told without it.
            terminal.until(lambda text: "flows to go" not in text, 60)
            share, (painted, own) = watch(terminal, 6), pauses(terminal, keys)
            base = base or painted
            row(f"{rate:,} {view}", share, painted, own, base)
            if rate >= 5000:
                work = f"dashboard, {rate:,} flows/s, {view}: key to paint p95"
                Row(work, 1e3 * p95(painted), "ms", aim=50.0).say()
                Row(f"{work}, less what it waited for a core", 1e3 * p95(own), "ms", aim=50.0).say()
    return base


def weigh(ready: dict[str, object], keep: int) -> None:
    """What `keep` kept flows add to the dashboard."""
    sizes = []
    for count in (1, keep):
        rate = "8000" if count > 1 else "1"
        with (
            child(str(HERE / "relay_server.py"), str(count), rate) as port,
            dashboard(ready, f"127.0.0.1:{int(port)}") as terminal,
        ):
            deadline = time.monotonic() + keep / 4000
            while count > 1 and time.monotonic() < deadline:
                before = cpu(terminal.pid)
                watch(terminal, 3)
                if cpu(terminal.pid) - before < 0.3:
                    break
            watch(terminal, 3)
            sizes.append(resident(terminal.pid))
    grown = (sizes[1] - sizes[0]) / 1e6
    Row(f"dashboard: {keep:,} flows add", grown, "MB", aim=150.0).say()
    print(f"memory: {sizes[0] / 1e6:.0f} MB empty, {keep:,} flows seen by every filter add {grown:.0f} MB (aim 150 MB)")


if __name__ == "__main__":
    main()
