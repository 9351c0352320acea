"""Writes data to standard output: aligned tables, JSON, JSON lines, YAML."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtui.core.text import clean

Row = Mapping[str, Any]
WIDEST = 80
"""Cells of a column before it is cut, but for the last column."""


def emit(line: str) -> None:
    """One line of data. A closed pipe ends the program (BrokenPipeError)."""
    sys.stdout.write(line + "\n")


def table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Rows under headings; nothing at all for no rows."""
    if not rows:
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    cells = [[*(_cut(c) for c in line[:-1]), line[-1]] for line in cells]
    heads = [column.replace("_", " ").upper() for column in columns]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in [heads, *cells]:
        emit("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return clean(str(value), 1000) or "–"


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else cell[: WIDEST - 1] + "…"


def document(value: Any, form: str) -> None:
    """One JSON or YAML document."""
    if form == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=_all_letters()))
    else:
        emit(json.dumps(value, indent=2, ensure_ascii=True))


def _all_letters() -> bool:
    """Whether what is written to can hold every letter; else YAML escapes them, so that nothing is lost."""
    return "utf" in (sys.stdout.encoding or "").lower()


def lines(rows: Iterable[Row]) -> None:
    """One JSON object per line."""
    for row in rows:
        emit(json.dumps(row, ensure_ascii=True))


def flush() -> None:
    """Let whoever reads see what was written by now."""
    sys.stdout.flush()


def show(rows: Sequence[Row], columns: Sequence[str], form: str) -> None:
    """Rows in the format asked for; a table shows `columns`, the others everything."""
    if form == "table":
        table(rows, columns)
    elif form == "jsonl":
        lines(rows)
    else:
        document(list(rows), form)


def plain(text: str) -> str:
    """Text from a cluster, safe to print."""
    return clean(text, 1000)
