"""What the parts of meshtui load: only the dashboard loads textual; help and version load next to nothing."""

import json
import subprocess
import sys

import pytest

from tests.waiting import GUARD

ROOMS = [
    "meshtui.core",
    "meshtui.kube",
    "meshtui.cilium",
    "meshtui.hubble",
    "meshtui.mesh",
    "meshtui.lab",
    "meshtui.cli",
]
EVERYTHING_IN = """
import importlib, pkgutil, sys
room = importlib.import_module({room!r})
for found in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
    importlib.import_module(found.name)
sys.exit("textual" in sys.modules)
"""


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=GUARD, check=False)


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_but_the_dashboard_loads_textual(room):
    ran = python(EVERYTHING_IN.format(room=room))
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["load", "--help"], ["nodes"]])
def test_the_command_line_does_not_load_textual(words):
    code = f"import sys; from meshtui.cli import run; run({words!r}); sys.exit('textual' in sys.modules)"
    assert python(code).returncode == 0


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_load_nothing_heavy(words):
    heavy = {"textual", "kubernetes", "grpc", "httpx", "aiohttp", "google.protobuf", "websockets", "yaml", "msgspec"}
    code = f"import sys; from meshtui.cli import run; run({words!r}); print(sorted({heavy!r} & set(sys.modules)))"
    assert python(code).stdout.splitlines()[-1] == "[]"


BY_WEBSOCKETS = {"http", "importlib.metadata", "zipfile", "websockets"}
"""What the frames of exec and port-forward cost."""
SELDOM = {
    "urllib.request",
    "tomllib",
    "difflib",
    "python_socks",
    "meshtui.core.anonymous",
    "meshtui.kube.providers",
}
"""What costs milliseconds to load and is of use in few runs: a config file, a mistake, a proxy, a debug log."""
LISTS = {
    "meshtui.core.findings",
    "meshtui.core.health",
    "meshtui.core.policy",
    "meshtui.core.load",
    "meshtui.core.changes",
    "meshtui.hubble",
    "meshtui.mesh.flows",
    "meshtui.mesh.judging",
    "meshtui.mesh.describe",
    "meshtui.mesh.changes.perform",
    "meshtui.mesh.changes.auditlog",
    "meshtui.kube.exec",
    "meshtui.kube.portforward",
    "meshtui.cli.explain",
    "meshtui.sim",
    "grpc",
    "google.protobuf",
    "httpx",
    "httpcore",
    "anyio",
    "h2",
    "cryptography",
    "rich",
    "click",
    "pygments",
    "kubernetes",
    "aiohttp",
    *SELDOM,
    *BY_WEBSOCKETS,
    "json",
    "statistics",
    "meshtui.mesh.load",
}
"""What a verb that lists objects has no use for."""
UNUSED = {
    ("nodes",): {*LISTS, "meshtui.core.routing", "meshtui.core.services"},
    ("services",): LISTS - {"meshtui.core.policy"},
    ("policies",): LISTS - {"meshtui.core.policy"},
    ("status",): {
        *SELDOM,
        "meshtui.hubble.jsonlines",
        "meshtui.mesh.flows.agents",
        "meshtui.mesh.load",
        "meshtui.core.load",
        "meshtui.mesh.describe",
        "meshtui.mesh.changes.perform",
        "meshtui.mesh.changes.auditlog",
        "meshtui.cli.explain",
        "meshtui.sim",
        "httpx",
        "httpcore",
        "anyio",
        "h2",
        "rich",
        "click",
        "kubernetes",
        "aiohttp",
    },
    ("flows", "--last", "5"): {
        "meshtui.core.health",
        "meshtui.core.findings",
        "httpx",
        "httpcore",
        "anyio",
        "rich",
        "click",
        "kubernetes",
        "aiohttp",
    },
}
"""Verb → what it must not load while it does all of its work."""
LOADED = """
import sys
from meshtui.cli import run
code = run([*{words!r}, "--kubeconfig", {kubeconfig!r}])
unused = {unused!r}
print(code, sorted(n for n in sys.modules if sys.modules[n] and any(n == u or n.startswith(u + ".") for u in unused)))
"""


@pytest.fixture(scope="module")
def kubeconfig():
    """Of an embedded mesh that runs while this file's tests do."""
    words = [sys.executable, "-m", "meshtui", "simulate"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        yield json.loads(serving.stdout.readline())["kubeconfig"]
        serving.terminate()


@pytest.mark.parametrize("words", list(UNUSED), ids=" ".join)
def test_a_verb_loads_what_it_uses_and_nothing_else(words, kubeconfig):
    ran = python(LOADED.format(words=words, kubeconfig=kubeconfig, unused=UNUSED[words]))
    assert (ran.returncode, ran.stdout.splitlines()[-1]) == (0, "0 []"), ran.stderr
