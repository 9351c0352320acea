"""When Python's garbage collector looks at what a session holds, and what memory is given back to the system.

Objects and flows live long and have no cycles. Left alone the collector walks all of them again and again while lists
arrive: a quarter of the time to fill, and turns of the loop of several tenths of a second.
"""

from __future__ import annotations

import contextlib
import gc

THRESHOLDS = 20_000, 5, 50
"""What is loaded, listed or heard comes by the thousand and is no garbage; looking at it takes time. Of half-read lists
the middle look walks 100,000 objects at most: with 400,000 it held the loop for more than a tenth of a second."""
OWN_MAPPING = 256 * 1024
"""Bytes from which a piece of memory goes back by itself."""
_M_MMAP_THRESHOLD = -3
LONG = 500
"""Objects from which a list counts as long."""


def seldom() -> None:
    """Look less often, from now on."""
    gc.set_threshold(*THRESHOLDS)


def hand_back() -> None:
    """Give the memory of long answers back as soon as they are read, where the C library is glibc.

    It would raise its own bound with every one of them, up to 32 MB (mallopt(3), M_MMAP_THRESHOLD), and keep what was
    freed below: 35 MB beside sixteen clusters of 5,000 services.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, OWN_MAPPING)


def settle() -> None:
    """Before the first list: what loading left behind goes, and what is there stays, modules and styles above all.

    Left for later it would stay for ever, 10 MB of it: nobody looks again at what is kept.
    """
    gc.collect()
    gc.freeze()


def keep() -> None:
    """What there is stays, or all ends: the collector need not look at it again."""
    gc.freeze()


def taken(objects: int) -> None:
    """A long list that was taken in is not looked at again; what is replaced later goes by its last reference."""
    if objects >= LONG:
        keep()
