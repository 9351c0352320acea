"""Where people are: kubectl's plugin, manual page, krew's manifest, the same wheel twice, a quick start."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from meshtui.cli.man import page
from meshtui.cli.parser import build
from tools.package import archive, krew, main

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


def test_krews_archive_is_the_same_twice_and_starts_what_is_in_it(tmp_path: Path) -> None:
    wheel = tmp_path / "meshtui-9.9-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    assert main([str(tmp_path / "out"), "--wheel", str(wheel), "--url", "https://example.org/a.tar.gz"]) == 0
    [made] = (tmp_path / "out").glob("*.tar.gz")
    assert made.read_bytes() == archive(wheel)
    manifest = yaml.safe_load((tmp_path / "out/meshtui.yaml").read_text())
    sums = {each["sha256"] for each in manifest["spec"]["platforms"]}
    assert sums == {hashlib.sha256(made.read_bytes()).hexdigest()}

    plugin = tmp_path / "plugin"
    with tarfile.open(made) as tar:
        tar.extractall(plugin, filter="data")
    launcher, python = plugin / "kubectl-meshtui", tmp_path / "python3"
    noted = tmp_path / "noted"
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    # A Python that notes what it is asked and makes environments of itself.
    python.write_text(
        f'#!/bin/sh\necho "$*" >> {noted}\n'
        f'[ "$2" != venv ] || {{ mkdir -p "$3/bin" && cp {python} "$3/bin/python" && cp {python} "$3/bin/meshtui"; }}\n'
    )
    python.chmod(0o755)
    for _ in range(2):
        subprocess.run([launcher, "status", "-o", "json"], env=env, check=True, capture_output=True)
    asked = noted.read_text().splitlines()
    assert [line for line in asked if "meshtui status" in line] == ["-m meshtui status -o json"] * 2
    [hashed] = [line for line in asked if "requirements.lock" in line]
    assert "--require-hashes" in hashed
    assert sum("--no-deps" in line and line.endswith(wheel.name) for line in asked) == 1
    bare = tmp_path / "bare"
    bare.mkdir()
    for tool in ("dirname", "readlink", "basename"):
        (bare / tool).symlink_to(str(shutil.which(tool)))
    elsewhere = {"PATH": str(bare), "HOME": str(tmp_path / "other")}
    ran = subprocess.run(["/bin/sh", launcher], env=elsewhere, capture_output=True, text=True)
    assert (ran.returncode, "Python 3.11" in ran.stderr, "next:" in ran.stderr) == (2, True, True)


def test_a_wheel_built_twice_is_the_same_and_carries_the_manual_page(tmp_path: Path) -> None:
    built = []
    for name in ("one", "two"):
        folder = tmp_path / name
        words = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(CHECKOUT)]
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=env)
        [wheel] = folder.glob("*.whl")
        built.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert built[0] == built[1]
    with zipfile.ZipFile(wheel) as packed:
        [manual] = [name for name in packed.namelist() if name.endswith("share/man/man1/meshtui.1")]
        assert packed.read(manual).decode() == page()


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["schema", "nodes"], ["completion", "bash"]])
def test_a_verb_that_needs_no_cluster_loads_next_to_nothing(words: list[str]) -> None:
    heavy = {"textual", "kubernetes", "grpc", "httpx", "aiohttp", "google.protobuf", "websockets", "yaml"}
    code = f"import sys; from meshtui.cli import run; run({words!r}); print(sorted({heavy!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


DOCKERFILE = CHECKOUT / "packaging/Dockerfile"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_nobodys_and_needs_no_writable_root() -> None:
    found = instructions()
    last = max(at for at, (word, _) in enumerate(found) if word == "FROM")
    final = found[last:]
    assert [rest for word, rest in final if word == "USER"] == ["65532:65532"]
    assert "XDG_STATE_HOME=/tmp/state" in " ".join(rest for word, rest in final if word == "ENV")
    assert not [rest for word, rest in final if word == "RUN"], "what is installed is installed in the stage before"
    assert [rest for word, rest in final if word == "ENTRYPOINT"] == ['["meshtui"]']


def test_everything_the_image_installs_is_held_to_a_hash_and_is_there_to_copy() -> None:
    found = instructions()
    for word, rest in found:
        for command in rest.split("&&") if word == "RUN" else ():
            if "pip install" in command:
                assert "--require-hashes" in command or "--no-deps --no-build-isolation" in command
    kept = [line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((CHECKOUT / name).exists() for name in kept)
    copied = [rest.split()[0] for word, rest in found if word == "COPY" and "--from" not in rest]
    assert all(name == "." or name in kept for name in copied)
    lock = (CHECKOUT / "requirements-web.lock").read_text()
    assert "textual-serve==" in lock
    assert "hatchling==" in lock  # builds the wheel, without fetching anything
    assert "://" not in lock
