"""Points in time as `hubble observe` takes and prints them (cilium/hubble/pkg/time)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from meshtui.core.errors import UsageError

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PARTS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d{1,9})\d*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_BILLION = 1_000_000_000
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Format = Callable[[datetime, int], str]
"""A whole second in UTC and its nanoseconds → text."""


def point(text: str, now: float) -> int:
    """Nanoseconds since the epoch of `30s`, `1h43m` (ago), `2026-11-23`, or an RFC 3339 or RFC 1123 time.

    A time without a zone is UTC. Raises UsageError.
    """
    word = text.strip()
    if word == "0" or (word and _PARTS.sub("", word) == ""):
        ago = sum(float(number) * _UNITS[unit] for number, unit in _PARTS.findall(word))
        return int((now - ago) * 1e9)
    fraction = _FRACTION.search(word)
    nanos = int(fraction[1].ljust(9, "0")) if fraction else 0
    at = _moment(_FRACTION.sub("", word, count=1))
    if at is None:
        raise UsageError(f"cannot read the time {text!r}", hint="for example 30s, 5m, 1h43m, 2026-11-23T19:36:28Z")
    return (at - _EPOCH) // _SECOND * _BILLION + nanos


def _moment(word: str) -> datetime | None:
    for read in (datetime.fromisoformat, _rfc1123):
        try:
            at = read(word)
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _rfc1123(word: str) -> datetime:
    return datetime.strptime(word, "%a, %d %b %Y %H:%M:%S %z")


def _stamp_milli(at: datetime, nanos: int) -> str:
    return f"{_MONTHS[at.month - 1]} {at.day:2d} {at:%H:%M:%S}.{nanos // 1_000_000:03d}"


def _fractions(digits: int) -> Format:
    """RFC 3339 with at most so many digits, cut and not rounded; zeros at the end are left out."""

    def text(at: datetime, nanos: int) -> str:
        fraction = f"{nanos:09d}"[:digits].rstrip("0")
        return f"{at:%Y-%m-%dT%H:%M:%S}{'.' if fraction else ''}{fraction}Z"

    return text


FORMATS: MappingProxyType[str, Format] = MappingProxyType(
    {
        "StampMilli": _stamp_milli,
        "YearMonthDay": lambda at, _: f"{at:%Y-%m-%d}",
        "YearMonthDayHour": lambda at, _: f"{at:%Y-%m-%dT%H}Z",
        "YearMonthDayHourMinute": lambda at, _: f"{at:%Y-%m-%dT%H:%M}Z",
        "RFC3339": _fractions(0),
        "RFC3339Milli": _fractions(3),
        "RFC3339Micro": _fractions(6),
        "RFC3339Nano": _fractions(9),
        "RFC1123Z": lambda at, _: f"{_DAYS[at.weekday()]}, {at:%d} {_MONTHS[at.month - 1]} {at:%Y %H:%M:%S} +0000",
    }
)
"""Names `hubble observe --time-format` knows."""


def formatted(time_ns: int, name: str = "StampMilli") -> str:
    """A time in UTC in one of the FORMATS; `N/A` for one that cannot be."""
    seconds, nanos = divmod(time_ns, _BILLION)
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "N/A"
    return FORMATS[name](at, nanos)
