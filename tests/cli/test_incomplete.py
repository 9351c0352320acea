"""What is not whole says so and does not exit with 0, where the answer depends on it: agents, clocks (report 04)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Command
from tests.kube.fake import serving
from tests.replay.cluster import RecordedApi, recorded
from tests.replay.conftest import kubeconfig


async def fault(running: Any, name: str, **fields: Any) -> None:
    async with httpx.AsyncClient() as http:
        (await http.post(f"{running.control}/faults", json={"fault": name, **fields})).raise_for_status()


async def test_an_agent_that_hangs_is_counted_where_the_answer_depends_on_agents(lab: tuple[Command, Any]) -> None:
    """Each verb waits for the agent once.

    It takes that long because a request may: 8 s are enough for everything else on a busy machine.
    """
    meshtui, running = lab
    await fault(running, "agent-stopped", cluster="tion")
    told = "meshtui: tion: 1 of 1 agents did not answer: tion-control-plane"
    patient = ("--request-timeout", "8")
    verbs = ("status",), ("findings",), ("services", "explain", "rebel-base")
    *depend, nodes = await asyncio.gather(*(meshtui(*verb, *patient) for verb in (*verbs, ("nodes",))))
    for verb, ran in zip(verbs, depend, strict=True):
        assert (ran.code, told in ran.err) == (1, True), (verb, ran.err)
        assert "the agent on tion-control-plane did not answer" in ran.err
    assert (nodes.code, nodes.err) == (0, "")


@pytest.fixture
async def late(tmp_path: Path) -> AsyncIterator[Command]:
    """Two recorded clusters; the clock of tion's API server is 200 s behind."""
    files = recorded("4-global")
    apis = {name: RecordedApi(files=found) for name, found in files.items()}
    apis["tion"].date = lambda: time.time() - 200
    async with serving(apis["koornacht"]), serving(apis["tion"]):
        yield Command(str(kubeconfig(tmp_path, apis)))


async def test_a_clock_that_is_off_is_told_with_its_offset_where_the_answer_tells_a_time(late: Command) -> None:
    told = "the clock of tion's API server is 3 min behind this machine's"
    ran = await late("findings", "-o", "json")
    assert ran.code == 1
    assert told in ran.err
    (finding,) = [each for each in ran.data if each["kind"] == "CLOCK_OFF"]
    assert (finding["finding"], finding["clusters"]) == (told, ["tion"])
    assert "timedatectl" in finding["advice"]
    ran = await late("status", "-o", "json")
    assert (ran.code, told in ran.err) == (1, True)
    ran = await late("nodes")
    assert (ran.code, ran.err) == (0, ""), "no node's answer depends on what the time is"
