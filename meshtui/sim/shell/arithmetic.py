"""Integer arithmetic as `$((…))` knows it."""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping

from meshtui.sim.shell.syntax import SyntaxFault

_TOKEN = re.compile(
    r"\s*(0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|<<=|>>=|&&|\|\||[=!<>]=|<<|>>|[-+*/%&|^]=|[-+*/%<>&|^~!()?:=,])"
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_BITS = 64
_BINARY: dict[str, tuple[int, Callable[[int, int], int]]] = {
    "||": (1, lambda a, b: int(bool(a or b))),
    "&&": (2, lambda a, b: int(bool(a and b))),
    "|": (3, lambda a, b: a | b),
    "^": (4, lambda a, b: a ^ b),
    "&": (5, lambda a, b: a & b),
    "==": (6, lambda a, b: int(a == b)),
    "!=": (6, lambda a, b: int(a != b)),
    "<": (7, lambda a, b: int(a < b)),
    "<=": (7, lambda a, b: int(a <= b)),
    ">": (7, lambda a, b: int(a > b)),
    ">=": (7, lambda a, b: int(a >= b)),
    "<<": (8, lambda a, b: a << (b % _BITS)),
    ">>": (8, lambda a, b: a >> (b % _BITS)),
    "+": (9, lambda a, b: a + b),
    "-": (9, lambda a, b: a - b),
    "*": (10, lambda a, b: a * b),
    "/": (10, lambda a, b: _divide(a, b)),
    "%": (10, lambda a, b: a - b * _divide(a, b)),
}


def _divide(a: int, b: int) -> int:
    """C's division: towards zero."""
    if b == 0:
        raise SyntaxFault("division by zero")
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _wrap(value: int) -> int:
    """`value` as a 64-bit two's complement integer."""
    half = 1 << (_BITS - 1)
    return (value + half) % (2 * half) - half


def number(text: str) -> int:
    """An integer constant: decimal, 0x hexadecimal or 0 octal."""
    text = text.strip() or "0"
    negative = text.startswith("-")
    text = text.lstrip("+-")
    try:
        if text[:2].lower() == "0x":
            value = int(text, 16)
        else:
            value = int(text, 8) if len(text) > 1 and text[0] == "0" else int(text)
    except ValueError:
        raise SyntaxFault(f"arithmetic expression: bad number: {text!r}") from None
    return -value if negative else value


def evaluate(text: str, variables: MutableMapping[str, str]) -> int:
    """The value of `text`; assignments change `variables`. Raises SyntaxFault."""
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise SyntaxFault(f"arithmetic expression: expecting primary: {text!r}")
        tokens.append(match.group(1))
        at = match.end()
    if not tokens:
        return 0
    expression = _Expression(tokens, variables)
    value = expression.assignment()
    if expression.tokens:
        raise SyntaxFault(f"arithmetic expression: expecting EOF: {text!r}")
    return value


class _Expression:
    """What is left to read, and the variables."""

    def __init__(self, tokens: list[str], variables: MutableMapping[str, str]) -> None:
        self.tokens = tokens
        self.variables = variables

    def _next(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def assignment(self) -> int:
        if len(self.tokens) > 1 and _WORD.fullmatch(self.tokens[0]):
            operator = self.tokens[1]
            if operator.endswith("=") and operator not in ("==", "!=", "<=", ">="):
                name = self.tokens[0]
                del self.tokens[:2]
                value = self.assignment()
                if operator != "=":
                    value = _wrap(_BINARY[operator[:-1]][1](self._variable(name), value))
                self.variables[name] = str(value)
                return value
        return self._ternary()

    def _ternary(self) -> int:
        condition = self._binary(1)
        if self._next() != "?":
            return condition
        self.tokens.pop(0)
        yes = self.assignment()
        self._expect(":")
        no = self.assignment()
        return yes if condition else no

    def _binary(self, lowest: int) -> int:
        left = self._unary()
        while (entry := _BINARY.get(self._next())) and entry[0] >= lowest:
            self.tokens.pop(0)
            left = _wrap(entry[1](left, self._binary(entry[0] + 1)))
        return left

    def _unary(self) -> int:
        token = self.tokens.pop(0) if self.tokens else ""
        if token in ("-", "+", "!", "~"):
            value = self._unary()
            return {"-": -value, "+": value, "!": int(not value), "~": ~value}[token]
        if token == "(":  # noqa: S105 - a bracket
            value = self.assignment()
            self._expect(")")
            return value
        if _WORD.fullmatch(token):
            return self._variable(token)
        if not token[:1].isdigit():
            raise SyntaxFault("arithmetic expression: expecting primary")
        return number(token)

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise SyntaxFault(f"arithmetic expression: expecting {token!r}")
        self.tokens.pop(0)

    def _variable(self, name: str) -> int:
        return number(self.variables.get(name, ""))
