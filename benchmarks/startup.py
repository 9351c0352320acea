"""How long verbs take that need no cluster: wall and processor seconds, the best and the median of many starts.

.venv/bin/python -m benchmarks.startup
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time

VERBS = (["--version"], ["--help"], ["schema", "nodes"], ["completion", "bash"], ["info"])
TIMES = 11


def main() -> None:
    """Print a line for each verb."""
    for words in VERBS:
        wall, cpu = [], []
        for _ in range(TIMES):
            before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run([sys.executable, "-m", "meshtui", *words], check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall.append(time.perf_counter() - begun)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        print(
            f"{' '.join(words):16} wall {min(wall):.3f} best {statistics.median(wall):.3f} median"
            f"   cpu {min(cpu):.3f} best {statistics.median(cpu):.3f} median"
        )


if __name__ == "__main__":
    main()
