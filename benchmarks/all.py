"""Runs the measurements that need nothing but this checkout, one after the other, and prints what each says.

    .venv/bin/python benchmarks/all.py [NAME ...]

Each may take as long as it says in `RUNS`; one that takes longer is ended and told of. Read the ratios.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RUNS: dict[str, tuple[list[str], float]] = {
    "start": (["--rounds", "5"], 60),
    "judging": ([], 60),
    "session": (["--services", "2000", "--clusters", "4"], 100),
    "services": (["--services", "2000", "--clusters", "4"], 100),
    "dashboard": (["--rounds", "3"], 90),
    "flows": ([], 90),
    "flowroom": ([], 90),
}
"""Benchmark → its arguments and the seconds it may take: under ten minutes together."""


def main() -> None:
    wanted = sys.argv[1:] or list(RUNS)
    failed = 0
    for name in wanted:
        words, seconds = RUNS[name]
        begun = time.monotonic()
        print(f"## {name} {' '.join(words)}".rstrip(), flush=True)
        try:
            code = subprocess.run(
                [sys.executable, HERE / f"{name}.py", *words], timeout=seconds, check=False
            ).returncode
            print(f"({time.monotonic() - begun:.0f} s{f', failed with {code}' if code else ''})\n", flush=True)
            failed += bool(code)
        except subprocess.TimeoutExpired:
            failed += 1
            print(f"(ended after {seconds:.0f} s)\n", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
