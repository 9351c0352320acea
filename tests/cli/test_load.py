"""`meshtui load` beyond ten requests: steady, direct, progress on a terminal, assertions, kept runs."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys

from meshtui.core.load.record import SCHEMA
from tests.cli.conftest import Command
from tests.core.load.test_runs import fits
from tests.mesh.load.test_direct import listening, saying
from tests.waiting import GUARD


async def test_steady_for_a_while_from_one_cluster(lab):
    meshtui, _ = lab
    ran = await meshtui(
        "load", "rebel-base", "--from", "tion/x-wing", "--rate", "20", "--duration", "1", "-o", "json"
    )  # fmt: skip
    assert ran.code == 0
    (run,) = ran.data
    fits(run, SCHEMA)
    assert (run["summary"]["total"], run["spec"]["rate"]) == (20, 20.0)
    assert run["service"] == "default/rebel-base"
    assert run["state"]["koornacht global"] == "true"


async def test_steady_until_interrupted_prints_what_came(meshtui):
    enough = asyncio.Semaphore(0)
    answer = saying(b'{"Cluster": "Tion"}')

    async def counted(reader, writer):
        await answer(reader, writer)
        # It has the whole answer: it leaves.
        assert not await reader.read()
        enough.release()

    async with listening(counted) as url:
        process = await meshtui.begin("load", url, "--direct", "--steady", "--rate", "20", "-o", "json")
        for _ in range(5):
            await asyncio.wait_for(enough.acquire(), GUARD)
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(process.communicate(), GUARD)
    assert (process.returncode, err) == (0, b"")
    (run,) = json.loads(out)
    assert run["cancelled"]
    assert run["summary"]["by_cluster"]["tion"] >= 4  # the last of the five may just be being counted


async def test_direct_needs_no_cluster(meshtui):
    async with listening(saying(b'{"Cluster": "Tion"}')) as url:
        ran = await meshtui("load", url, "--direct", "-n", "5", "-o", "json", "--expect", "tion=5")
    assert (ran.code, ran.err) == (0, "")
    (run,) = ran.data
    fits(run, SCHEMA)
    assert run["summary"]["by_cluster"] == {"tion": 5}
    assert (await meshtui("load", url, "--direct", "--all-clusters")).code == 2
    assert (await meshtui("load", url, "--http2")).code == 2
    assert (await meshtui("load")).code == 2


async def test_assertions_end_with_1_and_say_what_did_not_hold(meshtui):
    async def hold(reader, writer):
        await reader.read()

    async with listening(hold) as url:
        words = ("load", url, "--direct", "-n", "3", "-c", "3", "-m", "0.2")
        ran = await meshtui(*words, "--max-timeouts", "0", "--expect", "answered>0")
        assert ran.code == 1
        assert "expected at most 0 timeouts, got 3" in ran.err
        assert "expected answered > 0, got 0" in ran.err
        assert "3 × timed out" in ran.out
        assert (await meshtui(*words, "--max-timeouts", "3")).code == 0


async def test_runs_are_kept_listed_and_compared(lab):
    meshtui, _ = lab
    words = ("load", "rebel-base", "--from", "koornacht/x-wing", "-n", "20", "-o", "json")
    assert (await meshtui(*words)).code == 0
    ran = await meshtui("annotate", "rebel-base", "--context", "tion", "--shared", "false", "--yes")
    assert ran.code == 0
    assert (await meshtui(*words)).code == 0
    ran = await meshtui("load", "--history")
    assert ran.code == 0
    head, newest, oldest = ran.out.splitlines()
    assert head.startswith("RUN")
    assert newest.startswith("1 ")
    assert newest.endswith("tion shared: absent → false")
    assert oldest.startswith("2 ")
    kept = (await meshtui("load", "--history", "-o", "json")).data
    assert [run["summary"]["by_cluster"].get("tion", 0) > 0 for run in kept] == [False, True]
    for run in kept:
        fits(run, SCHEMA)
    ran = await meshtui("load", "--history", "--compare", "2", "1")
    assert ran.code == 0
    assert re.search(r"^by koornacht +\d+ \(\d+%\) +20 \(100%\)$", ran.out, re.MULTILINE)
    assert "tion shared: absent → false" in ran.out
    data = (await meshtui("load", "--history", "--compare", "2", "1", "-o", "json")).data
    assert data["changes"] == ["tion shared: absent → false"]
    assert (await meshtui("load", "--history", "--compare", "1", "9")).code == 2


async def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere():
    command = Command()
    async with listening(saying(b'{"Cluster": "Tion"}')) as url:
        words = ("load", url, "--direct", "--rate", "20", "--duration", "1", "-o", "json")
        ran = await command(*words)
        assert ran.err == ""
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "meshtui", *words, env=command.env, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        out, _ = await asyncio.wait_for(process.communicate(), GUARD)
    told = b""
    try:
        while data := os.read(master, 65536):
            told += data
    except OSError:
        pass  # Linux ends a pty whose other side is closed with EIO
    os.close(master)
    assert json.loads(out)[0]["summary"]["total"] == 20
    assert b"this machine" in told
    assert re.search(rb"\d+/20 \xe2\x97\x8f", told)
    assert b"\n" not in told
    assert told.endswith(b"\x1b[2K")
