"""The log of `--debug`: what is in it on a real road, what never is, and who may read it."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import yaml

from meshtui.sim import SimOptions, launch
from tests.cli.conftest import Command

TOKEN = "Qz7s3cr3tXk29vW84hJmPt6RyBn5LcD"


def spoiled(running: object, path: Path) -> None:
    """The mesh's kubeconfig, with a token in it that its API server echoes."""
    document = yaml.safe_load(Path(running.kubeconfig).read_text())  # type: ignore[attr-defined]
    document["users"][1]["user"] = {"token": TOKEN}
    path.write_text(yaml.safe_dump(document))


async def logged(tmp_path: Path, flag: str) -> tuple[str, dict[str, object]]:
    state = tmp_path / "state"
    async with launch(SimOptions(state="global")) as running:
        config = tmp_path / "config"
        spoiled(running, config)
        ran = await Command(str(config), MESHTUI_STATE_DIRECTORY=str(state))("status", flag)
    [path] = state.glob("debug-*.log")
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in ran.err
    return path.read_text(), yaml.safe_load(config.read_text())


async def test_the_log_tells_requests_and_failures_and_no_credential(tmp_path: Path) -> None:
    text, config = await logged(tmp_path, "--debug")
    assert re.search(r"HTTP Request: GET https://127\.0\.0\.1:\d+/api/v1/nodes", text)
    assert "koornacht: API server live" in text
    assert "tion: API server failed" in text
    assert TOKEN not in text
    user = config["users"][0]["user"]  # type: ignore[index]
    for value in user.values():
        assert value not in text
        assert base64.b64decode(value + "===").decode("latin-1")[:40] not in text


async def test_an_anonymous_log_names_no_cluster_object_or_address(tmp_path: Path) -> None:
    text, _ = await logged(tmp_path, "--debug-anonymous")
    assert re.search(r"context-\d: API server live", text)
    for name in ("koornacht", "tion-", "rebel-base", "x-wing", "127.0.0.1"):
        assert name not in text
