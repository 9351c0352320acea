"""The embedded mesh is locked: loopback alone, nobody without credentials, nothing written outside its directory."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from meshtui.sim.api.registry import RESOURCES
from meshtui.sim.options import SimOptions
from meshtui.sim.serve import Mesh
from tests.waiting import GUARD

LOOPBACK = "0100007F"
"""127.0.0.1 in the kernel's way of writing."""
WATCHED = """
import os, sys
home = os.path.realpath(sys.argv[1])
def watch(event, args):
    if event == "open":
        path, mode, flags = args
        if not (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or not isinstance(path, (str, bytes)):
            return
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "shutil.copyfile"):
        path = args[0]
    else:
        return
    real = os.path.realpath(os.fsdecode(path))
    if not real.startswith(home) and real != os.devnull:
        os.write(2, f"WROTE {real}\\n".encode())
sys.addaudithook(watch)
sys.argv = ["meshtui.sim", sys.argv[2]]
from meshtui.sim.__main__ import main
main()
"""


async def serve(directory: Path) -> asyncio.subprocess.Process:
    """A mesh in a process whose every write outside the directory is told on stderr."""
    options = json.dumps({"directory": str(directory), "state": "global", "follow_parent": True})
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-B", "-c", WATCHED, str(directory), options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


def listening(pid: int) -> set[str]:
    """Local addresses of the process's listening TCP sockets, as /proc has them."""
    inodes = set()
    for handle in os.listdir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{pid}/fd/{handle}"))
        except FileNotFoundError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].partition(":")[0])
    return found


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")
async def test_it_listens_on_loopback_and_writes_in_its_directory_alone(tmp_path: Path) -> None:
    directory = tmp_path / "mesh"
    process = await serve(directory)
    assert process.stdout is not None
    ready = json.loads(await asyncio.wait_for(process.stdout.readline(), GUARD))
    assert listening(process.pid) == {LOOPBACK}
    await use(ready)
    assert [p.name for p in directory.iterdir()] == ["kubeconfig"]
    _, errors = await asyncio.wait_for(process.communicate(b""), GUARD)
    assert b"WROTE" not in errors, errors.decode()
    assert list(directory.iterdir()) == []


async def use(ready: dict[str, Any]) -> None:
    """A fault, a list and a pod's program, so that more than the start is watched."""
    async with aiohttp.ClientSession() as session:
        await session.post(f"{ready['control']}/faults", json={"fault": "link-cut"})
    from meshtui.kube.api import Api
    from meshtui.kube.exec import run

    async with await Api.connect("tion", Path(ready["kubeconfig"]), {}, request_timeout=10.0) as api:
        listed = await api.get_raw("/api/v1/namespaces/default/pods?labelSelector=name%3Dx-wing")
        pod = listed["items"][0]["metadata"]["name"]
        await run(api, "default", pod, ["sh", "-c", "echo text > /tmp/file; cat /tmp/file"], timeout=10.0)


def trust(mesh: Mesh) -> tuple[str, ssl.SSLContext]:
    """The first API server and what makes it trusted, without anything that proves who asks."""
    cluster = yaml.safe_load(mesh.kubeconfig.read_text())["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return cluster["server"], ssl.create_default_context(cadata=authority)


async def test_who_shows_no_credentials_gets_nothing(tmp_path: Path) -> None:
    async with Mesh(SimOptions(directory=tmp_path / "mesh")) as mesh:
        server, context = trust(mesh)
        prefixes = {f"/apis/{r.group}/{r.version}" if r.group else f"/api/{r.version}" for r in RESOURCES}
        paths = ["/", "/api", "/apis", "/version", "/healthz", "/livez", "/readyz", "/openapi/v3", "/nonsense"]
        paths += [f"{prefix}{rest}" for prefix in sorted(prefixes) for rest in ("", "/anything")]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                for path in paths:
                    async with session.request(method, server + path) as answer:
                        assert answer.status in (401, 403), f"{method} {path}"
            bearer = {"Authorization": "Bearer guess"}
            async with session.get(f"{server}/api/v1/pods", headers=bearer) as answer:
                assert answer.status == 401


async def test_the_control_url_is_nothing_without_its_token(tmp_path: Path) -> None:
    async with Mesh(SimOptions(directory=tmp_path / "mesh")) as mesh:
        base, _, token = mesh.ready()["control"].rpartition("/")
        assert len(token) >= 32
        async with aiohttp.ClientSession() as session:
            for method, path in (
                ("GET", "kinds"),
                ("GET", "faults"),
                ("POST", "faults"),
                ("DELETE", "faults"),
                ("POST", "users"),
            ):
                for guess in ("guess", token[:-1], token.upper()):
                    async with session.request(method, f"{base}/{guess}/{path}", json={"fault": "link-cut"}) as answer:
                        assert answer.status == 404
            async with session.get(f"{base}/{token}/faults") as answer:
                assert await answer.json() == {"faults": []}


async def test_another_clusters_credentials_open_nothing(tmp_path: Path) -> None:
    async with Mesh(SimOptions(directory=tmp_path / "mesh")) as mesh:
        token = yaml.safe_load(mesh.kubeconfig.read_text())["users"][1]["user"]["token"]
        server, context = trust(mesh)
        bearer = {"Authorization": f"Bearer {token}"}
        connector = aiohttp.TCPConnector(ssl=context)
        async with (
            aiohttp.ClientSession(connector=connector, headers=bearer) as session,
            session.get(f"{server}/api/v1/pods") as answer,
        ):
            assert answer.status == 401
