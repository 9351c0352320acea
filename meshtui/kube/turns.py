"""One long answer is read in a turn of the loop: sixteen clusters' pages that came together would hold it for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

LONG = 64 * 1024
"""Bytes from which an answer counts as long: a millisecond to read."""
_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@asynccontextmanager
async def own_turn(length: int) -> AsyncIterator[None]:
    """Read an answer of so many bytes in the block, in a turn in which no other long one is read."""
    if length < LONG:
        yield
        return
    loop = asyncio.get_running_loop()
    gate = _GATES.setdefault(loop, asyncio.Lock())
    await gate.acquire()
    try:
        yield
    finally:
        # What follows in this turn, the mesh taking in the list, belongs to it, too.
        loop.call_soon(gate.release)
