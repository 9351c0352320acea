"""No credential in anything a command leaves behind: JSON or words, standard error, the debug log, other files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from meshtui.cli import main
from tests.kube.test_secrets import SHAPES, leaks, server

CASES = [
    ("token", "echo 403 as status"),
    ("token", "echo 302"),
    ("token", "userinfo"),
    ("token with a line break", "nobody"),
    ("token that is not ASCII", "nobody"),
    ("basic auth", "echo 500"),
    ("basic auth that is not ASCII", "echo 401"),
    ("impersonation", "echo 403 as status"),
    ("plugin's stderr, bare", "nobody"),
    ("plugin's arguments", "nobody"),
    ("auth-provider oidc", "nobody"),
    ("token", "proxy http"),
]
VERBS = (("status", "-o", "json"), ("nodes", "-o", "yaml"), ("services",), ("findings",), ("flows", "-o", "jsonl"))
SERVED = ("echo 403 as status", "proxy http")
"""Where each verb gets as far as it can; elsewhere they all end at the same place."""


@pytest.mark.parametrize(("shape", "how"), CASES)
async def test_nothing_of_it_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shape: str, how: str
) -> None:
    state = tmp_path / "state"
    for name, value in (("XDG_STATE_HOME", state), ("XDG_CONFIG_HOME", tmp_path / "config")):
        monkeypatch.setenv(name, str(value))
    user = SHAPES[shape](tmp_path)
    async with server(how, tmp_path) as (fake, cluster):
        path = fake.kubeconfig(tmp_path, user=user, cluster=cluster)
        for verb in VERBS if how in SERVED else VERBS[:1]:
            words = ["--kubeconfig", str(path), "--debug", "--request-timeout", "2", *verb]
            code = await asyncio.to_thread(main.run, words)
            assert code, f"{verb} must not say that all is well"
    said = capfd.readouterr()
    assert said.err
    assert leaks(said.out + said.err) == [], said
    kept = [Path(folder) / name for folder, _, names in os.walk(state) for name in names]
    assert [file for file in kept if file.name.startswith("debug-")], "the debug log was written"
    for file in kept:
        assert leaks(file.read_text(errors="replace")) == [], file
