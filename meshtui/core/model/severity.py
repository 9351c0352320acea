"""How bad something is that a person should know."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; the worst sorts first."""

    ERROR = 0
    """Requests fail or go where nobody meant them to."""
    WARNING = 1
    """Something written has no effect, or will hurt at the next failure."""
    INFO = 2
