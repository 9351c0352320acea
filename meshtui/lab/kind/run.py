"""Runs one command: its output line by line as it comes, a limit to its time, and an end to all it started."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from meshtui.core.errors import CheckFailed, MeshtuiError
from meshtui.core.text import clean
from meshtui.kube.children import child, exited

GRACE = 10.0
"""Seconds a command that was interrupted has to clean up."""
_LINE = 2000
_MOST = 16 * 1024 * 1024
_PAINT = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Colours and cursor movements."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    last: str
    """The last line it wrote."""


async def run(
    argv: Sequence[str], env: Mapping[str, str], tell: Tell, *, given: bytes | None = None, patience: float
) -> Ended:
    """Run it; `tell` gets each line as it comes. Raises TimeoutError after `patience` seconds; nothing is left over."""
    last = ""
    async with _started(argv, env, given is not None) as process, asyncio.timeout(patience):
        feeding = asyncio.create_task(_feed(process, given))
        try:
            async for line in _lines(process):
                last = line or last
                tell(line)
            await feeding
        finally:
            feeding.cancel()
        return Ended(await exited(process), last)


async def ask(argv: Sequence[str], env: Mapping[str, str], patience: float, given: bytes | None = None) -> bytes | None:
    """What a command writes to its output, unseen by anybody; None when it fails or hangs."""
    try:
        async with _started(argv, env, given is not None, quiet=True) as process, asyncio.timeout(patience):
            out, _ = await process.communicate(given)
    except (MeshtuiError, TimeoutError):
        return None
    return out if process.returncode == 0 else None


@contextlib.asynccontextmanager
async def _started(
    argv: Sequence[str], env: Mapping[str, str], fed: bool, *, quiet: bool = False
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that is interrupted as ctrl+c would, when the block is left before it ended."""
    running = child(
        *argv,
        grace=GRACE,
        env=dict(env),
        stdin=asyncio.subprocess.PIPE if fed else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL if quiet else asyncio.subprocess.STDOUT,
        limit=_MOST,
    )
    async with contextlib.AsyncExitStack() as stack:
        try:
            process = await stack.enter_async_context(running)
        except OSError as error:
            raise CheckFailed(f"{argv[0]} cannot be started", cause=error.strerror or str(error)) from error
        yield process


async def _feed(process: asyncio.subprocess.Process, given: bytes | None) -> None:
    if given is None or process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(given)
        await process.stdin.drain()
    process.stdin.close()


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    """Lines without their end; what a program redraws with carriage returns counts as lines, too."""
    assert process.stdout is not None
    rest = b""
    while chunk := await process.stdout.read(65536):
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            yield _clean(line)
        if len(rest) > _MOST:
            rest = b""
    if rest:
        yield _clean(rest)


def _clean(line: bytes) -> str:
    return clean(_PAINT.sub("", line.decode("utf-8", "replace")).rstrip(), _LINE)
