"""Whenever a block with a child process is left, nothing that process started stays."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from meshtui.kube.children import child, exited
from tests.waiting import GUARD, alive, until

SCRIPT = 'trap "" INT; sleep 600 & echo $! >"$1~"; mv "$1~" "$1"; wait'
"""What a shell starts in the background does not hear ctrl+c: only the end of the session ends it."""


async def test_a_cancel_while_it_begins_ends_what_it_had_started(tmp_path: Path):
    """Python's `create_subprocess_exec` kills the process alone, and it has run for a while on a busy machine."""
    found = tmp_path / "pid"

    async def hold() -> None:
        async with child("sh", "-c", SCRIPT, "sh", str(found), stdout=asyncio.subprocess.PIPE):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0)  # the task waits for its process to begin
    await asyncio.sleep(0)  # which has been asked for
    while not found.exists():
        time.sleep(0.001)  # noqa: ASYNC251 - the loop is busy meanwhile: that is the case
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(int(found.read_text())))


async def test_a_second_cancel_does_not_leave_it_running(tmp_path: Path):
    found = tmp_path / "pid"

    async def hold() -> None:
        async with child("sh", "-c", SCRIPT, "sh", str(found), grace=0.2):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await until(found.exists)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.done()
    await until(lambda: not alive(int(found.read_text())))


def test_the_end_of_a_loop_waits_for_it(tmp_path: Path):
    """All tasks are cancelled at once then."""
    found, held = tmp_path / "pid", []

    async def hold() -> None:
        async with child("sh", "-c", SCRIPT, "sh", str(found), stdout=asyncio.subprocess.PIPE) as process:
            held.append(process)
            await asyncio.Event().wait()

    async def work() -> None:
        task = asyncio.create_task(hold())
        # The child may have written before its parent knows that it was started.
        await until(lambda: bool(held) and found.exists() and bool(found.read_text().strip()))
        assert not task.done()

    asyncio.run(work())
    assert held[0].returncode == -9
    deadline = time.monotonic() + GUARD
    while alive(int(found.read_text())):
        assert time.monotonic() < deadline


async def test_one_that_cleans_up_has_time_to(tmp_path: Path):
    ready, cleaned = tmp_path / "ready", tmp_path / "cleaned"
    script = 'trap "touch $2; exit 3" INT; touch "$1"; while :; do sleep 0.01; done'
    async with child("sh", "-c", script, "sh", str(ready), str(cleaned), grace=60) as process:
        await until(ready.exists)
    assert (process.returncode, cleaned.exists()) == (3, True)


async def test_its_end_is_seen_though_somebody_else_holds_its_output(tmp_path: Path):
    """A browser that a login plugin started in a session of its own; the pipe is let go of, so nothing is warned of."""
    found = tmp_path / "pid"
    script = 'setsid sh -c \'echo $$ >"$1"; exec sleep 600\' sh "$1" & while [ ! -s "$1" ]; do sleep 0.01; done; exit 7'
    try:
        async with child("sh", "-c", script, "sh", str(found), stdout=asyncio.subprocess.PIPE) as process:
            assert await exited(process) == 7
    finally:
        os.kill(int(found.read_text()), 9)


async def test_what_cannot_be_started_is_told(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        async with child(str(tmp_path / "nothing")):
            pass
