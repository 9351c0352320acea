"""Short tags for clusters: one letter of the name where that is unique, else the letters that tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_PREFIXES = ("kind-", "k3d-", "minikube-", "gke_", "arn:aws:eks:")


def tags(names: Sequence[str]) -> list[str]:
    """One tag of one to three characters for each name, unique, in the order given (up to 999 clusters).

    `koornacht`, `tion` → `K`, `T`; `cluster-1`, `cluster-2` → `C1`, `C2`.
    """
    words = [_word(name) for name in names]
    taken: set[str] = set()
    result: list[str] = []
    for word in words:
        alike = [other for other in words if other[0] == word[0]]
        tag = next(tag for tag in _candidates(word, alike) if tag not in taken)
        taken.add(tag)
        result.append(tag)
    return result


def _word(name: str) -> str:
    """The telling part of a cluster's or context's name, upper case, letters and digits alone."""
    short = name.replace("@", "/").rstrip("/").rpartition("/")[2]
    for prefix in _PREFIXES:
        short = short.removeprefix(prefix)
    word = "".join(char for char in short.upper() if char.isascii() and char.isalnum())
    return word or "X"


def _candidates(word: str, alike: Sequence[str]) -> Iterator[str]:
    first = word[0]
    if len(alike) == 1:
        yield first
    common = _common(alike)
    rest = word[common:] or word[1:]
    if rest:
        yield first + rest[0]
        yield first + rest[-1]
        yield first + rest[0] + rest[-1]
    for char in word[1:]:
        yield first + char
    for number in range(1, 100):
        yield f"{first}{number}"
    for number in range(1, 1000):
        yield str(number)


def _common(words: Sequence[str]) -> int:
    """How many first characters all words share."""
    columns = zip(*words, strict=False)
    return next((at for at, column in enumerate(columns) if len(set(column)) > 1), min(map(len, words)))
