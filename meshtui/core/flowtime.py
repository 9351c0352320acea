"""Points in time as `hubble observe --since` takes them: how long ago, or when."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from meshtui.core.errors import UsageError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def point(text: str, now: float) -> int:
    """Nanoseconds since the epoch of `30s`, `1h43m` (ago), `2026-11-23`, or an RFC 3339 time (UTC without a zone).

    Raises UsageError.
    """
    word = text.strip()
    if _PARTS.sub("", word) == "" and word:
        ago = sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(word))
        return int((now - ago) * 1e9)
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise UsageError(
            f"cannot read the time {text!r}", hint="for example 30s, 5m, 1h43m, 2026-11-23T19:36:28Z"
        ) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000) * 1_000
