"""Runs a load test from a workload's pod: one exec of core.load's script, parsed as its output arrives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from meshtui.core.clock import Clock
from meshtui.core.errors import ExecFailed, MeshtuiError
from meshtui.core.loadspec import LoadEnded, LoadEvent, LoadSpec, LoadStarted
from meshtui.core.text import clean
from meshtui.kube.api import Api
from meshtui.kube.exec import ExecStream, open_exec
from meshtui.mesh.clients import find_client

_MISSING_STATUS = (126, 127)
_MISSING_WORDS = ("executable file not found", "not found", "no such file")
_KEPT = 400


async def run_load(api: Api, spec: LoadSpec, clock: Clock) -> AsyncGenerator[LoadEvent, None]:
    """LoadStarted, a Request for each answer as it arrives, and always one LoadEnded, whose `problem` says what failed.

    Closing the generator (`aclose`, or cancelling the task that iterates) ends the requests in the pod.
    """
    from meshtui.core.load import Parser, script

    parser = Parser(spec)
    complaint, received = b"", 0
    try:
        pod = await find_client(api, spec)
        async with open_exec(api, spec.namespace, pod, script(spec), container=spec.container, stdin=True) as stream:
            yield LoadStarted(spec, pod, clock.now())
            try:
                async for channel, data in stream:
                    if channel == "stderr":
                        complaint = (complaint + data)[-_KEPT:]
                        continue
                    for request in parser.feed(data, at=clock.now()):
                        received += 1
                        yield request
            finally:
                await _hang_up(stream)
            yield _ended(stream, spec, received, complaint, clock.now())
    except MeshtuiError as error:
        yield LoadEnded(clock.now(), problem=_words(error), hint=error.hint)


async def _hang_up(stream: ExecStream) -> None:
    """End of input tells the script to stop; servers before 1.30 cannot say it, there the closed socket must do."""
    if stream.exit_code is None and stream.error is None:
        with contextlib.suppress(ExecFailed):
            async with asyncio.timeout(1.0):
                await stream.close_stdin()


def _ended(stream: ExecStream, spec: LoadSpec, received: int, complaint: bytes, at: float) -> LoadEnded:
    said = clean(complaint.decode("utf-8", "replace").strip())
    if stream.error is not None:
        return _cut_off(stream.error, spec, received, at)
    if stream.exit_code in _MISSING_STATUS or (stream.exit_code and "not found" in said):
        problem = f"the client pod cannot run curl: {said or f'exit code {stream.exit_code}'}"
        return LoadEnded(at, problem, "choose a workload whose image has sh and curl")
    if stream.exit_code and received < (spec.count or 1):
        return LoadEnded(at, f"the requests ended early: {said or f'exit code {stream.exit_code}'}")
    if spec.count and received < spec.count:
        return LoadEnded(at, f"only {received} of {spec.count} requests were told of", said)
    return LoadEnded(at)


def _cut_off(error: MeshtuiError, spec: LoadSpec, received: int, at: float) -> LoadEnded:
    """The stream broke: no shell in the image, the pod gone, the API server restarted."""
    if any(word in error.cause for word in _MISSING_WORDS):
        problem = f"the client pod cannot run sh: {error.cause}"
        return LoadEnded(at, problem, "choose a workload whose image has sh and curl")
    told = f" after {received} of {spec.count or 'unlimited'} requests"
    hint = "the pod was deleted or the API server restarted; run it again"
    return LoadEnded(at, f"the connection to the client pod broke{told}: {error.cause}", error.hint or hint)


def _words(error: MeshtuiError) -> str:
    return f"{error.title}: {error.cause}" if error.cause else error.title
