"""Log lines in the forms of Cilium's two loggers: slog since 1.18, logrus before."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_SLOG_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f]+")
_LOGRUS_PLAIN = re.compile(r"[A-Za-z0-9\-._/@^+]*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a container's output, without its newline, and when it was written (seconds since the epoch)."""

    time: float
    text: str


def stamp(seconds: float, *, width: int = 9) -> str:
    """RFC 3339 with a fraction of `width` digits, whose zeros at the end Go leaves out."""
    whole, nanos = divmod(round(seconds * 1_000_000) * 1000, 1_000_000_000)
    fraction = f"{nanos:09d}"[:width].rstrip("0")
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction}Z" if fraction else f"{text}Z"


def slog(at: float, message: str, module: str = "", level: str = "info", **fields: Any) -> Line:
    """A line of Go's slog text handler: empty values are quoted, too."""
    pairs = {"module": module, **fields} if module else fields
    words = [f"time={stamp(at)}", f"level={level}", f"msg={_slog(message)}"]
    return Line(at, " ".join([*words, *(f"{k}={_slog(v)}" for k, v in pairs.items())]))


def logrus(at: float, message: str, subsystem: str, level: str = "info", **fields: Any) -> Line:
    """A line of logrus' text formatter: fields in order of their names."""
    pairs = sorted({**fields, "subsys": subsystem}.items())
    words = [f'time="{stamp(at)}"', f"level={level}", f"msg={_logrus(message)}"]
    return Line(at, " ".join([*words, *(f"{k}={_logrus(v)}" for k, v in pairs)]))


def _slog(value: Any) -> str:
    text = str(value)
    return text if _SLOG_PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _logrus(value: Any) -> str:
    text = str(value)
    return text if _LOGRUS_PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
