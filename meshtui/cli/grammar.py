"""The parser beneath the command line: mistakes are UsageErrors with a suggestion, words and flags in any order."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from meshtui.core.errors import UsageError
from meshtui.core.spelling import nearest

_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


def count(text: str) -> int:
    """A number from 1 on. Raises ValueError."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose mistakes are UsageErrors and whose help shows examples first."""

    examples = ""
    late: Callable[[argparse.ArgumentParser], None] | None = None
    """Adds what takes long to know, and is not added before it is needed."""

    def complete(self) -> None:
        """Add what is late."""
        late, self.late = self.late, None
        if late is not None:
            late(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As ever, with every flag; words that may come in any number may stand before, between and after flags."""
        self.complete()
        if args is not None and any(action.nargs == "*" for action in self._get_positional_actions()):
            args = self._words_last(args)
        found, rest = super().parse_known_args(args, namespace)
        if rest and self._subparsers is None:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def _words_last(self, args: Sequence[str]) -> list[str]:
        flags: list[str] = []
        words: list[str] = []
        left = list(args)
        while left:
            word = left.pop(0)
            if word == "--":
                words += left
                break
            if not word.startswith("-") or word == "-":
                words.append(word)
                continue
            flags.append(word)
            flags += self._values(word, left)
        return [*flags, *(["--", *words] if any(word.startswith("-") for word in words) else words)]

    def _values(self, flag: str, left: list[str]) -> list[str]:
        """Take the value of a flag off what is left, if it has one of its own."""
        action = self._option_string_actions.get(flag)
        if action is None or not left:
            return []
        if action.nargs is None or (action.nargs == "?" and not left[0].startswith("-")):
            return [left.pop(0)]
        if isinstance(action.nargs, int):
            return [left.pop(0) for _ in range(min(action.nargs, len(left)))]
        return []

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing: words are printed in one place."""
        choice, unknown = _CHOICE.search(message), _UNKNOWN.search(message)
        near = ""
        if choice:
            near = nearest(choice[1], re.findall(r"'([^']*)'", choice[2]), 0.5)
            message = f"there is no {message.split(':', maxsplit=1)[0].removeprefix('argument ')} {choice[1]!r}"
        elif unknown and unknown[1].startswith("-"):
            known = [name for name in self._option_string_actions if name.startswith("--")]
            near = nearest(unknown[1].partition("=")[0], known)
            message = f"there is no flag {unknown[1].partition('=')[0]} here"
        see = f"see `{self.prog} -h`"
        raise UsageError(message, hint=f"did you mean {near}? {see}" if near else see)

    def format_help(self) -> str:
        """Examples, then the rest."""
        shown = f"examples:\n{self.examples}\n\n" if self.examples else ""
        return shown + super().format_help()
