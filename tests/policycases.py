"""Policy sets with the verdicts of Cilium's own engine (see tests/recordings/policy-cases), as they are recorded."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

_CASES = Path(__file__).parent / "recordings" / "policy-cases" / "cases.jsonl.gz"


@cache
def load() -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head line and the cases: nobody changes them."""
    with gzip.open(_CASES, "rt", encoding="utf-8") as lines:
        head, *cases = (json.loads(line) for line in lines)
    return head, cases
