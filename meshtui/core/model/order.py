"""Natural order of names: worker2 before worker10."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(\d+)")


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a name: runs of digits count as numbers, all else as text."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _PARTS.split(name) if part)
