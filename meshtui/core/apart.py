"""Names made short so that no two of them read the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshtui.core.text import shorten


class ShortNames:
    """The names of one list; `of` gives each in so many characters, told from all the others. Costs nothing to make.

    Names stay as they were sent: clean what is given.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._made: dict[int, dict[str, str]] = {}

    def of(self, name: str, width: int) -> str:
        """`name` in at most `width` characters: cut in its middle, or where it differs from those that look alike."""
        if len(name) <= width:
            return name
        made = self._made.get(width)
        if made is None:
            made = self._made[width] = apart((each for each in self._names if len(each) > width), width)
        return made.get(name) or shorten(name, width)


def apart(names: Iterable[str], width: int) -> dict[str, str]:
    """Name → what it reads in at most `width` characters. Those that cannot be told apart by that are numbered."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(shorten(name, width), []).append(name)
    found: dict[str, str] = {}
    for short, alike in groups.items():
        found |= {alike[0]: short} if len(alike) == 1 else _told_apart(alike, width)
    seen: dict[str, int] = {}
    for name, short in found.items():
        seen[short] = number = seen.get(short, 0) + 1
        if number > 1:
            mark = f"~{number}"
            found[name] = short[: max(0, width - len(mark))] + mark
    return found


def _told_apart(names: list[str], width: int) -> dict[str, str]:
    """Each from a little before the place where it stops being like the others."""
    first, last = min(names), max(names)
    at = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    head = max(1, width // 4)
    room = max(1, width - head - 2)
    found = {}
    for name in names:
        start = max(head, min(at, len(name) - room - 1))
        rest = name[start : start + room]
        more = "…" if start + len(rest) < len(name) else ""
        found[name] = f"{name[:head]}…{rest}{more}"[:width]
    return found
