"""Filters that a person saved by name in the config file: `@name` in a filter stands for one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from meshtui.core.errors import MeshtuiError, UsageError
from meshtui.core.spelling import nearest

MARK = "@"


def expanded(text: str, saved: Mapping[str, str]) -> str:
    """`text` with every `@name` replaced. Raises UsageError for a name that was not saved."""
    return " ".join(_word(word, saved) for word in text.split()) if MARK in text else text


def _word(word: str, saved: Mapping[str, str]) -> str:
    name = word.removeprefix(MARK)
    if name == word:
        return word
    if name in saved:
        return saved[name]
    near = nearest(name, saved, 0.4)
    known = ", ".join(MARK + each for each in saved)
    hint = f"did you mean {MARK}{near}?" if near else f"saved are {known}" if known else "save some in [filters]"
    raise UsageError(f"no saved filter {word!r}", hint=hint)


def offers(text: str, saved: Mapping[str, str], understood: Callable[[str], object]) -> list[tuple[str, str]]:
    """(`@name`, what it stands for) of those that go on with the last word typed and that `understood` takes.

    `understood` raises MeshtuiError for a filter that means nothing in its place: services and flows have
    languages of their own.
    """
    word = text.rpartition(" ")[2]
    if not word.startswith(MARK):
        return []
    begun = word.removeprefix(MARK).casefold()
    found = [(name, value) for name, value in saved.items() if begun in name.casefold() and _fits(value, understood)]
    return [(MARK + name, value) for name, value in sorted(found, key=lambda x: not x[0].casefold().startswith(begun))]


def taken(text: str, name: str) -> str:
    """`text` with its last word completed to `@name`, and a space to go on."""
    return f"{text[: len(text) - len(text.rpartition(' ')[2])]}{name} "


def _fits(value: str, understood: Callable[[str], object]) -> bool:
    try:
        understood(value)
    except MeshtuiError:
        return False
    return True
