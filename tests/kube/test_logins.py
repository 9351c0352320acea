"""Plugins that ask a person: shown, waited for, one at a time, not begun again; a terminal lent where one is wanted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshtui.core.errors import CredentialFailed, LoginAwaited, TimedOut
from meshtui.kube import logins as desk
from meshtui.kube.api import Api
from meshtui.kube.logins import LoginFailed, Logins
from tests.clocks import HandClock
from tests.kube.fake import TOKEN, FakeApi
from tests.waiting import GUARD, until

CODE = "To sign in, open https://login.example.test/device and enter the code ABC-123"
ASKS = f"""\
import json, os, sys, time
name = sys.argv[1]
open(name + '.starts', 'a').write('x')
print({CODE!r}, file=sys.stderr, flush=True)
while not os.path.exists(name + '.done'):
    time.sleep(0.02)
word = open(name + '.done').read()
if word:
    sys.exit(word)
print(json.dumps({{'apiVersion': 'client.authentication.k8s.io/v1', 'kind': 'ExecCredential',
                   'status': {{'token': {TOKEN!r}}}}}))
"""


class Person:
    """Answers a plugin's question by hand, and counts how often it was asked."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name

    @property
    def starts(self) -> int:
        path = self.path.with_suffix(".starts")
        return path.stat().st_size if path.exists() else 0

    def answers(self, word: str = "") -> None:
        self.path.with_suffix(".new").write_text(word)
        self.path.with_suffix(".new").rename(self.path.with_suffix(".done"))


def user(folder: Path, name: str, body: str = ASKS, **extra: Any) -> dict[str, Any]:
    script = folder / "asks.py"
    script.write_text(body)
    spec = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "interactiveMode": "IfAvailable",
    }
    return {"exec": {**spec, "args": [str(script), str(folder / name)], **extra}}


def two_contexts(fake: FakeApi, folder: Path, *users: dict[str, Any]) -> Path:
    path = fake.kubeconfig(folder)
    document = yaml.safe_load(path.read_text())
    document["users"] = [{"name": f"u{i}", "user": spec} for i, spec in enumerate(users)]
    document["contexts"] = [{"name": f"c{i}", "context": {"cluster": "k", "user": f"u{i}"}} for i in range(len(users))]
    path.write_text(yaml.safe_dump(document))
    return path


class News:
    """What a session would be told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, LoginAwaited]] = []

    def __call__(self, context: str, awaited: LoginAwaited) -> None:
        self.all.append((context, awaited))

    def of(self, context: str) -> LoginAwaited | None:
        return next((awaited for name, awaited in reversed(self.all) if name == context), None)


@contextlib.asynccontextmanager
async def connecting(
    path: Path, logins: Logins, *contexts: str, **options: Any
) -> AsyncIterator[list[asyncio.Task[Api]]]:
    options = {"request_timeout": 0.5, **options}
    tasks = [asyncio.create_task(Api.connect(name, path, os.environ, logins=logins, **options)) for name in contexts]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Api):
                await result.close()


async def test_what_a_plugin_asks_is_told_and_waited_for(fake, tmp_path):
    news, person = News(), Person(tmp_path, "ann")
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann"))
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    logins = Logins(tell=news)
    async with connecting(path, logins, "c0", request_timeout=1.0) as (task,):
        told = await until(lambda: news.of("c0"))
        assert told.cause == CODE
        assert "not started again" in told.hint
        assert logins.busy
        await asyncio.sleep(1.2)  # longer than any request may take
        assert not task.done()
        person.answers()
        assert await (await task).version() == "1.36.2"
    assert person.starts == 1
    assert not logins.busy


async def test_two_users_are_asked_one_after_the_other(fake, tmp_path):
    news, ann, bob = News(), Person(tmp_path, "ann"), Person(tmp_path, "bob")
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann"), user(tmp_path, "bob"))
    async with connecting(path, Logins(tell=news), "c0", "c1") as tasks:
        await until(lambda: ann.starts + bob.starts)
        first, second, behind = (ann, bob, "c1") if ann.starts else (bob, ann, "c0")
        waiting = await until(lambda: news.of(behind))
        assert waiting.cause == "another login comes first"
        assert second.starts == 0
        first.answers()
        await until(lambda: second.starts)
        await until(lambda: news.of(behind).cause == CODE)
        second.answers()
        await asyncio.gather(*tasks)
    assert (ann.starts, bob.starts) == (1, 1)


async def test_two_contexts_of_one_user_have_one_login(fake, tmp_path):
    news, ann = News(), Person(tmp_path, "ann")
    same = user(tmp_path, "ann")
    path = two_contexts(fake, tmp_path, same, same, same)
    async with connecting(path, Logins(tell=news), "c0", "c1") as tasks:
        await until(lambda: news.of("c0") and news.of("c1"))
        ann.answers()
        await asyncio.gather(*tasks)
        late = await Api.connect(
            "c2", path, os.environ, request_timeout=1, logins=tasks[0].result().connection.source._logins
        )
        await late.close()
    assert ann.starts == 1


async def test_quiet_plugins_do_not_wait_for_each_other(fake, tmp_path):
    """The first of a command goes alone; then any number at once."""
    body = ASKS.replace("print(" + repr(CODE), "0 and print(" + repr(CODE))
    people = [Person(tmp_path, name) for name in ("a", "b", "c")]
    path = two_contexts(fake, tmp_path, *(user(tmp_path, name, body) for name in ("a", "b", "c")))
    people[0].answers()
    logins = Logins()
    options = {"request_timeout": 20}
    async with connecting(path, logins, "c0", **options) as (first,):
        await first
        async with connecting(path, logins, "c1", "c2", **options) as tasks:
            await until(lambda: people[1].starts and people[2].starts)
            for person in people[1:]:
                person.answers()
            await asyncio.gather(*tasks)


async def test_a_request_that_meets_a_login_says_so_and_starts_no_other(fake, tmp_path):
    """The token is refused in the middle of work: the plugin asks again, for longer than a request may take."""
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    person = Person(tmp_path, "ann")
    person.answers()
    clock = HandClock()
    news = News()
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann"))
    async with connecting(path, Logins(tell=news), "c0", clock=clock) as (task,):
        api = await task
        await api.version()
        fake.tokens = {"other"}
        person.path.with_suffix(".done").unlink()
        for _ in range(2):
            with pytest.raises((LoginAwaited, TimedOut)) as caught:
                async with asyncio.timeout(GUARD):
                    await api.version()
            assert isinstance(caught.value, LoginAwaited)
            assert caught.value.cause == CODE
        assert person.starts == 2
        fake.tokens = {TOKEN}
        person.answers()
        await until(lambda: not api.connection.source._logins.busy)
        assert await api.version() == "1.36.2"
    assert person.starts == 2


async def test_a_login_that_failed_is_not_begun_again_by_itself(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(desk, "SLOW_SECONDS", 0.05)
    fake.objects["/version"] = {"gitVersion": "v1.36.2"}
    body = ASKS.replace("word = open", "time.sleep(0.2); word = open").replace(
        "'status': {'token'", "'status': {'expirationTimestamp': '2020-01-01T00:00:00Z', 'token'"
    )
    person, clock = Person(tmp_path, "ann"), HandClock()
    person.answers()
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann", body))
    async with connecting(path, Logins(), "c0", clock=clock, request_timeout=10) as (task,):
        api = await task
        person.answers("the code has run out")
        clock.time += 60
        for _ in range(3):
            with pytest.raises(LoginFailed) as caught:
                await api.version()
            assert "the code has run out" in caught.value.cause
            clock.time += 60
        assert person.starts == 2
        person.answers()
        api.connection.source.forgive()
        assert await api.version() == "1.36.2"
    assert person.starts == 3


class Lent:
    """A dashboard's terminal: lent whole, and counted."""

    shared = False

    def __init__(self) -> None:
        self.titles: list[str] = []

    @contextlib.asynccontextmanager
    async def lend(self, title: str) -> AsyncIterator[None]:
        self.titles.append(title)
        yield


