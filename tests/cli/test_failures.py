"""What the command line says, and ends with, when something is wrong: cause, next step, exit code, no traceback."""

import asyncio
import base64
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import ssl
import sys
from datetime import UTC, datetime, timedelta

import httpx
import trustme
import yaml

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command
from tests.waiting import GUARD


def broken(running, path, change):
    """A copy of the mesh's kubeconfig with something wrong in it."""
    document = yaml.safe_load(running.kubeconfig.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))
    return Command(str(path))


async def test_no_kubeconfig(meshtui):
    ran = await meshtui("status")
    assert (ran.code, ran.out) == (2, "")
    assert "kubeconfig" in ran.err
    assert "meshtui demo" in ran.err


async def test_an_empty_kubeconfig(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("")
    ran = await Command(str(empty))("nodes")
    assert ran.code == 2
    assert "next:" in ran.err


async def test_no_terminal_and_no_verb_is_usage(meshtui):
    for words in ((), ("demo",)):
        ran = await meshtui(*words)
        assert ran.code == 2
        assert "terminal" in ran.err


async def test_usage_mistakes(meshtui):
    for words in (("nosuchverb",), ("nodes", "--nosuchflag"), ("status", "-o", "xml"), ("services", "what")):
        ran = await meshtui(*words)
        assert ran.code == 2
        assert ran.err.startswith("meshtui: ")
        assert "next:" in ran.err
    ran = await meshtui("simulate", "--state", "nonsense")
    assert ran.code == 2
    assert "default-deny" in ran.err


async def test_config_files(tmp_path):
    config = tmp_path / "config.toml"
    command = Command(MESHTUI_CONFIG=str(config))
    assert (await command("info")).code == 2
    config.write_text("name_spaces = []")
    ran = await command("info")
    assert ran.code == 2
    assert "'namespaces'" in ran.err
    config.write_text("utc = yes")
    assert (await command("info")).code == 2
    config.write_text('request_timeout = 3\n[relays]\na = "h:1"')
    rows = {row["what"]: row for row in (await command("info", "-o", "json")).data["rows"]}
    assert rows["request_timeout"] == {"what": "request_timeout", "value": 3.0, "from": str(config)}
    assert rows["relays"]["value"] == ["a=h:1"]
    assert rows["utc"]["from"] == "default"


async def test_a_context_that_does_not_exist(lab):
    command, _ = lab
    ran = await command("status", "--context", "hoth")
    assert (ran.code, ran.out) == (2, "")
    assert "koornacht" in ran.err


async def test_an_unreachable_api_server(lab, tmp_path):
    _, running = lab
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"https://127.0.0.1:{taken.getsockname()[1]}"

        def all_nowhere(document):
            for cluster in document["clusters"]:
                cluster["cluster"]["server"] = nowhere

        command = broken(running, tmp_path / "all", all_nowhere)
        for verb in ("status", "nodes"):
            ran = await command(verb, "--request-timeout", "3s")
            assert ran.code == 3
            assert "next:" in ran.err

        def one_nowhere(document):
            document["clusters"][0]["cluster"]["server"] = nowhere

        command = broken(running, tmp_path / "one", one_nowhere)
        ran = await command("nodes", "-o", "json", "--request-timeout", "3s")
        assert ran.code == 1
        assert [row["cluster"] for row in ran.data] == ["tion"]
        assert "koornacht" in ran.err
        ran = await command("status", "-o", "json", "--request-timeout", "3s")
        assert ran.code == 1
        assert {row["cluster"]: row["problem"] is None for row in ran.data["clusters"]}["koornacht"] is False


async def test_a_server_that_never_answers_is_a_timeout(lab, tmp_path):
    _, running = lab

    async def hold(reader, writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def silent(document):
        for cluster in document["clusters"]:
            cluster["cluster"]["server"] = address

    try:
        ran = await broken(running, tmp_path / "silent", silent)("nodes", "--request-timeout", "1")
    finally:
        server.close()
    assert ran.code == 4
    assert "next:" in ran.err


async def test_credentials_that_are_not_accepted(lab, tmp_path):
    _, running = lab

    def stranger(document):
        for user in document["users"]:
            user["user"] = {"token": "not-a-token"}

    ran = await broken(running, tmp_path / "stranger", stranger)("status")
    assert ran.code == 3
    assert "not-a-token" not in ran.err
    assert "next:" in ran.err


async def test_a_certificate_of_somebody_else(lab, tmp_path):
    _, running = lab

    def distrust(document):
        for cluster in document["clusters"]:
            cluster["cluster"].pop("certificate-authority-data", None)
            cluster["cluster"].pop("certificate-authority", None)

    ran = await broken(running, tmp_path / "distrust", distrust)("nodes")
    assert ran.code == 3
    assert "certificate" in ran.err.lower()


async def test_an_expired_certificate(lab, tmp_path):
    _, running = lab
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(context)

    async def never(reader, writer):
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0, ssl=context)

    def old(document):
        for cluster in document["clusters"]:
            pem = base64.b64encode(authority.cert_pem.bytes()).decode()
            port = server.sockets[0].getsockname()[1]
            cluster["cluster"] = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": pem}

    try:
        ran = await broken(running, tmp_path / "old", old)("nodes", "--request-timeout", "5")
    finally:
        server.close()
    assert ran.code == 3
    assert "expired" in ran.err
    assert "next:" in ran.err


async def test_one_resource_forbidden_leaves_the_rest(lab):
    command, running = lab
    async with httpx.AsyncClient(timeout=GUARD) as http:
        fault = {"fault": "forbid", "cluster": "tion", "resource": "ciliumnetworkpolicies"}
        assert (await http.post(f"{running.control}/faults", json=fault)).status_code == 201
    ran = await command("policies", "-o", "json")
    assert ran.code == 1
    assert "ciliumnetworkpolicies" in ran.err
    assert "tion" in ran.err
    assert "can-i" in ran.err
    ran = await command("services", "--meshed", "-o", "json")
    assert {row["cluster"] for row in ran.data} == {"koornacht", "tion"}
    ran = await command("load", "rebel-base", "-n", "2", "-o", "json")
    assert ran.code == 0
    assert [run["summary"]["answered"] for run in ran.data] == [2, 2]


async def test_no_relay_still_answers_and_says_so(lab):
    command, running = lab
    async with httpx.AsyncClient(timeout=GUARD) as http:
        for cluster in ("koornacht", "tion"):
            fault = {"fault": "relay-down", "cluster": cluster}
            assert (await http.post(f"{running.control}/faults", json=fault)).status_code == 201
    ran = await command("load", "rebel-base", "-n", "4", "-o", "json")
    assert ran.code == 0
    assert [run["summary"]["answered"] for run in ran.data] == [4, 4]
    ran = await command("status", "-o", "json")
    assert ran.code == 1
    assert all("relay" in json.dumps(cluster).lower() for cluster in ran.data["clusters"])


async def test_one_of_three_is_down():
    async with launch(SimOptions(clusters=3)) as running:
        command = Command(str(running.kubeconfig))
        async with httpx.AsyncClient(timeout=GUARD) as http:
            fault = {"fault": "api-down", "cluster": "tion"}
            assert (await http.post(f"{running.control}/faults", json=fault)).status_code == 201
        ran = await command("nodes", "-o", "json", "--request-timeout", "3s")
        assert ran.code == 1
        assert {row["cluster"] for row in ran.data} == {"koornacht", "naboo"}
        assert "tion" in ran.err
        ran = await command("load", "rebel-base", "-n", "3", "-o", "json", "--request-timeout", "3s")
        assert [run["from"]["cluster"] for run in ran.data] == ["koornacht", "naboo"]
        assert [run["summary"]["answered"] for run in ran.data] == [3, 3]
        assert "tion" in ran.err


async def test_an_interrupt_is_quiet(lab):
    command, _ = lab
    process = await command.begin("flows", "--follow")
    line = await asyncio.wait_for(process.stdout.readline(), GUARD)
    assert line
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), GUARD)
    assert process.returncode == 130
    assert b"Traceback" not in err


