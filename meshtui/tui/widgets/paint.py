"""Lines of text with a role for each span: what a renderer returns before any colour is chosen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from meshtui.core.text import clean, shorten


class Span(NamedTuple):
    """Printable text and the role that picks its style (`tui/theme.py` lists them)."""

    text: str
    role: str = ""
    click: str = ""
    """Id of the command a click on it runs, or empty."""
    cell: str = ""
    """What this part of a line tells, where a click on it means that: a filter's key, a column's name."""


Line = Sequence[Span]


CLUSTER_ROLES = 16
"""As many clusters can have a colour that a person chose."""


def cluster_role(index: int) -> str:
    """The role that paints something in its cluster's colour; a theme's colours repeat after eight."""
    return f"cluster{index % CLUSTER_ROLES}"


def tag(label: str, index: int, *, bracket: bool = False) -> Span:
    """A cluster's short tag in its colour: `K`, or `[K]`."""
    return Span(f"[{label}]" if bracket else label, cluster_role(index))


def safe(text: str, limit: int = 512) -> str:
    """Text from a cluster made printable; every such text on the screen passes through here."""
    return clean(text, limit)


def width_of(line: Iterable[Span]) -> int:
    """Cells a line takes."""
    return sum(cell_len(span.text) for span in line)


def span_at(line: Iterable[Span], cell: int) -> Span | None:
    """What stands in a cell of a line; None behind its end."""
    for span in line:
        cell -= cell_len(span.text)
        if cell < 0:
            return span
    return None


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: shortened in its middle, or padded on one side."""
    if cell_len(text) > width:
        text = shorten(text, width) if text.isascii() or cell_len(text) == len(text) else text
    if right and cell_len(text) < width:
        return " " * (width - cell_len(text)) + text
    return set_cell_size(text, width)


def clip(line: Line, width: int) -> list[Span]:
    """A line in at most `width` cells; what does not fit is told by a `…`."""
    if width_of(line) <= width:
        return list(line)
    result: list[Span] = []
    left = width - 1
    for span in line:
        cells = cell_len(span.text)
        if cells > left:
            result.append(span._replace(text=f"{set_cell_size(span.text, max(0, left))}…"))
            return result
        result.append(span)
        left -= cells
    return result


def joined(parts: Iterable[Line], separator: str = " · ") -> list[Span]:
    """Lines put behind one another with a dim separator; empty ones are left out."""
    result: list[Span] = []
    for part in parts:
        if not part:
            continue
        if result:
            result.append(Span(separator, "dim"))
        result.extend(part)
    return result


def wrapped(text: str, width: int, *, indent: int = 0) -> list[str]:
    """`text` broken at spaces into lines of at most `width` cells, each after `indent` spaces."""
    room = max(8, width - indent)
    lines: list[str] = []
    current = ""
    for word in text.split():
        while cell_len(word) > room:
            if current:
                lines.append(current)
                current = ""
            lines.append(word[:room])
            word = word[room:]
        if current and cell_len(current) + 1 + cell_len(word) > room:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    if current:
        lines.append(current)
    return [" " * indent + line for line in lines]


def wrapped_spans(line: Line, width: int, *, indent: int = 3) -> list[Line]:
    """A line broken at spaces into lines of at most `width` cells, those after the first behind `indent` spaces."""
    if width_of(line) <= width:
        return [line]
    lines: list[list[Span]] = [[]]
    used = 0
    for span in line:
        for word in re.findall(r"\s*\S+|\s+$", span.text):
            cells = cell_len(word)
            if used + cells > width and lines[-1]:
                word = word.lstrip()
                if not word:
                    continue
                lines.append([Span(" " * indent)])
                used, cells = indent, cell_len(word)
            while used + cells > width > used:  # longer than a line: nothing of it is left out
                lines[-1].append(span._replace(text=word[: width - used]))
                word = word[width - used :]
                lines.append([Span(" " * indent)])
                used, cells = indent, cell_len(word)
            lines[-1].append(span._replace(text=word))
            used += cells
    return [clip(each, width) for each in lines]