QUIET = ASKS.replace("print(" + repr(CODE), "0 and print(" + repr(CODE))


async def test_a_plugin_that_always_needs_a_terminal_gets_it_or_says_that_it_cannot(fake, tmp_path):
    Person(tmp_path, "ann").answers()
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann", QUIET, interactiveMode="Always"))
    with pytest.raises(CredentialFailed) as caught:
        await Api.connect("c0", path, os.environ, request_timeout=10, logins=Logins())
    assert caught.value.cause == "it needs a terminal to ask you, and there is none here"
    assert "kubectl --context c0 get --raw /version" in caught.value.hint
    lent = Lent()
    async with await Api.connect("c0", path, os.environ, request_timeout=10, logins=Logins(terminal=lent)):
        pass
    assert len(lent.titles) == 1
    assert "logs in to c0" in lent.titles[0]


async def test_a_plugin_that_turns_out_to_want_a_terminal_is_lent_one(fake, tmp_path):
    body = "import json, os, sys\nif not json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec']['interactive']:\n"
    body += "    sys.exit('Password: inappropriate ioctl for device')\n"
    Person(tmp_path, "ann").answers()
    path = two_contexts(fake, tmp_path, user(tmp_path, "ann", body + QUIET))
    with pytest.raises(CredentialFailed, match="inappropriate ioctl"):
        await Api.connect("c0", path, os.environ, request_timeout=10, logins=Logins())
    lent = Lent()
    async with await Api.connect("c0", path, os.environ, request_timeout=10, logins=Logins(terminal=lent)):
        pass
    assert len(lent.titles) == 1


async def test_what_a_plugin_may_know_of_the_cluster(fake, tmp_path):
    body = f"import os, sys\nopen({str(tmp_path / 'info')!r}, 'w').write(os.environ['KUBERNETES_EXEC_INFO'])\n" + QUIET
    Person(tmp_path, "ann").answers()
    cluster = {"extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}]}
    for provide in (False, True):
        path = fake.kubeconfig(tmp_path, cluster=cluster, user=user(tmp_path, "ann", body, provideClusterInfo=provide))
        async with await Api.connect("k", path, os.environ, request_timeout=10):
            pass
        info = json.loads((tmp_path / "info").read_text())
        assert ("cluster" in info["spec"]) is provide
    assert info["spec"]["cluster"]["server"] == fake.server
    assert info["spec"]["cluster"]["config"] == {"audience": "x"}
    assert info["spec"]["cluster"]["certificate-authority-data"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gcp", ("gone since Kubernetes 1.26", "gke-gcloud-auth-plugin")),
        ("azure", ("gone since Kubernetes 1.26", "kubelogin convert-kubeconfig")),
        ("openstack", ("gone since Kubernetes 1.22", "openstack coe cluster config")),
        ("my-own", ("neither kubectl nor meshtui knows", "exec plugin")),
    ],
)
async def test_providers_that_are_gone_get_the_sentence_that_helps(fake, tmp_path, name, words):
    provider = {"name": name, "config": {"access-token": "ya29.s3cr3t-t0ken", "cmd-path": "/usr/bin/gcloud"}}
    with pytest.raises(CredentialFailed) as caught:
        await Api.connect("k", fake.kubeconfig(tmp_path, user={"auth-provider": provider}), {}, request_timeout=5)
    told = f"{caught.value} {caught.value.hint}"
    assert all(word in told for word in words)
    assert "s3cr3t" not in told
