"""Points in time as hubble reads and prints them (hubble/pkg/time's own expectations, and Go's layouts)."""

from __future__ import annotations

import pytest

from meshtui.core.errors import UsageError
from meshtui.core.flows.times import FORMATS, formatted, point

NOW = point("2019-07-01T14:00:00Z", 0)
AT = 1_795_462_588_305_549_300
"""2026-11-23T19:36:28.3055493Z, a Monday."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10s", "2019-07-01T13:59:50Z"),
        ("5m", "2019-07-01T13:55:00Z"),
        ("20h", "2019-06-30T18:00:00Z"),
        ("1h30m", "2019-07-01T12:30:00Z"),
        ("1.5h", "2019-07-01T12:30:00Z"),
        ("0", "2019-07-01T14:00:00Z"),
        ("2019-06-30", "2019-06-30T00:00:00Z"),
        ("2019-06-30T18Z", "2019-06-30T18:00:00Z"),
        ("2019-06-30T18:45Z", "2019-06-30T18:45:00Z"),
        ("2019-06-30T18+02:00", "2019-06-30T16:00:00Z"),
        ("2019-06-30T18:45+02:00", "2019-06-30T16:45:00Z"),
        ("2019-06-30T18:45:01-07:00", "2019-07-01T01:45:01Z"),
        ("Sun, 30 Jun 2019 18:45:01 +0200", "2019-06-30T16:45:01Z"),
    ],
)
def test_what_hubble_reads(text: str, expected: str) -> None:
    assert point(text, NOW / 1e9) == point(expected, 0)


def test_nanoseconds_are_kept() -> None:
    assert point("2026-11-23T19:36:28.305549300Z", 0) == AT
    assert point("2026-11-23T20:36:28.3055493+01:00", 0) == AT
    assert point("1969-12-31T23:59:59.999999999Z", 0) == -1


@pytest.mark.parametrize("text", ["yesterday", "", "3 parsecs", "5x", "2026-13-01", "s", "."])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read the time"):
        point(text, 0)


def test_what_hubble_prints() -> None:
    assert {name: formatted(AT, name) for name in FORMATS} == {
        "StampMilli": "Nov 23 19:36:28.305",
        "YearMonthDay": "2026-11-23",
        "YearMonthDayHour": "2026-11-23T19Z",
        "YearMonthDayHourMinute": "2026-11-23T19:36Z",
        "RFC3339": "2026-11-23T19:36:28Z",
        "RFC3339Milli": "2026-11-23T19:36:28.305Z",
        "RFC3339Micro": "2026-11-23T19:36:28.305549Z",
        "RFC3339Nano": "2026-11-23T19:36:28.3055493Z",
        "RFC1123Z": "Mon, 23 Nov 2026 19:36:28 +0000",
    }


def test_zeros_at_the_end_are_left_out_but_not_of_the_stamp() -> None:
    second = AT // 10**9 * 10**9
    assert formatted(second, "RFC3339Nano") == "2026-11-23T19:36:28Z"
    assert formatted(second + 100_000_000, "RFC3339Milli") == "2026-11-23T19:36:28.1Z"
    assert formatted(second) == "Nov 23 19:36:28.000"
    assert formatted(1_999_999_999) == "Jan  1 00:00:01.999"


@pytest.mark.parametrize("name", FORMATS)
def test_a_time_that_cannot_be(name: str) -> None:
    assert formatted(1 << 70, name) == "N/A"
