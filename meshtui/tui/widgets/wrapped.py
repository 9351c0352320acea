"""One item's lines broken at spaces, so that nothing of it is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meshtui.tui.widgets.paint import Line, wrapped_spans


class Wrapped(NamedTuple):
    """What an item says, in lines of at most `width` cells."""

    of: Sequence[Line]
    """The lines it was made of."""
    width: int
    lines: Sequence[Line]
    parts: Sequence[int]
    """Of each line, the number of the one in `of` that it tells."""

    @classmethod
    def made(cls, of: Sequence[Line], width: int, hanging: Callable[[int], int | None]) -> Wrapped:
        """`hanging`: cells before what goes on from a line; None for one that is not broken."""
        lines: list[Line] = []
        parts: list[int] = []
        for part, line in enumerate(of):
            indent = hanging(part)
            broken = [line] if indent is None else wrapped_spans(line, width, indent=indent)
            lines += broken
            parts += [part] * len(broken)
        return cls(of, width, lines, parts)
