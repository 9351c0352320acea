"""Cuts what a long list changed into parts, so that those who keep an index of it need not do it in one turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from meshtui.core.model.state import Delta


def size(delta: Delta) -> int:
    """How many objects changed, and services for their slices."""
    return sum(map(len, delta.objects.values())) + sum(map(len, delta.backed.values()))


def parts(delta: Delta, most: int) -> Iterator[Delta]:
    """The same changes, at most `most` keys of one kind in each; what changed of statuses is not among them."""
    for where, keys in delta.objects.items():
        rest = iter(keys)
        while part := set(islice(rest, most)):
            yield Delta(objects={where: part})
    for context, services in delta.backed.items():
        rest = iter(services)
        while part := set(islice(rest, most)):
            yield Delta(backed={context: part})
