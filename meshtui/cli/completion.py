"""`meshtui completion SHELL`: made from the parser; contexts, namespaces and services are asked for as one types."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from meshtui.cli.grammar import Parser
from meshtui.cli.parser import build
from meshtui.core.errors import Exit

LIVE = {
    "--context": "contexts",
    "--cluster": "clusters",
    "--from": "clusters",
    "-n": "namespaces",
    "--namespace": "namespaces",
}
"""Flags whose values a kubeconfig or a cluster knows."""
SERVICES = ("annotate", "drill", "explain")
"""Words after which a service is meant."""


def main(arguments: Any) -> int:
    """Print the shell's script."""
    sys.stdout.write(_WRITERS[arguments.shell](words_of(build())))
    return Exit.OK


def words_of(parser: Parser) -> dict[str, list[str]]:
    """Verb → its flags and choices; the verb "" is none."""
    found: dict[str, list[str]] = {"": _flags(parser)}
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to its own structure
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            found[""] += [name for name in action.choices if name != "complete"]
            for name, verb in action.choices.items():
                verb.complete()
                found[name] = _flags(verb)
    del found["complete"]
    found["services"].append("explain")
    return found


def _flags(parser: argparse.ArgumentParser) -> list[str]:
    words: list[str] = []
    for action in parser._actions:  # noqa: SLF001
        words += [option for option in action.option_strings if option.startswith("--")]
        if action.choices and not isinstance(action.choices, dict) and not action.option_strings:
            words += [str(choice) for choice in action.choices if choice]
    return words


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f"    {verb}) words='{' '.join(found)}' ;;" for verb, found in words.items() if verb)
    live = "\n".join(
        f"    {'|'.join(flag for flag, each in LIVE.items() if each == what)}) "
        f'_meshtui_live {what} "${{ways[@]}}"; return ;;'
        for what in dict.fromkeys(LIVE.values())
    )
    return f"""_meshtui_live() {{
  local what=$1; shift
  COMPREPLY=($(compgen -W "$("${{COMP_WORDS[0]}}" complete "$what" "$@" 2>/dev/null)" -- "$current"))
}}
_meshtui() {{
  local verb words word previous current before at
  local -a ways=()
  # A name may hold colons, at which readline breaks words: the line itself is what counts.
  current=${{COMP_WORDS[COMP_CWORD]}}
  previous=${{COMP_WORDS[COMP_CWORD-1]}}
  words='{" ".join(words[""])}'
  for ((at = 1; at < COMP_CWORD; at++)); do  # zsh does not slice as bash does
    word=${{COMP_WORDS[at]}}
    case $before in
    --kubeconfig|--context|--mesh) [[ $word == -* ]] || ways+=("$before" "$word") ;;
    esac
    case $before:$word in
    *:-*) ;;
    --kubeconfig:*|--context:*|--mesh:*|-n:*|--namespace:*|--relay:*|-o:*|--output:*|--request-timeout:*) ;;
    *) [ -n "$verb" ] || verb=$word ;;
    esac
    before=$word
  done
  case $previous in
{live}
    --kubeconfig|--record|--replay|--input-file) COMPREPLY=(); return ;;
    {"|".join(SERVICES)}) [[ $current == -* || $verb != annotate && $verb != drill && $verb != services ]] ||
      {{ _meshtui_live services "${{ways[@]}}"; return; }} ;;
  esac
  case $verb in
{cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
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
    for flag, what in LIVE.items():
        shown = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
        lines.append(f"complete -c meshtui {shown} -x -a '(meshtui complete {what} 2>/dev/null)'")
    for word in SERVICES:
        lines.append(_fish_line(f"__fish_seen_subcommand_from {word}", "'(meshtui complete services 2>/dev/null)'"))
    return "\n".join(lines) + "\n"


def _fish_line(condition: str, word: str) -> str:
    shown = f"-l {word[2:]}" if word.startswith("--") else f"-a {word}"
    return f"complete -c meshtui -n '{condition}' {shown}"


_WRITERS: dict[str, Any] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
