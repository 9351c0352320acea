"""`meshtui flows`: files, agents, exclusions, clusters, following, and how it ends."""

from __future__ import annotations

import asyncio
import gzip
import json
import signal
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from meshtui.core.flows.account.gaps import Gap, Missing
from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.waiting import GUARD

RECORDINGS = Path(__file__).parent.parent / "recordings"


async def test_a_recorded_file_in_other_forms(meshtui: Command):
    words = (
        "flows",
        "--input-file",
        str(RECORDINGS / "10-default-deny/flows.jsonl.gz"),
        "--verdict",
        "DROPPED",
        "--last",
        "2",
    )
    first, second = (await meshtui(*words, "--time-format", "RFC3339Nano")).out.splitlines()
    assert first.startswith("2026-11-23T19:37:07.775")
    table = (await meshtui(*words, "-o", "tab")).out.splitlines()
    assert table[0].split() == ["TIMESTAMP", "SOURCE", "DESTINATION", "TYPE", "VERDICT", "SUMMARY"]
    assert len(table) == 3
    listed = (await meshtui(*words, "-o", "dict", "--numeric")).out.splitlines()
    assert len(listed) == 13
    assert listed[6] == "------------"
    assert listed[7] == f"  TIMESTAMP: {table[2][:19]}"
    assert listed[9] == "DESTINATION: 10.2.0.174:80"
    painted = (await meshtui(*words, "--color", "always")).out.splitlines()[1]
    assert "\x1b[31mDROPPED\x1b[0m" in painted
    assert "\x1b" not in second


async def test_first_ones_and_raw_filters(meshtui: Command):
    path = str(RECORDINGS / "10-default-deny/flows.jsonl.gz")
    every = (await meshtui("flows", "--input-file", path)).out.splitlines()
    assert (await meshtui("flows", "--input-file", path, "--first", "3")).out.splitlines() == every[:3]
    raw = await meshtui(
        "flows", "--print-raw-filters", "--from-pod", "default/it's", "--not", "--reply", "cross-cluster"
    )
    assert yaml.safe_load(raw.out) == {
        "allowlist": ['{"source_pod":["default/it\'s"]}'],
        "denylist": ['{"reply":[true]}'],
    }
    assert "cross-cluster" in raw.err


async def test_what_else_a_file_holds_is_told(meshtui: Command, tmp_path: Path):
    path = tmp_path / "some.jsonl"
    with gzip.open(RECORDINGS / "4-global/flows.jsonl.gz", "rt") as file:
        flows = file.readlines()[:2]
    lost = {"lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "7"}, "node_name": "tion/t1"}
    away = {"node_status": {"state_change": "NODE_UNAVAILABLE", "node_names": ["tion/t2"]}}
    path.write_text("".join([*flows, json.dumps(lost) + "\n", json.dumps(away) + "\n"]))
    ran = await meshtui("flows", "--input-file", str(path))
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    assert "7 events were lost" in ran.err
    assert "tion/t2" in ran.err
    path.write_text("".join([*flows, "not json\n"]))
    ran = await meshtui("flows", "--input-file", str(path))
    assert (ran.code, len(ran.out.splitlines())) == (1, 2)
    assert "1 of 3 are no flows" in ran.err


async def test_json_of_a_file_is_the_file(meshtui: Command):
    path = RECORDINGS / "10-default-deny/flows.dropped.jsonl"
    ran = await meshtui("flows", "--input-file", str(path), "-o", "jsonpb")
    assert ran.out == path.read_text()


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
        ("--first", "1", "--last", "1"),
        ("--follow", "-o", "table"),
        ("--not",),
        ("--time-format", "RFC1"),
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
        documents = [json.loads(await asyncio.wait_for(following.stdout.readline(), GUARD)) for _ in range(5)]
        for document in documents:
            flow = document["flow"]
            assert "tion" in (flow["source"].get("cluster_name"), flow["destination"].get("cluster_name"))
        following.send_signal(signal.SIGINT)
        await asyncio.wait_for(following.communicate(), GUARD)
        assert following.returncode == 130

        piped = await asyncio.create_subprocess_shell(
            f"python -m meshtui --kubeconfig {running.kubeconfig} flows --follow | head -2; echo ${{PIPESTATUS[0]}}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, executable="/bin/bash", env=piped_env(),
        )  # fmt: skip
        out, err = await asyncio.wait_for(piped.communicate(), GUARD)
        assert len(out.splitlines()) == 3
        assert out.splitlines()[-1] == b"141"
        assert err == b""


def piped_env() -> dict[str, str]:
    import os
    import sys

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def test_a_gap_is_told_once_it_is_counted_and_again_when_that_changes(capsys: pytest.CaptureFixture[str]):
    from meshtui.cli.flows import _tell_gaps

    told: set[str] = set()
    away = Gap("tion", 10**9, cause="refused")
    back = replace(away, end_ns=13 * 10**9, counting=True)
    counted = replace(back, counting=False, counted=True, missing=(Missing("tion/w\x1b[1m", 7, 7),))
    less = replace(counted, missing=(), lost=False)
    for gap in (away, back, counted, counted, less):
        _tell_gaps([gap], told)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "meshtui: tion's source away for 12.0 s: 7 events missing: w\\e[1m 7",
        "meshtui: tion's source away for 12.0 s: nothing missing",
    ]
