"""The conditions of `test` and `[`."""

from __future__ import annotations

_UNARY = ("-n", "-z", "-e", "-f", "-d", "-r", "-w", "-x", "-s", "-t")
_NUMBERS = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")


def evaluate(words: list[str]) -> bool:
    """Whether the condition holds. Raises ValueError for one that is not understood."""
    if "-o" in words[1:-1]:
        at = words.index("-o", 1)
        return evaluate(words[:at]) or evaluate(words[at + 1 :])
    if "-a" in words[1:-1]:
        at = words.index("-a", 1)
        return evaluate(words[:at]) and evaluate(words[at + 1 :])
    if len(words) > 1 and words[0] == "!":
        return not evaluate(words[1:])
    if not words:
        return False
    if len(words) == 1:
        return words[0] != ""
    if len(words) == 2:
        return _unary(words[0], words[1])
    if len(words) == 3:
        return _binary(*words)
    raise ValueError(f"{words[0]}: unexpected operator")


def _unary(operator: str, word: str) -> bool:
    if operator not in _UNARY:
        raise ValueError(f"{operator}: unexpected operator")
    if operator == "-n":
        return word != ""
    if operator == "-z":
        return word == ""
    return operator != "-t" and operator != "-d" and word.startswith(("/dev/", "/proc/"))


def _binary(left: str, operator: str, right: str) -> bool:
    if operator in ("=", "=="):
        return left == right
    if operator == "!=":
        return left != right
    if operator not in _NUMBERS:
        raise ValueError(f"{operator}: unexpected operator")
    a, b = _integer(left), _integer(right)
    return {"-eq": a == b, "-ne": a != b, "-lt": a < b, "-le": a <= b, "-gt": a > b, "-ge": a >= b}[operator]


def _integer(word: str) -> int:
    try:
        return int(word.strip())
    except ValueError:
        raise ValueError(f"Illegal number: {word}") from None