async def test_a_closed_pipe_is_quiet(lab):
    command, _ = lab
    shell = f"set -o pipefail; {shlex.quote(sys.executable)} -m meshtui flows --follow | head -n 1"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", shell, env=command.env, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), GUARD)
    assert out.count(b"\n") == 1
    assert err == b""
    assert process.returncode != 0


async def test_a_crash_leaves_one_file_that_says_where_but_not_what(tmp_path):
    program = (
        "import sys\nfrom meshtui.cli import main, info\n"
        "def fail(*_):\n    local = 'hunter3'\n    raise RuntimeError('token=hunter2')\n"
        "info.main = fail\nsys.exit(main.run(['info']))\n"
    )
    state = tmp_path / "state"
    for variables in ({}, {"MESHTUI_DEBUG": "1"}):
        shutil.rmtree(state, ignore_errors=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env={**os.environ, **variables, "MESHTUI_STATE_DIRECTORY": str(state)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), GUARD)
        assert (process.returncode, out) == (1, b"")
        assert b"meshtui crashed: RuntimeError" in err
        [kept] = state.glob("crash-*.txt")
        assert str(kept).encode() in err
        assert kept.stat().st_mode & 0o777 == 0o600
        text = kept.read_text()
        assert "in fail" in text
        assert "command: meshtui info" in text
        for secret in ("hunter2", "hunter3"):
            assert secret not in err.decode()
            assert secret not in text


async def test_a_config_path_that_is_a_directory_is_usage(tmp_path):
    ran = await Command(MESHTUI_CONFIG=str(tmp_path))("info")
    assert ran.code == 2
    assert "next:" in ran.err


async def test_no_cilium_is_a_stated_fact(tmp_path):
    async with launch(SimOptions(state="no-cni")) as running:
        ran = await Command(str(running.kubeconfig))("status", "-o", "json")
    assert ran.code == 1
    for cluster in ran.data["clusters"]:
        assert cluster["problem"]
        assert cluster["nodes"] == {"ready": 0, "total": 1}
