"""Sums a run up: who answered, what failed, how long it took, the longest time without an answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from meshtui.core.load.spec import Answer, Request

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds in seconds of the histogram's buckets; the last bucket has none."""


class Latency(Struct, frozen=True):
    """Seconds of answered requests by nearest rank; zeros when there are none."""

    count: int = 0
    p50: float = 0.0
    p90: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


class Summary(Struct, frozen=True):
    """One run in numbers. Latencies are of answered requests, `max_all` of all."""

    total: int = 0
    answered: int = 0
    timeouts: int = 0
    refused: int = 0
    dns_failed: int = 0
    failed: int = 0
    """Reset or failed in another way."""
    by_cluster: Mapping[str, int] = field(default_factory=dict)
    """Answered requests by cluster; "" counts those of unknown origin."""
    by_pod: Mapping[str, int] = field(default_factory=dict)
    """Answered requests by `cluster/pod`, where the pod is known."""
    by_status: Mapping[int, int] = field(default_factory=dict)
    latency: Latency = Latency()
    latency_by_cluster: Mapping[str, Latency] = field(default_factory=dict)
    histogram: tuple[int, ...] = ()
    """Answered requests per bucket of `BOUNDS`, and one beyond."""
    max_all: float = 0.0
    gap: float = 0.0
    """Longest time in seconds between two answers in a row with a failure between them."""
    gap_at: float = 0.0
    """Wall time at which that gap began; 0 without one."""

    @property
    def p50(self) -> float:
        """Median of answered requests, seconds."""
        return self.latency.p50

    @property
    def p90(self) -> float:
        """90th percentile of answered requests, seconds."""
        return self.latency.p90

    @property
    def p95(self) -> float:
        """95th percentile of answered requests, seconds."""
        return self.latency.p95

    @property
    def p99(self) -> float:
        """99th percentile of answered requests, seconds."""
        return self.latency.p99

    @property
    def max(self) -> float:
        """Slowest of all requests, answered or not, seconds."""
        return self.max_all


def percentile(ordered: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of ascending values; 0 of none."""
    if not ordered:
        return 0.0
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(seconds: Iterable[float]) -> Latency:
    """Percentiles of `seconds`."""
    return latency_of(sorted(seconds))


def latency_of(ordered: Sequence[float]) -> Latency:
    """Percentiles of values in ascending order."""
    if not ordered:
        return Latency()
    p50, p90, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.9, 0.95, 0.99))
    return Latency(len(ordered), p50, p90, p95, p99, ordered[-1])


def summarise(requests: Iterable[Request]) -> Summary:
    """Sum up requests, in any order."""
    ordered = sorted(requests, key=lambda request: request.number)
    good = [request for request in ordered if request.answer is Answer.ANSWERED]
    kinds = Counter(request.answer for request in ordered)
    clusters = Counter(request.cluster for request in good)
    gap, gap_at = longest_gap(ordered)
    return Summary(
        total=len(ordered),
        answered=len(good),
        timeouts=kinds[Answer.TIMED_OUT],
        refused=kinds[Answer.REFUSED],
        dns_failed=kinds[Answer.DNS_FAILED],
        failed=kinds[Answer.RESET] + kinds[Answer.FAILED],
        by_cluster=dict(sorted(clusters.items())),
        by_pod=dict(sorted(Counter(f"{r.cluster}/{r.pod}" for r in good if r.pod).items())),
        by_status=dict(sorted(Counter(request.status for request in good).items())),
        latency=latency(request.seconds for request in good),
        latency_by_cluster={name: latency(r.seconds for r in good if r.cluster == name) for name in sorted(clusters)},
        histogram=histogram(request.seconds for request in good),
        max_all=max((request.seconds for request in ordered), default=0.0),
        gap=gap,
        gap_at=gap_at,
    )


def histogram(seconds: Iterable[float]) -> tuple[int, ...]:
    """How many values fall into each bucket of `BOUNDS` (upper bound included), and beyond."""
    counts = [0] * (len(BOUNDS) + 1)
    for value in seconds:
        counts[next((n for n, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))] += 1
    return tuple(counts)


def longest_gap(requests: Iterable[Request]) -> tuple[float, float]:
    """Seconds and beginning of the longest time without an answer, counted only where a request failed in it."""
    best = (0.0, 0.0)
    last: float | None = None
    failed = False
    for request in sorted(requests, key=lambda request: (request.at, request.number)):
        if request.answer is not Answer.ANSWERED:
            failed = True
            continue
        if last is not None and failed and request.at - last > best[0]:
            best = (request.at - last, last)
        last, failed = request.at, False
    return best
