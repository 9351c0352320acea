"""Assertions on a run: `koornacht>0,tion>=3,timeouts=0`."""

from __future__ import annotations

import operator
import re

from meshtui.core.errors import UsageError
from meshtui.core.load.stats import Summary

_CLAUSE = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(>=|<=|==|!=|>|<|=)\s*(\d+)(%?)\s*")
_OPERATORS = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
_WORDS = ("total", "answered", "timeouts", "refused", "failed", "dns_failed")
Clause = tuple[str, str, int, bool]


def parse_expectation(text: str) -> list[Clause]:
    """(name, operator, number, is percentage) of each clause. Raises UsageError."""
    clauses = []
    for part in text.split(","):
        match = _CLAUSE.fullmatch(part)
        if not match:
            raise UsageError(
                f"cannot read the expectation {part.strip()!r}", hint="for example 'koornacht>0,tion>=30%'"
            )
        name, sign, number, percent = match.groups()
        clauses.append((name, sign, int(number), bool(percent)))
    return clauses


def broken(summary: Summary, clauses: list[Clause]) -> list[str]:
    """A sentence for every clause that does not hold. A name is a cluster (any case), or total, answered, timeouts …"""
    answers = {name.lower(): count for name, count in summary.by_cluster.items()}
    sentences = []
    for name, sign, number, percent in clauses:
        lowered = name.lower()
        count = getattr(summary, lowered) if lowered in _WORDS and lowered not in answers else answers.get(lowered, 0)
        value = 100 * count / summary.total if percent and summary.total else float(count)
        if not _OPERATORS[sign](value, number):
            unit = "%" if percent else ""
            sentences.append(f"expected {name} {sign} {number}{unit}, got {value:g}{unit}")
    return sentences
