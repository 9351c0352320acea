"""A line of the table that `benchmarks/all.py` prints: one work, ours, what stands beside it in the same run, the aim.

A benchmark says each with `Row(...).say()` (`from row import Row`) among what else it prints; `all.py` gathers them.

    Row("services of both clusters", 0.31, "s wall", "kubectl, one cluster", 0.08, aim=3.0).say()
    Row("8,804 flows kept", 61.0, "MB", aim=150.0).say()
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

MARK = "row: "


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. With `beside` the aim is a ratio ours / theirs, else it is in the unit; less is better."""

    work: str
    ours: float
    unit: str
    beside: str = ""
    """The tool, or the bare loop, measured in the same run; empty for nothing."""
    theirs: float = 0.0
    aim: float | None = None
    """At most; None where nothing is aimed at."""

    @property
    def judged(self) -> float:
        """What the aim is about."""
        return self.ours / self.theirs if self.beside and self.theirs else self.ours

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without one, or where nothing stood beside."""
        if self.aim is None or (self.beside and not self.theirs):
            return None
        return self.judged <= self.aim

    def say(self) -> None:
        """Print it for `all.py`."""
        print(MARK + json.dumps(asdict(self)), flush=True)


def read(line: str) -> Row | None:
    """The row a line of output says; None for any other line."""
    return Row(**json.loads(line[len(MARK) :])) if line.startswith(MARK) else None


def table(rows: Iterable[Row]) -> list[str]:
    """Lines of a Markdown table."""
    heads = ("work", "ours", "beside", "theirs", "ratio", "aim", "met")
    cells = [heads, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _cells(row: Row) -> tuple[str, ...]:
    ratio = f"{row.judged:.2f}" if row.beside and row.theirs else ""
    theirs = f"{row.theirs:.3g} {row.unit}" if row.theirs else ""
    aim = "" if row.aim is None else f"≤ {row.aim:g}" + ("" if row.beside else f" {row.unit}")
    met = {True: "yes", False: "no", None: ""}[row.met]
    return row.work, f"{row.ours:.3g} {row.unit}", row.beside, theirs, ratio, aim, met
