"""Compares who answered with who should: as expected, unlikely, or impossible."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum

from msgspec import Struct

UNLIKELY = 0.01
"""A split rarer than that by chance is called unlikely."""
MOST_OUTCOMES = 20_000
"""Outcomes up to which the p-value is computed exactly."""


class Fit(Enum):
    """How a split compares with the expected one."""

    NOTHING = "nothing to compare"
    FAILED = "failed"
    """Requests were made and nobody answered any of them, whether that was predicted or not."""
    EXPECTED = "as expected"
    UNANSWERED = "unanswered"
    """Some requests were not answered, which no split makes right."""
    UNLIKELY = "unlikely"
    IMPOSSIBLE = "impossible"


class Verdict(Struct, frozen=True):
    """A comparison: its word, the chance of a split at least as rare (1 when not computed), and a sentence."""

    fit: Fit
    p: float
    text: str


def judge(
    counts: Mapping[str, int],
    shares: Mapping[str, float],
    unanswered: int = 0,
    *,
    unresolved: int = 0,
    foretold: str = "",
    known: Collection[str] = (),
) -> Verdict:
    """Compare answers by cluster with expected shares (they need not add up to 1; zero means: must not answer).

    `unanswered`: requests nobody answered, `unresolved` of them because the name was not resolved. With any of them a
    split of the rest is told, but never called expected. `foretold`: what was predicted to refuse requests. `known`:
    the clusters that the shares speak of; an answer from another one was neither foretold nor ruled out.
    """
    answered = sum(counts.values())
    if unanswered and not answered:
        return failed(unanswered, unresolved, foretold)
    counts = {name: number for name, number in counts.items() if number and name}
    total = sum(counts.values())
    wrong = sorted(name for name in counts if shares.get(name, 0.0) <= 0.0)
    if not total:
        return Verdict(Fit.NOTHING, 1.0, "which cluster answered is not known" if answered else "no request was made")
    beyond = [name for name in wrong if known and name not in known]
    if beyond and beyond == wrong:
        told = ", ".join(f"{name} answered {counts[name]}" for name in beyond)
        return Verdict(Fit.NOTHING, 1.0, f"{told}: not among the clusters shown, so no split can be foretold")
    if wrong:
        told = ", ".join(f"{name} answered {counts[name]}" for name in wrong)
        return Verdict(Fit.IMPOSSIBLE, 0.0, f"impossible: {told} and should not be used")
    names = [name for name, share in sorted(shares.items()) if share > 0]
    whole = sum(shares[name] for name in names)
    p = p_value([counts.get(name, 0) for name in names], [shares[name] / whole for name in names])
    chance = f"unlikely by chance (p = {p:.2g})" if p < UNLIKELY else f"no surprise (p = {p:.2g})"
    if unanswered:
        rest = f"; the split of the answers is {chance}" if len(names) > 1 else ""
        why = f", as predicted: {foretold}" if foretold else ""
        return Verdict(Fit.UNANSWERED, p, f"{unanswered} of {total + unanswered} not answered{why}{rest}")
    if p < UNLIKELY:
        return Verdict(Fit.UNLIKELY, p, chance)
    return Verdict(Fit.EXPECTED, p, f"as expected (p = {p:.2g})" if len(names) > 1 else "as expected")


def failed(unanswered: int, unresolved: int = 0, foretold: str = "") -> Verdict:
    """The verdict on a run that nobody answered."""
    what = "no name was resolved" if unresolved == unanswered else "nobody answered"
    if 0 < unresolved < unanswered:
        what += f", and {unresolved} names were not resolved"
    return Verdict(Fit.FAILED, 0.0, f"failed: {what}" + (f", as predicted: {foretold}" if foretold else ""))


def p_value(observed: Sequence[int], shares: Sequence[float]) -> float:
    """Chance of a split at least as rare: exact multinomial test, or Pearson's chi-square for large runs."""
    total, kinds = sum(observed), len(observed)
    if kinds < 2 or not total:
        return 1.0
    if math.comb(total + kinds - 1, kinds - 1) <= MOST_OUTCOMES:
        return _exact(observed, shares)
    statistic = sum((o - total * s) ** 2 / (total * s) for o, s in zip(observed, shares, strict=True))
    return chi_square_tail(statistic, kinds - 1)


def _exact(observed: Sequence[int], shares: Sequence[float]) -> float:
    limit = _log_probability(observed, shares) + 1e-9
    total = sum(observed)
    tail = (math.exp(p) for o in _outcomes(total, len(observed)) if (p := _log_probability(o, shares)) <= limit)
    return min(1.0, math.fsum(tail))


def _log_probability(outcome: Sequence[int], shares: Sequence[float]) -> float:
    value = math.lgamma(sum(outcome) + 1)
    for count, share in zip(outcome, shares, strict=True):
        value += count * math.log(share) - math.lgamma(count + 1)
    return value


def _outcomes(total: int, kinds: int) -> Iterator[tuple[int, ...]]:
    if kinds == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _outcomes(total - first, kinds - 1):
            yield (first, *rest)


def chi_square_tail(statistic: float, degrees: int) -> float:
    """P(X ≥ statistic) of a chi-square variable: the upper regularised incomplete gamma function Q(k/2, x/2)."""
    a, x = degrees / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1:
        return 1.0 - scale * _series(a, x)
    return scale * _fraction(a, x)


def _series(a: float, x: float) -> float:
    """Sum of x^n / (a (a+1) … (a+n)): the lower function without its scale."""
    term = total = 1.0 / a
    n = a
    while abs(term) > abs(total) * 1e-15:
        n += 1
        term *= x / n
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """Lentz's continued fraction of the upper function, without its scale."""
    tiny = 1e-300
    b = x + 1 - a
    c = 1 / tiny
    d = 1 / b
    value = d
    for n in range(1, 1000):
        an = -n * (n - a)
        b += 2
        d = 1 / (an * d + b or tiny)
        c = b + an / c or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
