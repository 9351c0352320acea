"""Client certificates, tokens and plugins: kept fresh, off the terminal, off the disk, out of every text."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import pty
import ssl
import sys
import tempfile
from pathlib import Path

import pytest
import trustme

from meshtui.core.errors import ConfigError, CredentialFailed, MeshtuiError, Unauthorized
from meshtui.core.model import resources as r
from meshtui.kube.api import Api
from meshtui.kube.exec import run
from tests.clocks import HandClock
from tests.kube.fake import TOKEN, FakeApi, failure, frames, server_tls, serving
from tests.waiting import alive, until


@pytest.fixture(autouse=True)
def version(fake):
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}


def plugin(folder: Path, body: str, **extra) -> dict:
    """An exec plugin: a Python script that counts its runs and then does `body`."""
    script = folder / "plugin.py"
    count = folder / "runs"
    script.write_text(
        "import json, os, sys, time\n"
        f"open({str(count)!r}, 'a').write('x')\n"
        f"runs = os.path.getsize({str(count)!r})\n"
        "def give(**status):\n"
        "    print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',"
        " 'status': status}))\n" + body
    )
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
            "interactiveMode": "IfAvailable",
            **extra,
        }
    }


def runs(folder: Path) -> int:
    return (folder / "runs").stat().st_size


async def connect(path: Path, **options) -> Api:
    return await Api.connect("k", path, os.environ, **{"request_timeout": 10, **options})


def client_pair(authority: trustme.CA) -> tuple[bytes, bytes]:
    leaf = authority.issue_cert("someone@example.org")
    return leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()


def mutual(authority: trustme.CA) -> ssl.SSLContext:
    context = server_tls(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("inline", [True, False])
async def test_client_certificates_inline_and_by_relative_file(tmp_path, monkeypatch, inline):
    # A folder of its own: other programs of ours on this machine have theirs in the usual one.
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    fake = FakeApi(tokens=set())
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    cert, key = client_pair(fake.authority)
    if inline:
        user = {
            "client-certificate-data": base64.b64encode(cert).decode(),
            "client-key-data": base64.b64encode(key).decode(),
        }
    else:
        (tmp_path / "c.pem").write_bytes(cert)
        (tmp_path / "k.pem").write_bytes(key)
        user = {"client-certificate": "c.pem", "client-key": "k.pem"}
    async with serving(fake, mutual(fake.authority)), await connect(fake.kubeconfig(tmp_path, user=user)) as api:
        assert await api.version() == "1.36.2"
        assert not list(temporary.iterdir())


async def test_token_file_is_read_again(fake, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    clock = HandClock()
    async with await connect(fake.kubeconfig(tmp_path, user={"tokenFile": "token"}), clock=clock) as api:
        assert await api.version() == "1.36.2"
        fake.tokens = {"rotated"}
        (tmp_path / "token").write_text("rotated")
        clock.time += 61
        assert await api.version() == "1.36.2"
    assert not [q for q in fake.requests if q.headers["Authorization"] == "Bearer rotated"][1:]


async def test_basic_auth_and_impersonation(fake, tmp_path):
    fake.anonymous = True
    user = {
        "username": "u",
        "password": "p",
        "as": "leia",
        "as-uid": "7",
        "as-groups": ["rebels", "council"],
        "as-user-extra": {"reason": ["why"]},
    }
    async with await connect(fake.kubeconfig(tmp_path, user=user)) as api:
        await api.version()
    headers = fake.requests[-1].headers
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert headers["Impersonate-User"] == "leia"
    assert headers["Impersonate-Uid"] == "7"
    assert headers.getall("Impersonate-Group") == ["rebels", "council"]
    assert headers["Impersonate-Extra-reason"] == "why"


async def test_a_plugins_token_is_used_for_requests_and_sockets(fake, tmp_path, recordings):
    sessions = json.loads((recordings / "protocol/websocket.json").read_text())
    fake.sockets["/api/v1/namespaces/default/pods/x/exec"] = frames(sessions["exec ok v5.channel.k8s.io"])
    user = plugin(tmp_path, f"give(token={TOKEN!r})")
    async with await connect(fake.kubeconfig(tmp_path, user=user)) as api:
        await api.version()
        await run(api, "default", "x", ["true"])
    assert runs(tmp_path) == 1


async def test_a_plugins_certificate(tmp_path):
    fake = FakeApi(tokens=set())
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    cert, key = client_pair(fake.authority)
    body = f"give(clientCertificateData={cert.decode()!r}, clientKeyData={key.decode()!r})"
    async with serving(fake, mutual(fake.authority)):
        api = await connect(fake.kubeconfig(tmp_path, user=plugin(tmp_path, body)))
        async with api:
            assert await api.version() == "1.36.2"


async def test_a_plugin_gets_no_terminal_no_stdin_and_its_chatter_stays_away(fake, tmp_path, capfd):
    body = (
        "found = []\n"
        "for path in ('/dev/tty',):\n"
        "    try:\n"
        "        open(path, 'w').write('CHATTER'); found.append(path)\n"
        "    except OSError: pass\n"
        "found.append('stdin:' + sys.stdin.read())\n"
        "print('CHATTER', file=sys.stderr)\n"
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "found.append(str(info['spec']['interactive']))\n"
        "found.append(str([os.isatty(fd) for fd in range(3)]))\n"
        f"open({str(tmp_path / 'found')!r}, 'w').write(json.dumps(found))\n"
        f"give(token={TOKEN!r})\n"
    )
    user = plugin(tmp_path, body)
    async with await connect(fake.kubeconfig(tmp_path, user=user)) as api:
        await api.version()
    found = json.loads((tmp_path / "found").read_text())
    assert found == ["stdin:", "False", "[False, False, False]"]
    assert "CHATTER" not in "".join(capfd.readouterr())


def test_on_a_real_terminal_nothing_of_the_plugin_reaches_it(tmp_path):
    """Everything again in a process whose controlling terminal is a pty that we read."""
    user = plugin(
        tmp_path,
        "try: open('/dev/tty', 'w').write('CHATTER')\nexcept OSError: pass\n"
        "print('CHATTER', file=sys.stderr)\nsys.exit('CHATTER')\n",
    )
    path = FakeApi(port=1).kubeconfig(tmp_path, user=user)
    code = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom meshtui.kube.api import Api\n"
        f"call = Api.connect('k', Path({str(path)!r}), os.environ, request_timeout=20)\n"
        "try: asyncio.run(call)\n"
        "except Exception as error: print('ENDED', type(error).__name__)\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    output = b""
    try:
        while chunk := os.read(terminal, 4096):
            output += chunk
    except OSError:
        pass
    os.waitpid(pid, 0)
    os.close(terminal)
    assert output.strip() == b"ENDED CredentialFailed"


async def test_a_failing_plugin_is_told_with_its_own_words_cleaned(fake, tmp_path):
    user = plugin(tmp_path, "sys.stderr.write('token has \\x1b[31mexpired, log in'); sys.exit(3)")
    with pytest.raises(CredentialFailed) as caught:
        await connect(fake.kubeconfig(tmp_path, user=user))
    assert "log in" in caught.value.cause
    assert caught.value.cause.isprintable()
    assert caught.value.exit_code == 3


async def test_a_missing_plugin_shows_its_install_hint(fake, tmp_path):
    user = plugin(tmp_path, "", command="no-such-plugin", installHint="brew install no-such-plugin")
    with pytest.raises(CredentialFailed) as caught:
        await connect(fake.kubeconfig(tmp_path, user=user))
    assert caught.value.hint == "brew install no-such-plugin"


@pytest.mark.parametrize("body", ["print('hello')", "give()", "print('{}')", "give(token=None)"])
async def test_nonsense_from_a_plugin(fake, tmp_path, body):
    with pytest.raises(CredentialFailed):
        await connect(fake.kubeconfig(tmp_path, user=plugin(tmp_path, body)))


HANG = (
    "import subprocess\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "open(os.environ['PIDS'] + '~', 'w').write(f'{os.getpid()} {child.pid}')\n"
    "os.rename(os.environ['PIDS'] + '~', os.environ['PIDS'])\n"
    "time.sleep(600)\n"
)


async def test_a_plugin_that_hangs_is_timed_out(fake, tmp_path):
    user = plugin(tmp_path, "time.sleep(600)")
    with pytest.raises(CredentialFailed) as caught:
        await connect(fake.kubeconfig(tmp_path, user=user), request_timeout=0.3)
    assert caught.value.cause == "it did not finish within 0.3 s"


async def test_a_plugin_that_is_given_up_is_ended_with_all_it_started(fake, tmp_path):
    pids = tmp_path / "pids"
    user = plugin(tmp_path, HANG, env=[{"name": "PIDS", "value": str(pids)}])
    task = asyncio.create_task(connect(fake.kubeconfig(tmp_path, user=user), request_timeout=60))
    await until(pids.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for pid in map(int, pids.read_text().split()):
        await until(lambda pid=pid: not alive(pid))


async def test_an_expired_token_is_fetched_again_by_one_run_for_all(fake, tmp_path):
    clock = HandClock()
    stamp = "time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(1_800_000_000 + 600 * runs))"
    user = plugin(tmp_path, f"give(token={TOKEN!r}, expirationTimestamp={stamp})")
    async with await connect(fake.kubeconfig(tmp_path, user=user), clock=clock) as api:
        await api.version()
        assert runs(tmp_path) == 1
        clock.time += 595
        await asyncio.gather(*(api.version() for _ in range(8)))
        assert runs(tmp_path) == 2


async def test_a_token_that_comes_expired_does_not_run_the_plugin_for_every_request(fake, tmp_path):
    user = plugin(tmp_path, f"give(token={TOKEN!r}, expirationTimestamp='2020-01-01T00:00:00Z')")
    clock = HandClock()
    async with await connect(fake.kubeconfig(tmp_path, user=user), clock=clock) as api:
        for _ in range(3):
            await api.version()
        assert runs(tmp_path) == 1
        clock.time += 6
        await api.version()
        assert runs(tmp_path) == 2


async def test_all_who_wait_for_a_failing_plugin_share_its_failure(fake, tmp_path):
    body = f"give(token={TOKEN!r}, expirationTimestamp='2020-01-01T00:00:00Z') if runs == 1 else sys.exit('log in')"
    clock = HandClock()
    async with await connect(fake.kubeconfig(tmp_path, user=plugin(tmp_path, body)), clock=clock) as api:
        clock.time += 60
        results = await asyncio.gather(*(api.version() for _ in range(6)), return_exceptions=True)
        assert {type(result) for result in results} == {CredentialFailed}
        assert "log in" in results[0].cause
        assert runs(tmp_path) == 2


async def test_a_401_fetches_once_more_and_only_once(fake, tmp_path):
    fake.tokens = {"token-2"}
    user = plugin(tmp_path, "give(token=f'token-{runs}')")
    clock = HandClock()
    async with await connect(fake.kubeconfig(tmp_path, user=user), clock=clock) as api:
        results = await asyncio.gather(*(api.version() for _ in range(6)))
        assert results == ["1.36.2"] * 6
        assert runs(tmp_path) == 2
        fake.tokens = {"never"}
        for _ in range(3):
            with pytest.raises(Unauthorized):
                await api.version()
        assert runs(tmp_path) == 2
        clock.time += 31
        with pytest.raises(Unauthorized):
            await api.version()
        assert runs(tmp_path) == 3


async def test_a_401_on_a_handshake_fetches_once_more(fake, tmp_path, recordings):
    sessions = json.loads((recordings / "protocol/websocket.json").read_text())
    fake.sockets["/api/v1/namespaces/default/pods/x/exec"] = frames(sessions["exec ok v5.channel.k8s.io"])
    fake.tokens = {"token-2"}
    user = plugin(tmp_path, "give(token=f'token-{runs}')")
    async with await connect(fake.kubeconfig(tmp_path, user=user)) as api:
        assert (await run(api, "default", "x", ["true"])).exit_code == 0


async def test_no_credential_in_any_log_repr_or_error(fake, tmp_path, caplog):
    secret = "s3cr3t-t0ken-value"
    user = {"token": secret}
    fake.refuse("GET /version", (500, failure(500, "InternalError", "no")))
    texts = []
    with caplog.at_level(logging.DEBUG):
        async with await connect(fake.kubeconfig(tmp_path, user=user)) as api:
            for call in (api.version(), run(api, "default", "x", ["true"]), api.list_all(r.NODES)):
                try:
                    await call
                except MeshtuiError as error:
                    texts += [repr(error), str(error), repr(vars(error))]
            source = api.connection.source
            texts += [repr(source), repr(source._current), repr(source._target), repr(api.connection)]
    assert texts
    assert secret not in "".join(texts) + caplog.text


@pytest.mark.parametrize(
    ("user", "title"),
    [
        ({"client-certificate-data": "!!!not base64"}, "is not base64"),
        ({"client-certificate": "nope.pem", "client-key": "nope.pem"}, "cannot read client-certificate"),
        ({"client-key-data": base64.b64encode(b"x").decode()}, "has a client-key but no client-certificate"),
        (
            {
                "client-certificate-data": base64.b64encode(b"junk").decode(),
                "client-key-data": base64.b64encode(b"junk").decode(),
            },
            "cannot be used",
        ),
    ],
)
async def test_broken_credentials_are_configuration_errors(fake, tmp_path, user, title):
    with pytest.raises(ConfigError, match=title):
        await connect(fake.kubeconfig(tmp_path, user=user))
