"""Every way out gives the terminal back: signals, a closed terminal, ctrl+c twice, ctrl+z and fg."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshtui.tui.leaving import Twice
from tests.tui.pseudoterminal import Terminal

ALTERNATE_OFF, MOUSE_OFF, CURSOR_ON = b"\x1b[?1049l", b"\x1b[?1000l", b"\x1b[?25h"


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    (tmp_path / "flows.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)  # a name as long on every machine
    argv = [sys.executable, "-m", "meshtui", "--replay", "flows.jsonl"]
    found = Terminal(argv, columns=100, rows=30)
    try:
        found.until(lambda text: "meshtui" in text and "quit" in text)
        yield found
    finally:
        found.close()


def ended(terminal: Terminal) -> tuple[int, bytes]:
    """Exit code as a shell has it, and all that was written until then."""
    return terminal.wait(), bytes(terminal.raw)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(terminal: Terminal, number: signal.Signals) -> None:
    os.kill(terminal.pid, number)
    code, written = ended(terminal)
    assert code == 128 + number
    for restored in (ALTERNATE_OFF, MOUSE_OFF, CURSOR_ON):
        assert written.rindex(restored) >= 0
    assert b"Traceback" not in written


def test_ctrl_c_says_how_to_leave_and_leaves_at_the_second_press(terminal: Terminal) -> None:
    terminal.send("\x03")
    terminal.until(lambda text: "ctrl+c again leaves meshtui" in text)
    terminal.send("\x03")
    code, written = ended(terminal)
    assert code == 130
    assert ALTERNATE_OFF in written


def test_suspended_and_back_the_screen_is_whole(terminal: Terminal) -> None:
    terminal.send("\x1a")
    terminal.stopped()
    assert ALTERNATE_OFF in terminal.raw
    before = terminal.bytes
    os.killpg(terminal.pid, signal.SIGCONT)
    terminal.until(lambda text: terminal.bytes > before and "quit" in text)
    terminal.send("q")
    assert ended(terminal)[0] == 0


def test_a_file_without_flows_says_so_and_nothing_is_fired_from_it(terminal: Terminal) -> None:
    terminal.until(lambda text: "flows.jsonl holds no flows" in text)  # said before it has been read, words may pass
    terminal.send("l")
    terminal.until(lambda text: "is not connected" in text)
    terminal.send("q")
    assert ended(terminal)[0] == 0


def test_a_terminal_that_is_closed_ends_the_program(terminal: Terminal) -> None:
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP


def test_only_a_second_press_in_time_counts() -> None:
    key = Twice()
    assert [key.pressed(at) for at in (0.0, 5.0, 6.0, 6.5)] == [False, False, True, False]


def test_a_crash_gives_the_terminal_back_and_says_where_its_file_is(tmp_path: Path) -> None:
    flows = tmp_path / "flows.jsonl"
    flows.write_text("")
    program = (
        "import sys\nfrom meshtui.tui.app import MeshtuiApp\nfrom meshtui.cli import run\n"
        "def fail(self):\n    hidden = 'hunter2'\n    raise RuntimeError('token=' + hidden)\n"
        "MeshtuiApp.do_theme = fail\n"
        f"sys.exit(run(['--replay', {str(flows)!r}]))\n"
    )
    terminal = Terminal([sys.executable, "-c", program], columns=200, rows=30)
    try:
        terminal.until(lambda text: "meshtui" in text and "quit" in text)
        terminal.send("\x1b[19~")
        code, written = ended(terminal)
    finally:
        terminal.close()
    assert code == 1
    for restored in (ALTERNATE_OFF, MOUSE_OFF, CURSOR_ON):
        assert written.rindex(restored) >= 0
    [kept] = Path(os.environ["XDG_STATE_HOME"]).glob("meshtui/crash-*.txt")
    assert kept.name.encode() in written
    assert b"Traceback" not in written
    assert "in fail" in kept.read_text()
    assert "hunter2" not in kept.read_text()


@pytest.mark.parametrize("words", [[], ["demo"]])
def test_a_dumb_terminal_gets_a_sentence_and_no_screen(words: list[str]) -> None:
    program = f"import os, sys\nos.environ['TERM'] = 'dumb'\nfrom meshtui.cli import run\nsys.exit(run({words!r}))\n"
    terminal = Terminal([sys.executable, "-c", program], columns=100, rows=30)
    try:
        code, written = ended(terminal)
    finally:
        terminal.close()
    assert code == 2
    assert b"TERM is dumb" in written
    assert b"\x1b" not in written
