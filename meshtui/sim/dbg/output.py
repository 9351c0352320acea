"""How Cilium's programs print: JSON, a jsonpath into it, or tables as Go's tabwriter sets them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any


class BadOutput(ValueError):
    """An output format there is not."""


def output_of(argv: Sequence[str]) -> str:
    """The value of `-o`: `json`, `jsonpath={…}`, or empty for words."""
    for at, word in enumerate(argv):
        if word in ("-o", "--output"):
            return argv[at + 1] if at + 1 < len(argv) else ""
        for prefix in ("--output=", "-o=", "-o"):
            if word.startswith(prefix):
                return word[len(prefix) :]
    return ""


def words_of(argv: Sequence[str], valued: Sequence[str] = ("-o", "--output")) -> list[str]:
    """The arguments that are no options and no options' values."""
    found, skip = [], False
    for word in argv:
        if skip or word.startswith("-"):
            skip = not skip and word in valued
            continue
        found.append(word)
    return found


def printed(value: Any, output: str) -> str:
    """A value in a format of `-o`. Raises BadOutput."""
    if output in ("json", ""):
        return json.dumps(value, indent=2) + "\n"
    kind, _, path = output.partition("=")
    if kind != "jsonpath":
        raise BadOutput(f"Couldn't found output printer {output}")
    return _at(value, path)


def _at(value: Any, template: str) -> str:
    def one(match: re.Match[str]) -> str:
        found = value
        for step in re.findall(r"\.([\w-]+)|\[(\d+)\]", match[1]):
            if step[0]:
                found = found.get(step[0]) if isinstance(found, dict) else None
            else:
                found = found[int(step[1])] if isinstance(found, list) and int(step[1]) < len(found) else None
            if found is None:
                raise BadOutput(f"Couldn't execute jsonpath template: {template} is not found")
        return found if isinstance(found, str) else json.dumps(found)

    return re.sub(r"\{\$?([^}]*)\}", one, template)


def table(rows: Sequence[Sequence[str]], *, least: int = 5, padding: int = 3) -> str:
    """Rows in columns; every cell but the last of a row is padded, as `tabwriter` does with a tab behind each."""
    widths = [0] * max((len(row) for row in rows), default=0)
    for row in rows:
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], len(cell))
    widths = [max(width + padding, least) if width else 0 for width in widths]
    return "".join("".join(cell.ljust(widths[at]) for at, cell in enumerate(row)) + "\n" for row in rows)
