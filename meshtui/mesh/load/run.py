"""Runs a load test from a workload's pod: one exec of core.load's script, parsed as its output arrives."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator

from msgspec.structs import replace

from meshtui.core.clock import Clock
from meshtui.core.errors import ExecFailed, MeshtuiError
from meshtui.core.load import Parser, script
from meshtui.core.load.spec import LoadEnded, LoadEvent, LoadSpec, LoadStarted
from meshtui.core.text import clean
from meshtui.kube.api import Api
from meshtui.kube.exec import ExecStream, open_exec
from meshtui.mesh.load.clients import find_client

_NO_SHELL = ("executable file not found", "no such file")
_KEPT = 400
_HANG_UP_SECONDS = 1.0
_KILLED = (137, 143)
"""Exit codes of a process that SIGKILL or SIGTERM ended."""


async def run_load(api: Api, spec: LoadSpec, clock: Clock) -> AsyncGenerator[LoadEvent, None]:
    """LoadStarted, a Request for each answer as it arrives, and always one LoadEnded, whose `problem` says what failed.

    Closing the generator (`aclose`, or cancelling the task that iterates) ends the requests in the pod.
    """
    framed = replace(spec, boundary=spec.boundary or f"mt{secrets.token_hex(8)}")
    parser = Parser(framed)
    received = 0
    complaint = b""
    try:
        command = script(framed)
        pod = await find_client(api, spec)
        async with open_exec(api, spec.namespace, pod, command, container=spec.container, stdin=True) as stream:
            try:
                yield LoadStarted(spec, pod, clock.now())
                async for channel, data in stream:
                    if channel == "stderr":
                        complaint = (complaint + data)[-_KEPT:]
                        continue
                    for request in parser.feed(data, at=clock.now()):
                        received += 1
                        yield request
            finally:
                await _hang_up(stream)
            yield _ended(stream, parser, spec, received, complaint, clock.now())
    except MeshtuiError as error:
        yield LoadEnded(clock.now(), problem=str(error), hint=error.hint, exit_code=error.exit_code)


async def _hang_up(stream: ExecStream) -> None:
    """End of input tells the script to stop; servers before 1.30 cannot say it, there the closed socket must do."""
    if stream.exit_code is None and stream.error is None:
        with contextlib.suppress(ExecFailed, TimeoutError):
            async with asyncio.timeout(_HANG_UP_SECONDS):
                await stream.close_stdin()


def _ended(stream: ExecStream, parser: Parser, spec: LoadSpec, received: int, complaint: bytes, at: float) -> LoadEnded:
    if parser.problem:
        return LoadEnded(at, parser.problem, parser.hint)
    if stream.error is not None:
        return _cut_off(stream.error, spec, received, at)
    if parser.complete or (spec.total and received >= spec.total):
        return LoadEnded(at)
    if stream.exit_code in _KILLED:
        hint = "see whether the pod was deleted or restarted, and run it again"
        return LoadEnded(at, f"the client's container was stopped, {_progress(spec, received)}", hint)
    said = clean(complaint.decode("utf-8", "replace").strip()) or f"exit code {stream.exit_code}"
    hint = "the client's shell gave up: run it again, or choose another client"
    return LoadEnded(at, f"the requests ended early, {_progress(spec, received)}: {said}", hint)


def _cut_off(error: MeshtuiError, spec: LoadSpec, received: int, at: float) -> LoadEnded:
    """The stream broke: no shell in the image, the pod gone, the API server restarted."""
    if any(word in error.cause for word in _NO_SHELL):
        hint = "choose a client whose image has sh and curl"
        return LoadEnded(at, f"the client's container has no sh: {error.cause}", hint)
    hint = error.hint or "the pod was deleted or the API server restarted: run it again"
    problem = f"the connection to the client pod broke, {_progress(spec, received)}: {error.cause}"
    return LoadEnded(at, problem, hint)


def _progress(spec: LoadSpec, received: int) -> str:
    return f"after {received} of {spec.total} requests" if spec.total else f"after {received} requests"
