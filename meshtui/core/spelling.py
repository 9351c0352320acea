"""The known word that a misspelt one is most like."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The one of `known` that is most like `word`, at least by `likeness` of 1 (difflib's ratio); empty for none."""
    return next(iter(near(word, known, 1, likeness)), "")


def near(word: str, known: Iterable[str], most: int = 3, likeness: float = 0.6) -> list[str]:
    """At most so many of `known` that are like `word`, the most alike first."""
    import difflib  # only a mistake needs it

    return difflib.get_close_matches(word, list(known), most, likeness)
