"""What the parts of meshtui load: only the dashboard loads textual; help and version load next to nothing."""

import subprocess
import sys

import pytest

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
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


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
