"""Runs the measurements that need nothing but this checkout, one after the other, and prints one table of them all.

    .venv/bin/python benchmarks/all.py [NAME ...]

kubectl, cilium and hubble are measured beside ours where they are on PATH, bare loops where they are not. Each may take
as long as it says in `RUNS`; one that takes longer is ended and told of. Read the ratios: both sides ran in turn.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from row import Row, read, table

HERE = Path(__file__).parent
RUNS: dict[str, tuple[list[str], float]] = {
    "start": (["--rounds", "5"], 75),
    "judging": ([], 60),
    "session": ([], 100),
    "services": (["--services", "2000", "--clusters", "4"], 100),
    "dashboard": (["--rounds", "3"], 90),
    "flows": ([], 90),
    "flowsout": (["--rounds", "3"], 60),
    "latency": ([], 60),
    "flowroom": (["--rates", "0,2700,5000"], 220),
    "soak": (["--hours", "3"], 100),
    "scale": (["--recorded", "--clusters", "4", "--nodes", "20", "--services", "2000", "--settle", "5"], 90),
}
"""Benchmark → its arguments and the seconds it may take."""
MOST = 590.0
"""Seconds for all of them together: the last ones are cut short where the machine is slow."""


def run(name: str, most: float) -> tuple[list[Row], bool]:
    """The rows one benchmark says, and whether it came to its end in time. What else it prints is passed on."""
    words, seconds = RUNS[name][0], max(1.0, min(RUNS[name][1], most))
    begun, rows = time.monotonic(), []
    print(f"## {name} {' '.join(words)}".rstrip(), flush=True)
    command = [sys.executable, HERE / f"{name}.py", *words]
    # With what it started: an embedded mesh must not outlive its benchmark.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        late = threading.Timer(seconds, os.killpg, (child.pid, signal.SIGKILL))
        late.start()
        for line in child.stdout:
            row = read(line)
            if row is None:
                print(line, end="", flush=True)
            else:
                rows.append(row)
        code = child.wait()
        late.cancel()
    took = time.monotonic() - begun
    why = "" if not code else f", ended after {seconds:g} s" if took >= seconds else f", failed with {code}"
    print(f"({took:.0f} s{why})\n", flush=True)
    return rows, not code


def main() -> None:
    wanted = sys.argv[1:] or list(RUNS)
    if unknown := [name for name in wanted if name not in RUNS]:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(RUNS)}")
    begun, rows, well = time.monotonic(), [], True
    for name in wanted:
        said, ended = run(name, begun + MOST - time.monotonic())
        rows += said
        well &= ended
    print("\n".join(table(rows)))
    print(f"\n{sum(row.met is False for row in rows)} aims missed, {time.monotonic() - begun:.0f} s")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
