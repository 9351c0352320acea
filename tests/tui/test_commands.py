"""The registry: ids, keys and methods agree with one another, with the panes and with the docs page."""

from pathlib import Path

import pytest

from meshtui.core.settings import Settings
from meshtui.kube.clock import SystemClock
from meshtui.tui import commands as c
from meshtui.tui.app import MeshtuiApp
from meshtui.tui.dashboard import Dashboard
from meshtui.tui.keyspage import keys_page

TAKEN = {
    "ctrl+b": "tmux",
    "ctrl+a": "screen",
    "ctrl+s": "flow control",
    "ctrl+q": "flow control",
}
ALIASES = {"ctrl+h": "backspace", "ctrl+i": "tab", "ctrl+j": "enter", "ctrl+m": "enter"}


def test_ids_are_unique():
    assert len(c.BY_ID) == len(c.COMMANDS)


@pytest.mark.parametrize("scope", c.PANES)
def test_no_two_commands_share_a_key_where_both_work(scope):
    keys = [key for command in c.in_scope(scope) for key in command.keys]
    assert sorted(keys) == sorted(set(keys))


def test_no_key_belongs_to_the_terminal_multiplexer_or_is_another_key_in_disguise():
    keys = {key for command in c.COMMANDS for key in command.keys}
    assert not keys & (TAKEN.keys() | ALIASES.keys())


def test_every_command_finds_its_method():
    board = Dashboard(Settings(), SystemClock())
    for command in c.COMMANDS:
        on_app = callable(getattr(MeshtuiApp, f"do_{command.method}", None))
        for scope in command.scopes:
            actors = (*board.actors.get(scope, ()), *board.everywhere)
            assert on_app or any(callable(getattr(actor, f"do_{command.method}", None)) for actor in actors), command.id


def test_the_fixed_keys_of_the_design():
    fixed = {
        "g": "services.global", "G": "services.global-all", "s": "services.shared", "S": "services.shared-all",
        "a": "services.affinity", "A": "services.affinity-all", "u": "services.undo", "l": "load.run", "z": "view.zoom",
        "slash": "view.filter", "question_mark": "app.help", "y": "view.copy", "escape": "app.up", "q": "app.quit",
        "colon": "app.palette", "ctrl+p": "app.palette", "p": "policies.open", "tab": "pane.next", "1": "pane.clusters",
    }  # fmt: skip
    here = {key: command.id for command in c.in_scope("services") for key in command.keys}
    assert {key: here[key] for key in fixed} == fixed
    flows = {key: command.id for command in c.in_scope("flows") for key in command.keys}
    assert (flows["p"], flows["g"], flows["G"]) == ("flows.pause", "move.top", "move.bottom")


def test_the_docs_page_is_current():
    page = Path(__file__).parent.parent.parent / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == keys_page(), "run `python -m meshtui.tui.keyspage docs/keys.md`"


def test_remapped_keys_replace_the_own_ones():
    command = c.BY_ID["load.run"]
    assert c.keys_of(command, {}) == ("l",)
    assert c.keys_of(command, {"load.run": "f5, L"}) == ("f5", "L")
    assert c.unknown_ids({"load.run": "x", "no.such": "y"}) == ("no.such",)
