"""`meshtui completion SHELL`: made from the parser, so that it knows what the command line accepts."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from meshtui.cli.parser import Parser, build
from meshtui.core.errors import Exit


def main(arguments: Any) -> int:
    """Print the shell's script."""
    sys.stdout.write(_WRITERS[arguments.shell](words_of(build())))
    return Exit.OK


def words_of(parser: Parser) -> dict[str, list[str]]:
    """Verb → its flags and choices; the verb "" is none."""
    found: dict[str, list[str]] = {"": _flags(parser)}
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to its own structure
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found[""] += list(action.choices)
            for name, verb in action.choices.items():
                verb.complete()
                found[name] = _flags(verb)
    return found


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    words: list[str] = []
    for action in parser._actions:  # noqa: SLF001
        words += [option for option in action.option_strings if option.startswith("--")]
        if action.choices and not isinstance(action.choices, dict) and not action.option_strings:
            words += [str(choice) for choice in action.choices]
    return words


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f"    {verb}) words='{' '.join(found)}' ;;" for verb, found in words.items() if verb)
    return f"""_meshtui() {{
  local verb words word
  words='{" ".join(words[""])}'
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in
    -*) ;;
    *) verb=$word; break ;;
    esac
  done
  case $verb in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _meshtui meshtui
"""


def _zsh(words: dict[str, list[str]]) -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(words)}"


def _fish(words: dict[str, list[str]]) -> str:
    lines = ["complete -c meshtui -f"]
    lines += [_fish_line("__fish_use_subcommand", word) for word in words[""]]
    for verb, found in words.items():
        if verb:
            lines += [_fish_line(f"__fish_seen_subcommand_from {verb}", word) for word in found]
    return "\n".join(lines) + "\n"


def _fish_line(condition: str, word: str) -> str:
    shown = f"-l {word[2:]}" if word.startswith("--") else f"-a {word}"
    return f"complete -c meshtui -n '{condition}' {shown}"


_WRITERS: dict[str, Any] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
