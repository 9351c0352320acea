"""Finds where a number that may only grow has grown, and by how much, when each look at it gives bounds.

The number is how many events a node saw and we do not hold. It cannot be looked at exactly while events happen, so
each look gives the least and the most it can be. What all looks since the last growth agree on is a level.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from msgspec import Struct

Bounds = tuple[int, int]
"""Least and most."""
_SOON = 2
"""A growth by one so many looks after another belongs to it: the first look may have been one too low."""


class Rise(Struct, frozen=True):
    """Between the look before `index` and that at `index` the number grew by `least` to `most`."""

    index: int
    least: int
    most: int | None
    """None: at least so many. Where nothing tells when it grew, and no look was exact, some of it may be hidden."""


class _Level(Struct):
    index: int
    least: int
    most: int
    sharp: bool
    """One of its looks was exact: what wider ones may hide came after it, and is counted from there."""
    known: bool = False
    """It begins where something is known to have happened."""
    confirmed: bool = False
    """Two looks agree on it."""

    def takes(self, bounds: Bounds) -> bool:
        """Whether `bounds` can be of this level; if so it is the narrower for it."""
        least, most = max(self.least, bounds[0]), min(self.most, bounds[1])
        if least > most:
            return False
        self.least, self.most = least, most
        self.confirmed = True
        self.sharp = self.sharp or bounds[0] == bounds[1]
        return True


def rises(looks: Sequence[Bounds], breaks: Collection[int] = ()) -> list[Rise]:
    """Growth that two looks in a row confirm, in order. A single look that disagrees says nothing: it is left out.

    Before the looks of `breaks` it may have grown: these begin a level of their own. Numbers that fall for good (what
    was missing came late) take back the growth before them, across breaks too: a source that came back may be looked
    at before what it still held is here.
    """
    levels: list[_Level] = []
    odd: tuple[int, Bounds] | None = None
    """A look that did not fit, to be confirmed by the next."""
    for index, bounds in enumerate(looks):
        if not levels or index in breaks:
            levels.append(_level(index, bounds, known=index in breaks))
            odd = None
        elif levels[-1].takes(bounds):
            odd = None
        elif odd is None or _above(levels[-1], odd[1]) != _above(levels[-1], bounds):
            odd = index, bounds
        else:
            _step(levels, odd, bounds)
            odd = None
    if odd is not None and not levels[-1].confirmed:
        levels.pop()  # two looks, and they disagree
    return _joined([rise for pair in pairwise(_standing(levels)) if (rise := _rise(*pair)).most != 0])


def _standing(levels: Sequence[_Level]) -> list[_Level]:
    """Levels without those that a lower one after them took back; a single look takes back a single look alone."""
    kept: list[_Level] = []
    for level in levels:
        while kept and level.most < kept[-1].least and (level.confirmed or not kept[-1].confirmed):
            gone = kept.pop()
            level.index, level.known = gone.index, gone.known
        kept.append(level)
    return kept


def _level(index: int, bounds: Bounds, *, known: bool = False) -> _Level:
    return _Level(index, *bounds, bounds[0] == bounds[1], known)


def _above(level: _Level, bounds: Bounds) -> bool:
    return bounds[0] > level.most


def _step(levels: list[_Level], odd: tuple[int, Bounds], bounds: Bounds) -> None:
    """Two looks in a row are off the level, to the same side: there is a new one."""
    index, first = odd
    level = _level(index, first)
    if not level.takes(bounds):
        level.least, level.most = min(first, bounds)
    level.confirmed = True
    while levels and level.most < levels[-1].least:
        gone = levels.pop()
        level.index, level.known = gone.index, gone.known
    if not levels or level.known or level.least > levels[-1].most:
        levels.append(level)


def _rise(before: _Level, after: _Level) -> Rise:
    most = max(0, after.most - before.least) if after.known or before.sharp else None
    return Rise(after.index, max(0, after.least - before.most), most)


def _joined(found: list[Rise]) -> list[Rise]:
    joined: list[Rise] = []
    for rise in found:
        last = joined[-1] if joined else None
        if last is not None and last.most is not None and rise.most == 1 and rise.index - last.index <= _SOON:
            joined[-1] = Rise(last.index, last.least + rise.least, last.most + rise.most)
        else:
            joined.append(rise)
    return joined
