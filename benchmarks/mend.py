"""Proposals on many generated meshes, judged by both rule books: valid, sufficient, nothing passes that is not said.

    .venv/bin/python benchmarks/mend.py [10000]

The suite runs a few hundred of the same (tests/agreement/test_mend.py); this runs as many as are asked for.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, Phase, given, settings

from tests.agreement.books import Tally
from tests.agreement.mending import cases, check


def main(examples: int) -> None:
    tally, start = Tally(), time.monotonic()
    quiet = list(HealthCheck)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=quiet, phases=[Phase.generate])
    @given(cases())
    def holds(case: Any) -> None:
        check(case, tally)

    holds()
    sys.stdout.write(f"{tally.line('proposals')} in {time.monotonic() - start:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
