"""Completion in the shells themselves: verbs, flags, and what the clusters know."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded import Served, call, served
from tests.tui.pseudoterminal import Terminal


@pytest.fixture(scope="module")
def mesh() -> Iterator[Served]:
    with served(nodes=1) as mesh:
        yield mesh


@pytest.fixture
def bin_(mesh: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with a `meshtui` that runs this checkout."""
    program = tmp_path / "bin/meshtui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m meshtui "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))
    monkeypatch.setenv("KUBECONFIG", mesh.kubeconfig)
    return program.parent


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here; .ci/run installs it")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("meshtui und", ["undo"]),
        ("meshtui nodes --context ", ["koornacht", "tion"]),
        ("meshtui findings --fi", ["--fix"]),
        ("meshtui status -n kube-sys", ["kube-system"]),
        ("meshtui annotate default/reb", ["default/rebel-base"]),
        ("meshtui schema lab-ch", ["lab-check"]),
    ],
)
def test_fish_completes(bin_: Path, typed: str, offered: list[str]) -> None:
    script = bin_ / "meshtui.fish"
    script.write_text(call("completion", "fish").out)
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}; complete -C {shlex.quote(typed)}"],
        capture_output=True, text=True, timeout=40, check=True,
    )  # fmt: skip
    assert [line.split("\t")[0] for line in ran.stdout.splitlines()] == offered


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here; .ci/run installs it")
def test_zsh_completes_at_its_prompt(bin_: Path) -> None:
    (bin_ / ".zshrc").write_text(
        "PS1='ready> '; autoload -Uz compinit && compinit -u -D; source <(meshtui completion zsh)\n"
    )
    terminal = Terminal(["zsh", "-i"], columns=100, rows=20, env={"ZDOTDIR": str(bin_)})
    try:
        terminal.until(lambda text: "ready>" in text, 40)
        for typed, whole in (
            ("meshtui und", "meshtui undo"),
            ("meshtui nodes --context ti", "meshtui nodes --context tion"),
            ("meshtui findings --fi", "meshtui findings --fix"),
            ("meshtui annotate default/reb", "meshtui annotate default/rebel-base"),
        ):
            terminal.send(f"{typed}\t")
            terminal.until(lambda text, whole=whole: f"ready> {whole}" in text, 40)  # type: ignore[misc]
            terminal.send("\x15")
    finally:
        terminal.close()
