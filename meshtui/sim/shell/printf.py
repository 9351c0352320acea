"""Formats text as the shell's printf does."""

from __future__ import annotations

import re

_DIRECTIVE = re.compile(
    r"%([-+ 0#]*)(\d*|\*)(?:\.(\d*|\*))?([sdiuxXoceEfgGb%])|\\(\d{1,3}|x[0-9a-fA-F]{1,2}|.)", re.DOTALL
)
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    '"': '"',
}


def format_text(template: str, arguments: list[str]) -> str:
    """`template` filled with `arguments`, over and over while there are any left."""
    rest = list(arguments)
    result = _once(template, rest)
    while rest:
        before = len(rest)
        result += _once(template, rest)
        if len(rest) == before:
            break
    return result


def _once(template: str, rest: list[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match.group(5) is not None:
            return _escape(match.group(5))
        flags, width, precision, kind = match.group(1), match.group(2), match.group(3), match.group(4)
        if kind == "%":
            return "%"
        width = _take(rest) if width == "*" else width
        precision = _take(rest) if precision == "*" else precision
        spec = f"%{flags}{width}" + (f".{precision}" if precision is not None else "")
        return _convert(spec, kind, _take(rest))

    return _DIRECTIVE.sub(replace, template)


def _take(rest: list[str]) -> str:
    return rest.pop(0) if rest else ""


def _convert(spec: str, kind: str, value: str) -> str:
    if kind == "s":
        return (spec + "s") % value
    if kind == "b":
        return (spec + "s") % re.sub(r"\\(\d{1,3}|.)", lambda m: _escape(m.group(1)), value, flags=re.DOTALL)
    if kind == "c":
        return value[:1]
    if kind in "eEfgG":
        return (spec + kind) % (float(value) if value else 0.0)
    try:
        number = int(value, 0) if value else 0
    except ValueError:
        number = 0
    return (spec + ("d" if kind in "iu" else kind)) % number


def _escape(code: str) -> str:
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0].isdigit() and all(char in "01234567" for char in code):
        return chr(int(code, 8) % 256)
    return _ESCAPES.get(code, "\\" + code)
