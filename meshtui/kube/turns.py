"""One long answer is read, or long list taken in, in a turn of the loop: those of sixteen clusters come together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

LONG = 64 * 1024
"""Bytes from which an answer counts as long: a millisecond to read."""
_GATES: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@asynccontextmanager
async def own_turn(long: bool) -> AsyncIterator[None]:
    """Do long work in the block, in a turn in which no other is done; what is not long does not wait."""
    if not long:
        yield
        return
    loop = asyncio.get_running_loop()
    gate = _GATES.setdefault(loop, asyncio.Lock())
    await gate.acquire()
    try:
        yield
    finally:
        # What follows in this turn belongs to it, too.
        loop.call_soon(gate.release)
