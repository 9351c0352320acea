"""When Python's garbage collector looks at what a session holds: objects and flows live long and have no cycles.

Left alone it walks all of them again and again while lists arrive: a quarter of the time to fill, and turns of the
loop of several tenths of a second.
"""

from __future__ import annotations

import gc

from meshtui.core.model.state import Event, Listed

THRESHOLDS = 20_000, 20, 20
"""Flows come by the thousand and are no garbage; looking at them takes time."""
LONG = 500
"""Objects from which a list counts as long."""


def seldom() -> None:
    """Look less often, from now on."""
    gc.set_threshold(*THRESHOLDS)


def keep() -> None:
    """What there is stays: the collector need not look at it again."""
    gc.freeze()


def taken(event: Event) -> None:
    """A long list that was taken in is not looked at again; what is replaced later goes by its last reference."""
    if isinstance(event, Listed) and len(event.items) >= LONG:
        keep()
