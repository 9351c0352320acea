"""Writes data to standard output: tables that fit a terminal and are whole in a pipe, JSON, JSON lines, YAML."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meshtui.cli import words
from meshtui.core.text import clean

Row = Mapping[str, Any]
GAP = "  "
NARROWEST = 6
"""Cells that a column keeps, however narrow the terminal is."""


def emit(line: str) -> None:
    """One line of data. A closed pipe ends the program (BrokenPipeError)."""
    sys.stdout.write(line + "\n")


def table(rows: Sequence[Row], columns: Sequence[str], *, wide: bool = False) -> None:
    """Rows under headings; nothing at all for no rows. Cut to the terminal's width, never in a pipe or when `wide`."""
    if rows:
        Growing(columns, wide=wide).add(rows)


class Growing:
    """A table to which rows are added; its columns are as wide as the first rows need."""

    def __init__(self, columns: Sequence[str], *, wide: bool = False) -> None:
        self._columns = columns
        self._wide = wide
        self._widths: list[int] = []

    def add(self, rows: Sequence[Row]) -> None:
        """Print rows, the first ones under the headings."""
        cells = [[_cell(row.get(column)) for column in self._columns] for row in rows]
        heads = [column.replace("_", " ").upper() for column in self._columns]
        whole = self._wide or not sys.stdout.isatty()
        if not self._widths:
            self._widths = [max(map(cell_width, column)) for column in zip(heads, *cells, strict=True)]
            if not whole:
                import shutil  # loads archives, too; a pipe is not cut

                least = [cell_width(head) for head in heads]
                self._widths = fitted(self._widths, least, shutil.get_terminal_size().columns)
            cells.insert(0, heads)
        for line in cells:
            cut = (_padded(cell, width, whole=whole) for cell, width in zip(line, self._widths, strict=True))
            emit(GAP.join(cut).rstrip())


def fitted(widths: Sequence[int], heads: Sequence[int], most: int) -> list[int]:
    """Widths that fit into `most` cells: the widest column gives way first, none below its heading or a few cells."""
    found = list(widths)
    least = [min(width, max(head, NARROWEST)) for width, head in zip(widths, heads, strict=True)]
    over = sum(found) + len(GAP) * (len(found) - 1) - most
    while over > 0:
        index = max(range(len(found)), key=lambda at: (found[at] - least[at] > 0, found[at]))
        if found[index] <= least[index]:
            break
        found[index] -= 1
        over -= 1
    return found


def cell_width(text: str) -> int:
    """Cells that text takes on a terminal: wide letters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _padded(cell: str, width: int, *, whole: bool = False) -> str:
    over = cell_width(cell) - width
    if over > 0 and whole:
        return cell
    if over <= 0:
        return cell + " " * -over
    while cell_width(cell) > width - 1:
        cell = cell[:-1]
    return f"{cell}…" + " " * (width - 1 - cell_width(cell))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "–"
    if isinstance(value, Mapping):
        return _counted(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return clean(str(value), 1000) or "–"


def _counted(value: Row) -> str:
    """`2/3` of what is ready and how many there are; else names and values."""
    if set(value) == {"ready", "total"}:
        return f"{value['ready']}/{value['total']}"
    return clean(", ".join(f"{name} {_cell(each)}" for name, each in value.items()), 1000) or "–"


def document(value: Any, form: str) -> None:
    """One JSON or YAML document."""
    if form == "yaml":
        import yaml

        sys.stdout.write(yaml.safe_dump(value, sort_keys=False, allow_unicode=_all_letters()))
    else:
        import json  # a table needs none

        emit(json.dumps(value, indent=2, ensure_ascii=True))


def _all_letters() -> bool:
    """Whether what is written to can hold every letter; else YAML escapes them, so that nothing is lost."""
    return "utf" in (sys.stdout.encoding or "").lower()


def lines(rows: Iterable[Row]) -> None:
    """One JSON object per line."""
    import json

    for row in rows:
        emit(json.dumps(row, ensure_ascii=True))


def flush() -> None:
    """Let whoever reads see what was written by now."""
    sys.stdout.flush()


def is_table(form: str) -> bool:
    """Whether a format is read by people."""
    return form in ("table", "wide")


def show(rows: Sequence[Row], columns: Sequence[str], form: str, *, nothing: str = "") -> None:
    """Rows in the format asked for; a table shows `columns`, a wide one every plain value, the others everything.

    Without rows `nothing` is said on standard error.
    """
    if not rows and nothing:
        words.say(f"meshtui: {clean(nothing, words.LIMIT)}")
    if form == "wide":
        table(rows, [*columns, *_more(rows, columns)], wide=True)
    elif form == "table":
        table(rows, columns)
    elif form == "jsonl":
        lines(rows)
    else:
        document(list(rows), form)


def _more(rows: Sequence[Row], columns: Sequence[str]) -> list[str]:
    """Names of values that a table does not show, as far as a cell can."""
    found = dict.fromkeys(name for row in rows for name, value in row.items() if _fits_a_cell(value))
    return [name for name in found if name not in columns]


def _fits_a_cell(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(each, str | int | float) for each in value)
    return not isinstance(value, Mapping) or set(value) == {"ready", "total"}


def plain(text: str) -> str:
    """Text from a cluster, safe to print."""
    return clean(text, 1000)
