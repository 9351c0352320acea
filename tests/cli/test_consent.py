"""Without a terminal no verb changes anything unless it is told `--yes`, however far the clusters are trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.cli.parser import build
from tests.embedded import Served, call, served

POLICY = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed, namespace: default}
spec: {endpointSelector: {}, ingress: [{}]}
"""
CHANGING = {
    "annotate": ["annotate rebel-base --shared false"],
    "findings": ["findings --fix 1"],
    "drill": ["drill rebel-base --cluster tion"],
    "undo": ["undo"],
    "policies": ["policies apply FILE", "policies delete FILE"],
    "lab": [
        "lab step global", "lab step no-cni --control URL", "lab step failover-local-0", "lab check",
        "lab deploy -n other", "lab remove -n default", "lab tour --text", "lab up", "lab down",
    ],
}  # fmt: skip
"""Verb → command lines that would change something on the mesh below."""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Served]:
    """A lab that is trusted, where tion alone calls its service global: a finding that can be mended."""
    with served(nodes=1) as mesh:
        words = ("--kubeconfig", mesh.kubeconfig, "annotate", "rebel-base", "--context", "tion", "--global", "true")
        assert call(*words, "--yes", "--wait").code == 0
        yield mesh


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the lines need beside a mesh: a policy, a lab that was built, and tools that tell when they are called."""
    state = tmp_path / "state"
    monkeypatch.setenv("MESHTUI_STATE_DIRECTORY", str(state))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "bin").mkdir()
    for tool in ("kind", "cilium", "docker"):
        path = tmp_path / "bin" / tool
        path.write_text(f"#!/bin/sh\necho {tool} $* >> {tmp_path}/called\nexit 1\n")
        path.chmod(0o755)
    lab = state / "labs" / "koornacht+tion"
    lab.mkdir(parents=True)
    (lab / "lab.json").write_text(json.dumps({"id": "1", "clusters": ["koornacht", "tion"], "nodes": 3}))
    return tmp_path


def asking() -> set[str]:
    """Verbs that take `--yes`."""
    verbs = next(action.choices for action in build()._actions if action.dest == "verb")
    assert isinstance(verbs, dict)
    for parser in verbs.values():
        parser.complete()
    return {name for name, parser in verbs.items() if "--yes" in parser._option_string_actions}


def test_every_verb_that_takes_yes_is_tried_here() -> None:
    assert asking() == set(CHANGING)


LINES = [line for lines in CHANGING.values() for line in lines]


@pytest.fixture(params=LINES)
def words(
    request: pytest.FixtureRequest, mesh: Served, files: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """A command line that has something to change."""
    monkeypatch.setenv("KUBECONFIG", mesh.kubeconfig)
    line = str(request.param).replace("FILE", str(files / "policy.yaml")).replace("URL", mesh.control)
    if line == "undo":
        call("annotate", "rebel-base", "--affinity", "-", "--context", "tion", "--yes", "--wait")
        assert call("annotate", "rebel-base", "--affinity", "local", "--context", "tion", "--yes", "--wait").code == 0
    if "apply" in line:
        call("policies", "delete", str(files / "policy.yaml"), "--yes")
    if "delete" in line:
        assert call("policies", "apply", str(files / "policy.yaml"), "--yes").code in (0, 1)
    yield line.split()
    if "policies" in line:  # what it closes would be the first finding of the lines after it
        call("policies", "delete", str(files / "policy.yaml"), "--yes")


def test_nothing_is_changed_without_yes(mesh: Served, files: Path, words: list[str]) -> None:
    before = mesh.objects()
    ran = call(*words)
    assert (ran.code, "repeat it with --yes" in ran.err) == (5, True), ran.err
    assert mesh.objects() == before
    assert not (files / "called").exists()


def test_nothing_is_changed_with_read_only(mesh: Served, files: Path, words: list[str]) -> None:
    before = mesh.objects()
    ran = call(*words, "--read-only", "--yes")
    assert ran.code == 5, ran.err
    assert "read-only" in ran.err
    assert mesh.objects() == before
    assert not (files / "called").exists()


def test_a_dry_run_of_a_step_that_builds_builds_nothing(mesh: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", mesh.kubeconfig)
    before = mesh.objects()
    ran = call("lab", "step", "no-cni", "--control", mesh.control, "--dry-run")
    assert ran.code == 0
    assert "no-cni: would be brought about; nothing was changed" in ran.err
    assert mesh.objects() == before
