"""Waiting in tests: for a condition, never for a time. The limit is only a guard against waiting for ever."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

GUARD = 100.0
"""Seconds after which a wait has failed: longer than any machine needs, shorter than pytest's own limit."""


async def until(holds: Callable[[], Any], *, what: object = "", every: float = 0.01, limit: float = GUARD) -> Any:
    """What `holds` gives (or, where it is a coroutine function, what comes of it) as soon as that is true."""
    last: Any = None
    try:
        async with asyncio.timeout(limit):
            while True:
                last = holds()
                if inspect.isawaitable(last):
                    last = await last
                if last:
                    return last
                await asyncio.sleep(every)
    except TimeoutError:
        said = what() if callable(what) else what
        raise AssertionError(f"not within {limit:g} s: {said or told(holds)}; last: {last!r}") from None


def told(holds: Callable[[], Any]) -> str:
    """A condition's own source, for who reads why it failed."""
    try:
        return inspect.getsource(holds).strip()
    except (OSError, TypeError):
        return repr(holds)


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and was not asked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except ProcessLookupError:  # gone between opening and reading
        return False
