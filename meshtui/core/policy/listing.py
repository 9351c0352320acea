"""Which rows of the policies are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum

from meshtui.core.errors import UsageError
from meshtui.core.policy.overview import PolicyRow, PolicyState
from meshtui.core.spelling import nearest

Test = Callable[[PolicyRow], bool]
_STATES = {
    "differs": PolicyState.DIFFERS,
    "missing": PolicyState.MISSING,
    "refused": PolicyState.REFUSED,
    "present": PolicyState.PRESENT,
}


class Order(Enum):
    """What comes first."""

    NAME = "name"
    TROUBLE = "trouble"
    PODS = "pods"
    NEWEST = "newest"


def parse(text: str) -> Test:
    """The filter a person typed: words, `ns:` `kind:` `in:` `closes:` `is:`, each with `!` before it for the contrary.

    Raises UsageError for a key or a state that does not exist.
    """
    tests = [_term(word) for word in text.split()]
    return lambda row: all(test(row) for test in tests)


def _term(word: str) -> Test:
    if word.startswith("!") and len(word) > 1:
        test = _term(word[1:])
        return lambda row: not test(row)
    key, colon, value = word.casefold().partition(":")
    if not colon:
        return lambda row: any(key in text.casefold() for text in _told(row))
    make = _KEYS.get(key)
    if make is None:
        near = nearest(key, _KEYS, 0.5)
        hint = f"did you mean {near}:" if near else f"use {', '.join(f'{k}:' for k in _KEYS)} or plain words"
        raise UsageError(f"no filter key {key!r}", hint=hint)
    return make(value)


def _told(row: PolicyRow) -> Iterable[str]:
    return (row.text, row.resource.kind, row.subject, *row.does)


def _is(value: str) -> Test:
    stand = _STATES.get(value)
    if value == "unused":
        return lambda row: not row.selected and all(cell.pods_known for cell in row.there)
    if stand is None:
        raise UsageError(f"no state {value!r}", hint=f"use {', '.join(_STATES)} or unused")
    return lambda row: any(cell.stand is stand for cell in row.cells)


def _in(value: str) -> Test:
    return lambda row: any(value in (cell.cluster.casefold(), cell.context.casefold()) for cell in row.there)


_KEYS: dict[str, Callable[[str], Test]] = {
    "ns": lambda value: lambda row: value in row.namespace.casefold(),
    "kind": lambda value: lambda row: value in row.resource.kind.casefold() or row.resource.plural.startswith(value),
    "in": _in,
    "closes": lambda value: lambda row: any(direction.value.startswith(value) for direction in row.closes),
    "is": _is,
}


def ordered(rows: Sequence[PolicyRow], order: Order, *, backwards: bool = False) -> list[PolicyRow]:
    """Rows in an order; equal ones by name."""
    by_name = sorted(rows, key=lambda row: (row.text, row.resource.kind), reverse=backwards and order is Order.NAME)
    if order is Order.NAME:
        return by_name
    turn = -1 if not backwards else 1
    if order is Order.NEWEST:
        return sorted(by_name, key=_created, reverse=not backwards)
    weight: Callable[[PolicyRow], int] = (
        (lambda row: row.trouble) if order is Order.TROUBLE else (lambda row: row.selected)
    )
    return sorted(by_name, key=lambda row: turn * weight(row))


def _created(row: PolicyRow) -> str:
    return max((cell.created for cell in row.there), default="")
