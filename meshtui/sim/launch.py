"""Start the embedded mesh as a child process that cannot outlive its parent."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from meshtui.core.errors import MeshtuiError
from meshtui.sim.options import SimOptions

START_TIMEOUT = 60.0
STOP_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """A mesh being served: its kubeconfig, context names, Relay addresses by cluster, control URL."""

    kubeconfig: Path
    contexts: list[str]
    relays: dict[str, str]
    control: str


@contextlib.asynccontextmanager
async def launch(options: SimOptions | None = None) -> AsyncIterator[Running]:
    """Serve a mesh for the length of the block. Raises MeshtuiError when it does not start."""
    beginning = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *arguments(options or SimOptions()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        process = await asyncio.shield(beginning)
    except asyncio.CancelledError:
        # Cancelled itself, asyncio would kill it, and its files would stay.
        await _stop(await beginning)
        raise
    drains: list[asyncio.Task[None]] = []
    try:
        running = _running(await _first_line(process))
        drains = [asyncio.create_task(_drain(s)) for s in (process.stdout, process.stderr) if s is not None]
        yield running
    finally:
        await _stop(process)
        await asyncio.gather(*drains)


def arguments(options: SimOptions) -> list[str]:
    """The child's command line."""
    plain = {
        f.name: getattr(options, f.name) for f in dataclasses.fields(options) if getattr(options, f.name) != f.default
    }
    if options.directory is not None:
        plain["directory"] = str(options.directory)
    plain["follow_parent"] = True
    return [sys.executable, "-m", "meshtui.sim", msgspec.json.encode(plain).decode()]


async def _first_line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_TIMEOUT)
    except TimeoutError:
        raise MeshtuiError("The embedded mesh did not start", cause=f"no answer within {START_TIMEOUT:.0f} s") from None
    if not line:
        words = (await process.stderr.read()).decode(errors="replace").strip()
        raise MeshtuiError("The embedded mesh did not start", cause=words.rpartition("\n")[2] or "it ended")
    ready: dict[str, Any] = msgspec.json.decode(line)
    return ready


def _running(ready: dict[str, Any]) -> Running:
    return Running(Path(ready["kubeconfig"]), ready["contexts"], ready["relays"], ready["control"])


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End of input asks it to end; a process that does not listen is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(65536):
        pass
