"""The built wheel, installed into an empty environment away from the checkout, runs and serves the mesh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(CHECKOUT),
    ]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (built,) = folder.glob("meshtui-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment that holds the wheel and sees this one's dependencies, but not its checkout."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    ours = next(p for p in map(Path, sys.path) if p.name == "site-packages" and (p / "textual").exists())
    # A path file adds the folder and does not follow the path files in it, so an editable install stays unseen.
    (site / "dependencies.pth").write_text(f"{ours}\n")
    return home / "bin/python"


def run(python: Path, *argv: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [str(python), "-m", "meshtui", *argv], cwd=cwd, env=env, capture_output=True, text=True, timeout=60
    )


def test_the_wheel_carries_styles_and_generated_code(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(n.startswith("meshtui/styles/") and n.endswith(".tcss") for n in names)
    assert any(n.startswith("meshtui/hubble/pb/") and n.endswith("_pb2.py") for n in names)
    assert any(n.startswith("meshtui/sim/data/") for n in names)
    assert "meshtui/py.typed" in names


def test_version_comes_from_the_wheel_not_from_the_checkout(installed: Path, tmp_path: Path) -> None:
    where = subprocess.run(
        [str(installed), "-c", "import meshtui; print(meshtui.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(CHECKOUT / "meshtui") not in where.stdout
    done = run(installed, "--version", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "meshtui 0.1.0"


def test_simulate_and_status_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    simulate = subprocess.Popen(
        [str(installed), "-m", "meshtui", "simulate"],
        cwd=tmp_path,
        env=env,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
    try:
        assert simulate.stdout is not None
        ready = json.loads(simulate.stdout.readline())
        assert ready["contexts"] == ["koornacht", "tion"]
        done = run(installed, "status", "--kubeconfig", ready["kubeconfig"], "-o", "json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        status = json.loads(done.stdout)
        assert [c["cluster"] for c in status["clusters"]] == ["koornacht", "tion"]
    finally:
        simulate.terminate()
        simulate.wait(10)
        simulate.stdout.close()
