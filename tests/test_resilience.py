"""docs/resilience.md says what is said: each sentence in its tables is one of the code's.

The first case reads every file of meshtui once, which takes some seconds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "resilience.md"
SECTIONS = ("Ways in", "The right cluster", "Answers that are not whole", "Files, keys and workloads")
_GAP = "\0"
_FIXED = 9
"""Letters that a sentence and a text of the code must share at least, to be the same."""


def rows() -> list[tuple[str, str]]:
    """(section, sentence between backticks) of the second column of each table."""
    found = []
    for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        title = part.partition("\n")[0].strip()
        if title not in SECTIONS:
            continue
        for line in part.splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if line.startswith("| ") and len(cells) == 3 and cells[0] != "situation":
                found += [(title, sentence) for sentence in re.findall(r"`([^`]+)`", cells[1])]
    return found


@cache
def texts() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    """Every text in the code that is long enough: a pattern with gaps for what is filled in, and its fixed pieces."""
    found = set()
    for path in (ROOT / "meshtui").rglob("*.py"):
        if "sim" not in path.parts and "pb" not in path.parts:
            found |= {text for text in _of(path) if letters(text.replace(_GAP, " ")) >= _FIXED and len(text) < 400}
    return tuple(
        (_pattern(text), tuple(p.strip(" :,;()") for p in _GAPS.split(text) if len(p) >= _FIXED)) for text in found
    )


_GAPS = re.compile(r"\0|\{\w+\}")


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _pieces(text: str) -> tuple[str, ...]:
    return tuple(piece.strip(" :,;()") for piece in _GAPS.split(text) if len(piece) >= _FIXED)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*?".join(map(re.escape, _GAPS.split(text))))


def _of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (p.value if isinstance(p, ast.Constant) else _GAP for p in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def said(part: str) -> bool:
    """Whether a text of the code can read as a piece of the sentence, or the sentence as a piece of it."""
    for pattern, pieces in texts():
        if pattern.search(part) or any(part in piece or piece in part for piece in pieces):
            return True
    return False


@pytest.mark.parametrize(("section", "sentence"), rows())
def test_the_sentence_is_the_codes(section: str, sentence: str) -> None:
    parts = [part.strip(" ,:()") for part in sentence.split("…")]
    for part in parts:
        assert letters(part) < _FIXED or said(part), part


def test_every_table_is_read() -> None:
    assert {section for section, _ in rows()} == set(SECTIONS)
    assert len(rows()) > 50
