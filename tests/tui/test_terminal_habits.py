"""What a person's terminal is used for: the clipboard, the mouse, animations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meshtui.core.errors import ConfigError
from meshtui.core.settings import Settings
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.clipboard import LIMIT, copy
from tests.tui.pseudoterminal import Terminal


async def nobody(*_: object) -> None:
    raise ConfigError("no clusters here")


class Kept(MeshtuiApp):
    """Keeps what goes to the terminal's clipboard."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(nobody, settings)
        self.copied: list[str] = []

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose clipboard is a file."""
    tool = tmp_path / "wl-copy"
    tool.write_text(f"#!/bin/sh\ncat > {tmp_path}/clipboard\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("WAYLAND_DISPLAY", "here")
    return tmp_path / "clipboard"


@pytest.mark.parametrize(
    ("way", "terminal", "tool"), [("auto", True, True), ("osc52", True, False), ("native", False, True),
                                  ("off", False, False)],
)  # fmt: skip
def test_text_is_copied_the_way_the_settings_say(desktop: Path, way: str, terminal: bool, tool: bool) -> None:
    app = Kept(Settings(clipboard=way))
    said = copy(app, "a row")
    assert (app.copied == ["a row"], desktop.exists()) == (terminal, tool)
    assert said == ("not copied: clipboard is off in the settings" if way == "off" else "copied: a row")


def test_what_cannot_be_copied_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    assert copy(Kept(Settings(clipboard="native")), "a row").startswith("not copied: no clipboard tool")
    long = Kept(Settings())
    assert copy(long, "x" * (LIMIT + 1)).startswith("not copied: over 74 kB")
    assert long.copied == []


def test_nothing_is_animated_over_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MeshtuiApp(nobody, Settings()).animation_level != "none"
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert MeshtuiApp(nobody, Settings()).animation_level == "none"


@pytest.mark.parametrize("flags", [[], ["--no-mouse"]])
def test_the_mouse_is_left_to_the_terminal_where_that_is_asked_for(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "flows.jsonl").write_text("")
    terminal = Terminal([sys.executable, "-m", "meshtui", *flags, "--replay", str(tmp_path / "flows.jsonl")])
    try:
        terminal.until(lambda text: "quit" in text, 40)
        assert (b"\x1b[?1000h" in terminal.raw) == (not flags)
        terminal.send("q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
