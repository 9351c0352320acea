"""`meshtui flows`: files, agents, exclusions, clusters, following, and how it ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command

RECORDINGS = Path(__file__).parent.parent / "recordings"


@pytest.mark.parametrize("step", ["4-global", "10-default-deny"])
async def test_a_recorded_file_is_printed_as_the_cli_printed_it(meshtui: Command, step: str):
    ran = await meshtui("flows", "--input-file", str(RECORDINGS / step / "flows.jsonl.gz"))
    assert ran.code == 0
    with gzip.open(RECORDINGS / step / "flows.compact.txt.gz", "rt") as file:
        assert Counter(ran.out.splitlines()) <= Counter(file.read().splitlines())
    assert len(ran.out.splitlines()) > 300


async def test_json_of_a_file_is_the_file(meshtui: Command):
    path = RECORDINGS / "10-default-deny/flows.dropped.jsonl"
    ran = await meshtui("flows", "--input-file", str(path), "-o", "jsonpb")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        json.loads(line) for line in path.read_text().splitlines()
    ]


async def test_filters_times_and_exclusions(meshtui: Command):
    path = str(RECORDINGS / "10-default-deny/flows.jsonl.gz")
    every = (await meshtui("flows", "--input-file", path)).out.splitlines()
    dropped = (await meshtui("flows", "--input-file", path, "verdict:dropped")).out.splitlines()
    others = (await meshtui("flows", "--input-file", path, "--not", "verdict:dropped")).out.splitlines()
    assert dropped
    assert sorted([*dropped, *others]) == sorted(every)
    spoken = (await meshtui("flows", "--input-file", path, "--", "--verdict", "DROPPED")).out.splitlines()
    assert spoken == dropped
    since = (await meshtui("flows", "--input-file", path, "--since", "2026-11-23T19:36:30Z")).out.splitlines()
    assert 0 < len(since) < len(every)
    assert all(line.split()[2] >= "19:36:30" for line in since)


async def test_both_clusters_follow_the_clis_line(meshtui: Command):
    path = str(RECORDINGS / "10-default-deny/flows.dropped.jsonl")
    plain = (await meshtui("flows", "--input-file", path)).out.splitlines()
    told = (await meshtui("flows", "--input-file", path, "--clusters")).out.splitlines()
    assert all(line.startswith(f"{exact} [") for line, exact in zip(told, plain, strict=True))
    assert any("[koornacht → tion, seen by koornacht/" in line for line in told)


@pytest.mark.parametrize(
    "words",
    [
        ("porrt:80",),
        ("--since", "soon"),
        ("--follow", "--until", "3s"),
        ("--input-file", "/no/such/file"),
        ("--last", "0"),
    ],
)
async def test_mistakes_are_usage_errors(meshtui: Command, words: tuple[str, ...]):
    ran = await meshtui("flows", *words)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err


async def test_agents_follow_pipes_and_interrupts():
    async with launch(SimOptions(state="global", flow_rate=20)) as running:
        meshtui = Command(str(running.kubeconfig))
        ran = await meshtui("flows", "--source", "agents", "--last", "7", "--print-node-name")
        assert ran.code == 0
        assert len(ran.out.splitlines()) == 7
        assert "control-plane]: " in ran.out

        following = await meshtui.begin("flows", "--follow", "-o", "jsonl", "--source", "agents", "cluster:tion")
        documents = [json.loads(await asyncio.wait_for(following.stdout.readline(), 30)) for _ in range(5)]
        for document in documents:
            flow = document["flow"]
            assert "tion" in (flow["source"].get("cluster_name"), flow["destination"].get("cluster_name"))
        following.send_signal(signal.SIGINT)
        await asyncio.wait_for(following.communicate(), 15)
        assert following.returncode == 130

        piped = await asyncio.create_subprocess_shell(
            f"python -m meshtui --kubeconfig {running.kubeconfig} flows --follow | head -2; echo ${{PIPESTATUS[0]}}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, executable="/bin/bash", env=piped_env(),
        )  # fmt: skip
        out, err = await asyncio.wait_for(piped.communicate(), 30)
        assert len(out.splitlines()) == 3
        assert out.splitlines()[-1] == b"141"
        assert err == b""


def piped_env() -> dict[str, str]:
    import os
    import sys

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
