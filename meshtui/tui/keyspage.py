"""The page docs/keys.md, made from the registry."""

from __future__ import annotations

import sys
from pathlib import Path

from meshtui.tui import commands as c

_HEAD = """# Keys

Made from the command registry (`meshtui/tui/commands.py`) by
`python -m meshtui.tui.keyspage docs/keys.md`; do not edit by hand.

Remap a key by its command's id in the config file: `keymap = { "services.global" = "f2", "flows.pause" = "space" }`.
Several keys are separated by commas. Every command is in the palette too (`:`), and every word of the footer and of the
tabs can be clicked.
"""


def keys_page() -> str:
    """The page as Markdown: the keys that work everywhere, then each pane's own."""
    parts = [_HEAD]
    for scope in (c.EVERYWHERE, *c.SCOPES):
        kind = "screen" if scope == "policies" else "pane"
        heading = "Everywhere" if scope == c.EVERYWHERE else f"{scope.title()} {kind}"
        parts.append(f"\n## {heading}\n\n| key | does | id |\n|---|---|---|\n")
        parts += [_row(command) for command in c.COMMANDS if scope in command.scopes]
    return "".join(parts)


def _row(command: c.Command) -> str:
    keys = " ".join(f"`{c.key_text(key)}`" for key in command.keys)
    return f"| {keys} | {command.help} | `{command.id}` |\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(keys_page(), encoding="utf-8")
