"""The middle of some numbers; `statistics` brings fractions and random along, as much as all of our health rules."""

from __future__ import annotations

from collections.abc import Iterable


def median(numbers: Iterable[float]) -> float:
    """The middle one in order, or half of the two in the middle. Raises IndexError for no numbers."""
    ordered = sorted(numbers)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
