"""No credential in any word, log or repr: every shape it can have, through every way to fail."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import random
import socket
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from meshtui.cli import main, words
from meshtui.core.errors import MeshtuiError, RelayUnreachable
from meshtui.core.load.run import new_run
from meshtui.core.load.spec import LoadSpec
from meshtui.core.model import resources as r
from meshtui.core.model.state import Mesh
from meshtui.core.text import HIDDEN, discreet
from meshtui.kube.api import Api
from meshtui.kube.clock import SystemClock
from meshtui.kube.exec import run
from meshtui.kube.logins import Logins
from meshtui.kube.portforward import forward
from meshtui.kube.secrets import Secrets
from meshtui.kube.watch import follow
from meshtui.mesh import crash
from tests.kube.fake import FakeApi, failure, server_tls, serving
from tests.kube.proxy import proxying
from tests.waiting import until

SECRET = "Qz7-s3cr3t.Xk29_vW84hJmPt6RyBn5LcD"
"""Long, of mixed letters, as tokens are."""
PIECE = 8
"""So many letters of it in a row are a leak."""


def leaks(text: str) -> list[str]:
    """Pieces of the secret, or of its base64, that `text` holds."""
    forms = (
        SECRET,
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.b64encode(f"ann:{SECRET}".encode()).decode(),
    )
    return [form[i : i + PIECE] for form in forms for i in range(len(form) - PIECE + 1) if form[i : i + PIECE] in text]


def key_pair(secret_key: bool = True) -> dict[str, str]:
    leaf = trustme.CA().issue_cert("ann@example.org")
    cert, key = leaf.cert_chain_pems[0].bytes(), leaf.private_key_pem.bytes()
    return {
        "client-certificate-data": base64.b64encode(cert).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }


def plugin(folder: Path, body: str, **extra: Any) -> dict[str, Any]:
    script = folder / "plugin.py"
    script.write_text("import json, os, sys\n" + body)
    spec = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(script)]}
    return {"exec": {**spec, **extra}}


def gives(status: dict[str, Any]) -> str:
    document = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"print({json.dumps(json.dumps(document))})\n"


SHAPES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "token": lambda _: {"token": SECRET},
    "token with a line break at its end": lambda _: {"token": SECRET + "\n"},
    "token with a line break": lambda _: {"token": SECRET[:16] + "\n" + SECRET[16:]},
    "token that is not ASCII": lambda _: {"token": SECRET + "é"},
    "token with a control character": lambda _: {"token": SECRET + "\x00"},
    "token file": lambda folder: (folder / "t").write_text(SECRET + "é\n") and {"tokenFile": "t"},
    "basic auth": lambda _: {"username": "ann", "password": SECRET},
    "basic auth that is not ASCII": lambda _: {"username": "ann", "password": SECRET + "é\n"},
    "client key that is no key": lambda _: {
        **key_pair(),
        "client-key-data": base64.b64encode(SECRET.encode()).decode(),
    },
    "client key that is not base64": lambda _: {**key_pair(), "client-key-data": SECRET + "!!"},
    "impersonation": lambda _: {"token": "x", "as": "ann", "as-user-extra": {"session": [SECRET]}},
    "impersonation with a line break": lambda _: {
        "token": "x",
        "as": "ann",
        "as-user-extra": {"session": [SECRET + "\n"]},
    },
    "plugin's token": lambda folder: plugin(folder, gives({"token": SECRET})),
    "plugin's token with a line break": lambda folder: plugin(
        folder, gives({"token": SECRET[:16] + "\r\n" + SECRET[16:]})
    ),
    "plugin's output": lambda folder: plugin(folder, f"print({SECRET!r})\n"),
    "plugin's output and failure": lambda folder: plugin(
        folder, gives({"token": SECRET}) + f"sys.exit('got {SECRET}')\n"
    ),
    "plugin's stderr": lambda folder: plugin(folder, f"sys.exit('Authorization: Bearer {SECRET}')\n"),
    "plugin's stderr, bare": lambda folder: plugin(folder, f"sys.exit('x' * 390 + ' {SECRET} is refused')\n"),
    "plugin's environment": lambda folder: plugin(
        folder, "sys.exit(os.environ['CLIENT_SECRET'])\n", env=[{"name": "CLIENT_SECRET", "value": SECRET}]
    ),
    "plugin's arguments": lambda _: {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "no-such-plugin",
            "args": ["--client-secret", SECRET, f"--password={SECRET}"],
        }
    },
    "plugin's answer of another kind": lambda folder: plugin(folder, f"print(json.dumps({{'kind': {SECRET!r}}}))\n"),
    "auth-provider": lambda _: {"auth-provider": {"name": "gcp", "config": {"access-token": SECRET}}},
    "auth-provider oidc": lambda _: {
        "auth-provider": {
            "name": "oidc",
            "config": {
                "id-token": SECRET,
                "refresh-token": SECRET,
                "client-secret": SECRET,
                "idp-issuer-url": "http://127.0.0.1:1",
            },
        }
    },
}


def echo(status: int) -> Callable[[web.Request], web.StreamResponse]:
    """A server that says back what it was sent, as some gateways do."""

    def answer(request: web.Request) -> web.StreamResponse:
        sent = "\n".join(f"{key}: {value}" for key, value in request.headers.items())
        text = "x" * 290 + sent + json.dumps(dict(request.headers))
        headers = {"Location": f"https://sso.example.org/?token={SECRET}"} if 300 <= status < 400 else {}
        return web.Response(status=status, text=text, headers=headers)

    return answer


class Echo(FakeApi):
    """Its every answer is one of these."""

    status = 500
    as_status = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.as_status:
            sent = " ".join(request.headers.values())
            return web.json_response(failure(self.status, "Odd", f"I was sent {sent}"), status=self.status)
        return echo(self.status)(request)


@asynccontextmanager
async def server(how: str, folder: Path) -> AsyncIterator[tuple[FakeApi, dict[str, Any]]]:
    """An API server that fails in one way, and what the cluster says besides."""
    fake = Echo()
    if how.startswith("echo"):
        fake.status = int(how.split()[1])
        fake.as_status = how.endswith("status")
        async with serving(fake):
            yield fake, {}
    elif how == "wrong certificate":
        async with serving(fake, server_tls(trustme.CA())):
            yield fake, {}
    elif how == "nobody":
        with socket.create_server(("127.0.0.1", 0)) as taken:
            fake.port = taken.getsockname()[1]
        yield fake, {}
    elif how == "userinfo":
        async with serving(fake):
            yield fake, {"server": f"https://ann:{SECRET}@127.0.0.1:{fake.port}"}
    elif how == "no address":
        yield fake, {"server": f"https://ann:{SECRET}@"}
    elif how.startswith("proxy "):
        kind = how.split()[1]
        async with serving(fake), proxying(kind, "ann:another") as proxy:
            yield fake, {"proxy-url": f"{kind}://ann:{SECRET}@127.0.0.1:{proxy.port}"}
    elif how == "proxy-url":
        yield fake, {"proxy-url": f"gopher://ann:{SECRET}@127.0.0.1:1"}


FAILURES = (
    "echo 200", "echo 302", "echo 400", "echo 401", "echo 403", "echo 404", "echo 409", "echo 500", "echo 503",
    "echo 403 as status", "echo 500 as status", "wrong certificate", "nobody", "userinfo", "no address",
    "proxy http", "proxy socks5", "proxy-url",
)  # fmt: skip


async def everything(path: Path, out: list[str]) -> None:
    """All that a session does with an API server, and all that can be printed of what went wrong."""
    logins = Logins(tell=lambda _, awaited: out.extend(told(awaited)))
    try:
        api = await Api.connect("k", path, os.environ, request_timeout=5, logins=logins)
    except Exception as error:  # noqa: BLE001
        out.extend(told(error))
        return
    async with api:
        out.append(repr(api.connection) + repr(vars(api)) + repr(api.connection.source) + repr(api.connection.secrets))

        async def one(call: Any) -> None:
            try:
                await call
            except Exception as error:  # noqa: BLE001
                out.extend(told(error))

        async def tunnel() -> None:
            async with forward(api, "default", "x", 80):
                pass

        async def watch() -> None:
            said: list[Any] = []
            task = asyncio.create_task(
                follow(api, r.PODS, said.append, clock=SystemClock(), rng=random.Random(0), sleep=asyncio.Event().wait)
            )
            try:
                await until(lambda: said)
            finally:
                task.cancel()
            for event in said:
                out.append(repr(event))
                out.extend(told(event.error) if getattr(event, "error", None) else [])

        for call in (api.version(), api.list_all(r.PODS), run(api, "default", "x", ["true"]), tunnel(), watch()):
            await one(call)


def told(error: BaseException) -> Iterator[str]:
    """All that anybody could print of a failure."""
    yield from (str(error), repr(error), repr(error.args), repr(vars(error)))
    yield "".join(traceback.format_exception(error))
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=False).format())


EARLY = ("plugin", "auth-provider", "client key", "impersonation with")
"""Shapes that fail before a server is asked: one that echoes and one that is not there say all."""
PAIRS = [
    (shape, how)
    for shape in SHAPES
    for how in FAILURES
    if not shape.startswith(EARLY) or how in ("echo 401", "nobody", "userinfo")
]


@pytest.mark.parametrize(("shape", "how"), PAIRS)
async def test_nothing_of_a_credential_gets_out(tmp_path, caplog, capfd, shape, how):
    out: list[str] = []
    user = SHAPES[shape](tmp_path)
    async with server(how, tmp_path) as (fake, cluster):
        path = fake.kubeconfig(tmp_path, user=user, cluster=cluster)
        with caplog.at_level(logging.DEBUG):
            await everything(path, out)
    assert out
    for error in out:
        assert leaks(error) == [], error
    assert leaks(caplog.text) == []
    captured = capfd.readouterr()
    assert leaks(captured.out + captured.err) == []


@pytest.mark.parametrize("shape", ["token", "token with a line break at its end"])
async def test_a_token_with_a_line_break_at_its_end_is_sent_without(tmp_path, shape):
    fake = FakeApi(tokens={SECRET})
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    async with serving(fake):
        path = fake.kubeconfig(tmp_path, user=SHAPES[shape](tmp_path))
        async with await Api.connect("k", path, {}, request_timeout=5) as api:
            assert await api.version() == "1.36.2"


@pytest.mark.parametrize(
    ("shape", "cause"),
    [
        ("token with a line break", "it holds a space, a line break or a control character in the middle"),
        ("token that is not ASCII", "it holds a letter that is not ASCII in the middle"),
        ("token file", "it holds a letter that is not ASCII in the middle"),
    ],
)
async def test_a_token_that_cannot_be_sent_is_told_without_it(tmp_path, shape, cause):
    path = FakeApi(port=1).kubeconfig(tmp_path, user=SHAPES[shape](tmp_path))
    with pytest.raises(MeshtuiError) as caught:
        await Api.connect("k", path, {}, request_timeout=5)
    assert caught.value.cause == cause
    assert "copy the token again" in caught.value.hint


@given(
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60),
    st.text(max_size=30),
    st.integers(min_value=5, max_value=80),
)
def test_a_known_secret_is_hidden_whole_wherever_words_are_cut(secret, around, limit):
    secrets = Secrets()
    secrets.keep(secret)
    shown = secrets.words(around + secret + around + secret, limit)
    assert secret not in shown
    # What is left of it is no more than what stands around it, or our own word for it, has by itself.
    for start in range(len(secret) - 5):
        piece = secret[start : start + 6]
        assert piece not in shown or piece in around + HIDDEN + around


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"Illegal header value b'Bearer {SECRET}\\n'",
        f'{{"token": "{SECRET}", "x": 1}}',
        f"https://ann:{SECRET}@example.org/path",
        f"--client-secret={SECRET}",
        f"refresh_token={SECRET}&x=1",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        "eyJhbGciOiJIUzI1NiJ9.Qz7-s3cr3t.Xk29_vW84hJmPt6RyBn5LcD",
        f"password: {SECRET}",
    ],
)
def test_what_looks_like_a_credential_is_in_no_failure_whoever_raises_it(text, capsys):
    error = RelayUnreachable(text, context="k", cause=text, hint=text)
    assert leaks("".join(told(error))) == []
    words.unexpected(RuntimeError(text))
    assert leaks(crash.report(RuntimeError(text), ["load", "-H", f"X-Own: {SECRET}", f"--data={SECRET}"], {})) == []
    assert leaks(capsys.readouterr().err) == []


@pytest.mark.parametrize(
    "text",
    [
        "its token has expired: log in", "cannot read tokenFile: no such file", "bearer tokens are short",
        "the token: it has a line break", "set tls-server-name", "https://example.org/?x=1",
        "To sign in, open https://login.example.test/device?user_code=ABC-123 and enter the code ABC-123",
    ],
)  # fmt: skip
def test_sentences_about_credentials_stay(text):
    assert discreet(text) == text
    assert Secrets().plugin_words(text) == text


def test_a_load_tests_record_holds_neither_headers_nor_what_stands_in_its_url():
    spec = LoadSpec(f"http://ann:{SECRET}@x.example/?token={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
    assert leaks(json.dumps(new_run(Mesh(), spec).document())) == []


def test_extras_of_an_impersonation_are_not_listed_among_the_settings(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("MESHTUI_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")
    assert main.run(["info", "--as-user-extra", f"session={SECRET}"]) == 0
    told = capsys.readouterr().out
    assert "session" in told
    assert leaks(told) == []
