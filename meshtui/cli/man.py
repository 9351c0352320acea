"""The manual page, made from the parser: `tools/package.py` writes it."""

from __future__ import annotations

import argparse

from meshtui import __version__
from meshtui.cli.grammar import Parser
from meshtui.cli.parser import build

_EXITS = (
    (0, "all is well, or it was done"),
    (1, "something is degraded, or a check failed"),
    (2, "the command line or the settings are wrong"),
    (3, "a cluster cannot be reached"),
    (4, "it took too long"),
    (5, "refused: read-only, a missing right, a missing yes"),
    (130, "interrupted"),
)


def page() -> str:
    """meshtui(1) as roff."""
    parser = build()
    lines = [f'.TH MESHTUI 1 "" "meshtui {__version__}"', ".SH NAME", "meshtui \\- the cockpit for Cilium Cluster Mesh"]
    lines += [
        ".SH SYNOPSIS",
        ".B meshtui",
        "[\\fIflags\\fR] [\\fIverb\\fR]",
        ".SH DESCRIPTION",
        _text(parser.description),
    ]
    lines += [".SH FLAGS", *_flags(parser), ".SH VERBS"]
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to its own structure
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for name, verb in action.choices.items():
                if name != "complete":
                    lines += _verb(name, verb, known=_names(parser))
    lines.append(".SH EXIT STATUS")
    for code, meaning in _EXITS:
        lines += [".TP", str(code), _text(meaning)]
    return "\n".join(lines) + "\n"


def _verb(name: str, verb: Parser, known: frozenset[str]) -> list[str]:
    verb.complete()
    examples = [line.strip() for line in verb.examples.splitlines()]
    shown = [".PP", ".nf", *(f"    {_text(line)}" for line in examples), ".fi"] if examples else []
    return [f".SS {name}", _text(verb.description), *shown, *_flags(verb, known)]


def _names(parser: Parser) -> frozenset[str]:
    return frozenset(name for action in parser._actions for name in action.option_strings)  # noqa: SLF001


def _flags(parser: argparse.ArgumentParser, known: frozenset[str] = frozenset()) -> list[str]:
    lines = []
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction) or action.help is argparse.SUPPRESS:  # noqa: SLF001
            continue
        if action.option_strings and known.issuperset(action.option_strings):
            continue
        names = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        takes = action.nargs != 0 and action.option_strings
        value = f" {action.metavar or action.dest.upper()}" if takes and not isinstance(action.metavar, tuple) else ""
        lines += [".TP", f"\\fB{_text(names)}\\fR{_text(value)}", _text(action.help)]
    return lines


def _text(text: str | None) -> str:
    """Text as roff takes it: backslashes and hyphens as they are, no line that is a request."""
    safe = (text or "").replace("\\", "\\e").replace("-", "\\-").replace("%(prog)s", "meshtui")
    return f"\\&{safe}" if safe.startswith((".", "'")) else safe
