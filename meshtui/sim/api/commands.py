"""A command in a container, whichever wire its client speaks: its ends, its fate and its last word."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from meshtui.sim import shell
from meshtui.sim.api.faults import down
from meshtui.sim.store import Object
from meshtui.sim.world import SimCluster

KILLED = 137
"""Exit code of a process whose container was stopped."""
LOOK_EVERY = 0.2
"""Seconds after which a running command notices that its pod or its API server is gone."""
Write = Callable[[bytes], Awaitable[None]]
Work = Callable[[AsyncIterator[bytes], Write, Write], Awaitable["Outcome"]]
"""What runs, given standard input, output and error."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: its exit code, or `missing`, the program that is not there."""

    code: int = 0
    argv: tuple[str, ...] = ()
    missing: str = ""

    def status(self, *, v5: bool = False) -> dict[str, Any]:
        """The Status that ends an exec; v5 is the API server's own wording, else the container runtime's."""
        if self.missing:
            body = _not_started(self.missing, v5=v5)
        elif self.code:
            body = _failed(self.code, self.argv, v5=v5)
        else:
            body = {"status": "Success"}
        return {"metadata": {}, **body} if v5 else body


class Input:
    """What the client sends to standard input; waiting for it can be cancelled and taken up again."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._ended = False

    def put(self, data: bytes) -> None:
        """More input."""
        if data:
            self._queue.put_nowait(data)

    def end(self) -> None:
        """No more input."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = None if self._ended else await self._queue.get()
        if data is None:
            self._ended = True
            raise StopAsyncIteration
        return data


async def execute(
    cluster: SimCluster,
    pod: Object,
    container: str,
    argv: Sequence[str],
    stdin: AsyncIterator[bytes],
    stdout: Write,
    stderr: Write,
) -> Outcome:
    """Run a command in a container's shell."""
    try:
        code = await shell.run(cluster.world, cluster, pod, container, list(argv), stdin, stdout, stderr)
    except shell.NotFoundInContainer as error:
        return Outcome(missing=str(error))
    return Outcome(code, tuple(argv))


async def fate(cluster: SimCluster, pod: Object) -> bool:
    """Wait until the pod is gone (True) or the API server is down (False)."""
    meta = pod["metadata"]
    while not down(cluster):
        held = cluster.store.get(("", "pods"), meta.get("namespace", ""), meta["name"])
        if held is None or held["metadata"].get("uid") != meta.get("uid"):
            return True
        await asyncio.sleep(LOOK_EVERY)
    return False


def _failed(code: int, argv: Sequence[str], *, v5: bool) -> dict[str, Any]:
    told = (
        f"command terminated with exit code {code}"
        if v5
        else f"error executing command [{' '.join(argv)}], exit code {code}"
    )
    return {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {told}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _not_started(message: str, *, v5: bool) -> dict[str, Any]:
    """An executable that is not there; `message` may be the runtime's words or just the name."""
    if "executable file not found" not in message:
        message = f'exec: "{message}": executable file not found in $PATH'
    if "OCI runtime" not in message:
        message = f"OCI runtime exec failed: exec failed: unable to start container process: {message}"
    if "failed to exec in container" not in message:
        message = f'failed to exec in container: failed to start exec "{secrets.token_hex(32)}": {message}'
    inner = message
    if not inner.startswith("Internal error occurred: "):
        inner = f"Internal error occurred: error executing command in container: {message}"
    if not v5:
        return {"status": "Failure", "message": inner, "reason": "InternalError", "code": 500}
    return {
        "status": "Failure",
        "message": f"Internal error occurred: {inner}",
        "reason": "InternalError",
        "details": {"causes": [{"message": inner}]},
        "code": 500,
    }
