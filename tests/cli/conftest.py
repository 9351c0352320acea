"""The command as a person runs it, on an embedded mesh."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from meshtui.sim import SimOptions, launch
from tests.embedded import Ran
from tests.waiting import GUARD


class Command:
    """Runs `meshtui` in a process of its own, with no terminal."""

    def __init__(self, kubeconfig: str = "", **env: str) -> None:
        self.env = {**os.environ, **({"KUBECONFIG": kubeconfig} if kubeconfig else {}), **env}

    async def begin(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meshtui", *words, env=self.env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def __call__(self, *words: str) -> Ran:
        process = await self.begin(*words)
        out, err = await asyncio.wait_for(process.communicate(), GUARD)
        assert process.returncode is not None
        assert b"Traceback" not in err
        return Ran(process.returncode, out.decode(), err.decode())


@pytest.fixture
def meshtui() -> Command:
    """Without any kubeconfig."""
    return Command()


@pytest.fixture
async def lab():
    """Two clusters, rebel-base global in both."""
    async with launch(SimOptions(state="global")) as running:
        yield Command(str(running.kubeconfig)), running
