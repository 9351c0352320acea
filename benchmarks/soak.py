"""Eight hours of 50 flows a second through a session's core, by a clock of its own: memory by the hour.

    .venv/bin/python benchmarks/soak.py [--hours 8] [--rate 50] [--keep 20000]

Flows go into store, view, sums, connections, judgement and pulse; each second the pod of one service is replaced, and
everything is judged. What is kept is told in numbers at the end; memory has to be flat from the second hour on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
from row import Row

from tests.core.soak import Soak


def resident() -> float:
    """Megabytes now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=8)
    parser.add_argument("--rate", type=int, default=50)
    parser.add_argument("--keep", type=int, default=20_000)
    options = parser.parse_args()
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
