"""Child processes for the length of a block: however it is left, and however early, all they started ends with them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

_LOOK = 0.05
"""Seconds between two looks at a child whose output somebody else holds open."""


@contextlib.asynccontextmanager
async def child(
    *argv: str, own: bool = True, grace: float = 0.0, **options: Any
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process, begun as `asyncio.create_subprocess_exec` does with `options`. Raises OSError when it cannot be.

    `own`: it leads a session of its own, with all it starts, so that ctrl+c reaches us alone. One that still runs when
    the block is left is interrupted, has `grace` seconds to clean up, and is killed with its session. A cancel waits
    for that: asyncio, cancelled while it begins a process, would kill that one and forget what it started.
    """
    beginning = asyncio.ensure_future(asyncio.create_subprocess_exec(*argv, start_new_session=own, **options))
    cancelled = await _through(beginning)
    if cancelled is not None and (beginning.cancelled() or beginning.exception() is not None):
        raise cancelled
    process = beginning.result()
    try:
        if cancelled is not None:
            raise cancelled
        yield process
    finally:
        await _end(process, own, grace)


async def exited(process: asyncio.subprocess.Process) -> int:
    """Its exit code, as soon as there is one.

    `Process.wait` of Python 3.11 waits for the end of its output too, which what it started may hold open for ever.
    """
    while process.returncode is None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await process.wait()
    return process.returncode


async def _through(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait for its end in spite of every cancel; the last cancel there was."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


async def _end(process: asyncio.subprocess.Process, own: bool, grace: float) -> None:
    """Not a task of its own: at the end of a loop all of these are cancelled at once. A cancel takes its time away."""
    cancelled, running = None, process.returncode is None
    if running and grace:
        _signal(process, own, signal.SIGINT)
        try:
            async with asyncio.timeout(grace):
                await exited(process)
        except TimeoutError:
            pass
        except asyncio.CancelledError as error:
            cancelled = error
    if running:
        _signal(process, own, signal.SIGKILL)
    while process.returncode is None:
        try:
            await exited(process)
        except asyncio.CancelledError as error:
            cancelled = error
    # A pipe that somebody who left the session holds open would keep its transport for ever; asyncio has no public way.
    process._transport.close()  # type: ignore[attr-defined] # noqa: SLF001
    if cancelled is not None:
        raise cancelled


def _signal(process: asyncio.subprocess.Process, own: bool, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if own:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
