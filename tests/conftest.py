"""What every test stands on: a clean environment, no user's files, UTC, and no colour decided by the terminal."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

pytest_plugins = ["tests.leaks"]
RECORDINGS = Path(__file__).parent / "recordings"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Whoever starts the tests in a shell's background has it ignored, and so would every program that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MEDDLING = (
    "KUBECONFIG",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "SSH_TTY",
    "SSH_CONNECTION",
)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's kubeconfig, settings or proxies, and none writes outside tmp_path."""
    for name in list(os.environ):
        if name in _MEDDLING or name.startswith("MESHTUI_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    for variable, folder in (
        ("HOME", home),
        ("XDG_CONFIG_HOME", home / ".config"),
        ("XDG_STATE_HOME", home / ".local/state"),
        ("XDG_CACHE_HOME", home / ".cache"),
    ):
        monkeypatch.setenv(variable, str(folder))
    home.mkdir()
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def recordings() -> Path:
    """The slice of the real mesh's recordings that tests use."""
    return RECORDINGS
