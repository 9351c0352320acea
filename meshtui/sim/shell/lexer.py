"""Reads words, quotes and expansions of the shell's language from a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from meshtui.sim.shell.syntax import (
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Script,
    Substitution,
    SyntaxFault,
    Word,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BREAKS = " \t\n;&|<>()"
_SPECIAL = "@*#?-$!0123456789"
_OPERATOR = re.compile(r":?[-=?+]|%%?|##?")


class Lexer:
    """A position in a text, and how to read a word from there."""

    def __init__(self, text: str, parse: Callable[[Lexer, str], Script]) -> None:
        self.text = text
        self.at = 0
        self._parse = parse

    def peek(self, length: int = 1) -> str:
        """The next characters, fewer at the end."""
        return self.text[self.at : self.at + length]

    def accept(self, token: str) -> bool:
        """Step over `token` if it stands here."""
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def expect(self, token: str) -> None:
        """Step over `token`; SyntaxFault if it does not stand here."""
        if not self.accept(token):
            raise SyntaxFault(f"expecting {token!r}")

    def blanks(self) -> None:
        """Step over spaces, tabs, joined lines and a comment."""
        while True:
            if self.peek() and self.peek() in " \t":
                self.at += 1
            elif self.peek(2) == "\\\n":
                self.at += 2
            elif self.peek() == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def word(self) -> Word | None:
        """The word that starts here, or None."""
        parts: list[Part] = []
        while (char := self.peek()) and char not in _BREAKS:
            self._part(parts)
        return Word(tuple(_joined(parts))) if parts else None

    def _part(self, parts: list[Part]) -> None:
        char = self.peek()
        if char == "'":
            parts.append(self._single())
        elif char == '"':
            self.at += 1
            parts.extend(self._double())
        elif char == "\\":
            self.at += 2
            escaped = self.text[self.at - 1 : self.at]
            if escaped != "\n":
                parts.append(Literal(escaped, quoted=True))
        elif char == "$":
            parts.append(self._dollar(quoted=False))
        elif char == "`":
            parts.append(self._backquote(quoted=False))
        else:
            self.at += 1
            parts.append(Literal(char))

    def _single(self) -> Part:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise SyntaxFault("unterminated quoted string")
        part = Literal(self.text[self.at + 1 : end], quoted=True)
        self.at = end + 1
        return part

    def _double(self) -> list[Part]:
        parts: list[Part] = [Literal("", quoted=True)]
        while not self.accept('"'):
            char = self.peek()
            if not char:
                raise SyntaxFault("unterminated quoted string")
            if char == "$":
                parts.append(self._dollar(quoted=True))
            elif char == "`":
                parts.append(self._backquote(quoted=True))
            elif char == "\\" and self.peek(2)[1:] in ("$", "`", '"', "\\", "\n"):
                self.at += 2
                if self.text[self.at - 1] != "\n":
                    parts.append(Literal(self.text[self.at - 1], quoted=True))
            else:
                self.at += 1
                parts.append(Literal(char, quoted=True))
        return parts

    def _dollar(self, *, quoted: bool) -> Part:
        if self.accept("$(("):
            return Arithmetic(self._until_double_paren(), quoted)
        if self.accept("$("):
            body = self._parse(self, ")")
            self.expect(")")
            return Substitution(body, quoted)
        if self.accept("${"):
            return self._braced(quoted)
        match = NAME.match(self.text, self.at + 1)
        if match:
            self.at = match.end()
            return Parameter(match.group(), quoted=quoted)
        if (special := self.text[self.at + 1 : self.at + 2]) and special in _SPECIAL:
            self.at += 2
            return Parameter(special, quoted=quoted)
        self.at += 1
        return Literal("$", quoted=quoted)

    def _braced(self, quoted: bool) -> Part:
        if self.peek() == "#" and self.peek(2) != "#}":
            self.at += 1
            name = self._parameter_name()
            self.expect("}")
            return Parameter(name, "#len", quoted=quoted)
        name = self._parameter_name()
        if self.accept("}"):
            return Parameter(name, quoted=quoted)
        match = _OPERATOR.match(self.text, self.at)
        if not match:
            raise SyntaxFault("bad substitution")
        self.at = match.end()
        parts: list[Part] = []
        while not self.accept("}"):
            if not self.peek():
                raise SyntaxFault("unterminated ${")
            if quoted and self.peek() == "'":
                self.at += 1
                parts.append(Literal("'"))
            else:
                self._part(parts)
        return Parameter(name, match.group(), Word(tuple(_joined(parts))), quoted)

    def _parameter_name(self) -> str:
        match = NAME.match(self.text, self.at) or re.compile(r"\d+|[@*#?$!-]").match(self.text, self.at)
        if not match:
            raise SyntaxFault("bad substitution")
        self.at = match.end()
        return match.group()

    def _until_double_paren(self) -> Word:
        parts: list[Part] = []
        depth = 0
        while depth or self.peek(2) != "))":
            char = self.peek()
            if not char:
                raise SyntaxFault("unterminated $((")
            depth += (char == "(") - (char == ")")
            if char in "$`":
                self._part(parts)
            else:
                self.at += 1
                parts.append(Literal(char, quoted=True))
        self.at += 2
        return Word(tuple(_joined(parts)))

    def _backquote(self, *, quoted: bool) -> Part:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != "`":
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise SyntaxFault("unterminated backquote")
        inner = re.sub(r"\\([$`\\])", r"\1", self.text[self.at + 1 : end])
        self.at = end + 1
        return Substitution(self._parse(Lexer(inner, self._parse), ""), quoted)


def _joined(parts: list[Part]) -> list[Part]:
    """`parts` with neighbouring literals of one kind made one."""
    joined: list[Part] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, Literal) and isinstance(last, Literal) and part.quoted == last.quoted:
            joined[-1] = Literal(last.text + part.text, part.quoted)
        else:
            joined.append(part)
    return joined
