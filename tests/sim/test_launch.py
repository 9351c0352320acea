"""A launched mesh: what it says, what it leaves behind, when it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys

import aiohttp
import pytest

from meshtui.core.errors import MeshtuiError
from meshtui.sim import SimOptions, launch
from tests.waiting import GUARD


async def test_ready_says_where_everything_is():
    async with launch() as running:
        assert running.contexts == ["koornacht", "tion"]
        assert set(running.relays) == {"koornacht", "tion"}
        assert all(address.startswith("127.0.0.1:") for address in running.relays.values())
        assert stat.S_IMODE(running.kubeconfig.stat().st_mode) == 0o600
        assert stat.S_IMODE(running.kubeconfig.parent.stat().st_mode) == 0o700
    assert not running.kubeconfig.parent.exists()


async def test_more_clusters_and_a_given_directory(tmp_path):
    options = SimOptions(clusters=3, directory=tmp_path / "mesh")
    async with launch(options) as running:
        assert running.contexts == ["koornacht", "tion", "naboo"]
        assert running.kubeconfig == tmp_path / "mesh" / "kubeconfig"
    assert list((tmp_path / "mesh").iterdir()) == []


async def test_faults_and_users_by_the_control_url():
    async with launch() as running, aiohttp.ClientSession() as session:
        url = f"{running.control}/faults"
        async with session.post(url, json={"fault": "link-cut"}) as answer:
            assert answer.status == 201
        async with session.get(url) as answer:
            assert await answer.json() == {"faults": [{"fault": "link-cut"}]}
        async with session.post(url, json={"fault": "nonsense"}) as answer:
            assert answer.status == 400
            assert "known:" in await answer.text()
        async with session.delete(f"{url}/link-cut") as answer:
            assert await answer.json() == {"faults": []}
        async with session.post(f"{running.control}/users", json={"name": "eve"}) as answer:
            assert set((await answer.json())["tokens"]) == {"koornacht", "tion"}
        base, _, _ = running.control.rpartition("/")
        async with session.get(f"{base}/wrong-token/faults") as answer:
            assert answer.status == 404


async def test_a_state_that_does_not_exist():
    with pytest.raises(MeshtuiError) as failure:
        async with launch(SimOptions(state="nonsense")):
            pass
    assert "unknown state 'nonsense'" in failure.value.cause


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_cleans_up(tmp_path, number):
    text = json.dumps({"directory": str(tmp_path / "mesh")})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "meshtui.sim", text, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), GUARD)
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), GUARD) == 0
    assert list((tmp_path / "mesh").iterdir()) == []


async def test_it_does_not_outlive_who_launched_it():
    program = (
        "import asyncio, os\n"
        "from meshtui.sim import launch\n"
        "async def main():\n"
        "    async with launch() as running:\n"
        "        print(running.control, flush=True)\n"
        "        os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    control = (await asyncio.wait_for(process.stdout.readline(), GUARD)).decode().strip()
    assert await asyncio.wait_for(process.wait(), GUARD) == 9
    port = int(control.split(":")[2].split("/")[0])

    async def gone():
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # it ends at this very moment
                continue
            writer.close()
            await asyncio.sleep(0.01)

    await asyncio.wait_for(gone(), GUARD)
