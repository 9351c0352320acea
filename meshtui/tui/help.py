"""Contextual help, made from the registry: the keys that work in the pane in front."""

from __future__ import annotations

from meshtui.tui import commands as c
from meshtui.tui.widgets.paint import Line, Span, fit


def help_lines(scope: str, keymap: dict[str, str]) -> list[Line]:
    """The pane's own keys, then those that work everywhere."""
    own = [x for x in c.in_scope(scope) if c.EVERYWHERE not in x.scopes and not x.id.startswith("move.")]
    moves = [x for x in c.in_scope(scope) if x.id.startswith("move.")]
    everywhere = [x for x in c.in_scope(scope) if c.EVERYWHERE in x.scopes]
    lines: list[Line] = []
    for heading, commands in ((scope.title(), own), ("Everywhere", everywhere), ("Moving", moves)):
        if not commands:
            continue
        if lines:
            lines.append(())
        lines.append([Span(f" {heading}", "strong")])
        for command in commands:
            keys = " ".join(c.key_text(key) for key in c.keys_of(command, keymap))
            lines.append([Span(f" {fit(keys, 10)} ", "key"), Span(command.help)])
    return lines
