"""Where people are: kubectl's plugin, manual page, krew's manifest, the same wheel twice, a quick start."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from meshtui.cli.man import page
from meshtui.cli.parser import build
from tools.package import krew

CHECKOUT = Path(__file__).parent.parent


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here; .ci/run installs it")
def test_kubectl_finds_it_as_a_plugin(tmp_path: Path) -> None:
    scripts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["kubectl-meshtui"] == scripts["meshtui"]
    module, _, function = scripts["kubectl-meshtui"].partition(":")
    plugin = tmp_path / "kubectl-meshtui"
    plugin.write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
    plugin.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT)}
    ran = subprocess.run(["kubectl", "meshtui", "--version"], env=env, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("meshtui ")


def test_the_manual_page_has_every_verb_and_roff_takes_it() -> None:
    text = page()
    for action in build()._actions:
        for name in action.choices if isinstance(action.choices, dict) else ():
            assert (f".SS {name}\n" in text) == (name != "complete")
    man = shutil.which("groff") or shutil.which("mandoc")
    if man is not None:
        lint = [man, "-k", "-man", "-Tutf8", "-ww"] if man.endswith("groff") else [man, "-T", "lint", "-W", "error"]
        assert subprocess.run(lint, input=text, capture_output=True, text=True, check=True).stderr == ""


def test_krews_manifest_names_the_archive_by_its_checksum() -> None:
    manifest = yaml.safe_load(krew(b"an archive", "https://example.org/meshtui.tar.gz"))
    assert manifest["metadata"]["name"] == "meshtui"
    for each in manifest["spec"]["platforms"]:
        assert each["sha256"] == hashlib.sha256(b"an archive").hexdigest()
        assert each["bin"] == "kubectl-meshtui"


def test_a_wheel_built_twice_is_the_same(tmp_path: Path) -> None:
    built = []
    for name in ("one", "two"):
        folder = tmp_path / name
        words = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(CHECKOUT)]
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=env)
        [wheel] = folder.glob("*.whl")
        built.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert built[0] == built[1]


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["schema", "nodes"], ["completion", "bash"]])
def test_a_verb_that_needs_no_cluster_loads_next_to_nothing(words: list[str]) -> None:
    heavy = {"textual", "kubernetes", "grpc", "httpx", "aiohttp", "google.protobuf", "websockets", "yaml", "msgspec"}
    code = f"import sys; from meshtui.cli import run; run({words!r}); print(sorted({heavy!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_image_is_nobodys_and_needs_no_writable_root() -> None:
    text = (CHECKOUT / "packaging/Dockerfile").read_text()
    assert "\nUSER 65532:65532\n" in text
    assert "XDG_STATE_HOME=/tmp/state" in text
    assert "--require-hashes" in text
