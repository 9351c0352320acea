"""A run's numbers kept up to date request by request, so that a run of any length costs the same to look at."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from typing import TypeVar

from meshtui.core.load.moves import Moves
from meshtui.core.load.spec import Answer, Request
from meshtui.core.load.stats import BOUNDS, Latency, Summary, latency_of

_Key = TypeVar("_Key", str, int)
SECONDS_KEPT = 3600
"""Seconds of the timeline that are kept."""


class Second:
    """What ended in one second of wall time."""

    __slots__ = ("at", "by_cluster", "failed")

    def __init__(self, at: int) -> None:
        self.at = at
        self.by_cluster: Counter[str] = Counter()
        self.failed = 0

    @property
    def answered(self) -> int:
        """Requests answered in it."""
        return self.by_cluster.total()


class Tally:
    """`add` each request as it arrives, `swap` it when more is known of it; `summary` is what `summarise` would say."""

    def __init__(self) -> None:
        self._answers: Counter[Answer] = Counter()
        self._clusters: Counter[str] = Counter()
        self._pods: Counter[str] = Counter()
        self._statuses: Counter[int] = Counter()
        self._seconds: list[float] = []
        self._seconds_of: dict[str, list[float]] = {}
        self._histogram = [0] * (len(BOUNDS) + 1)
        self._max_all = 0.0
        self._gap = (0.0, 0.0)
        self._last: float | None = None
        self._failed = False
        self.timeline: deque[Second] = deque(maxlen=SECONDS_KEPT)
        """Seconds in which something ended, oldest first."""
        self.moves = Moves()

    @property
    def total(self) -> int:
        """Requests counted so far."""
        return self._answers.total()

    def add(self, request: Request) -> None:
        """Count a request that just ended; `at` never goes back."""
        self._count(request, 1)
        self._max_all = max(self._max_all, request.seconds)
        second = self._second(request.at)
        good = request.answer is Answer.ANSWERED
        if not good:
            second.failed += 1
            self._failed = True
        else:
            second.by_cluster[request.cluster] += 1
            insort(self._seconds, request.seconds)
            self._histogram[bisect_left(BOUNDS, request.seconds)] += 1
            if self._last is not None and self._failed and request.at - self._last > self._gap[0]:
                self._gap = (request.at - self._last, self._last)
            self._last, self._failed = request.at, False
        self.moves.add(request)

    def swap(self, old: Request, new: Request) -> None:
        """Replace a request by what is known of it now: who answered, or why nobody did."""
        self._count(old, -1)
        self._count(new, 1)
        if old.answer is Answer.ANSWERED and old.cluster != new.cluster:
            for second in reversed(self.timeline):
                if second.at == int(old.at):
                    second.by_cluster[old.cluster] -= 1
                    second.by_cluster[new.cluster] += 1
                    break

    def _count(self, request: Request, by: int) -> None:
        self._answers[request.answer] += by
        if request.answer is not Answer.ANSWERED:
            return
        self._clusters[request.cluster] += by
        self._statuses[request.status] += by
        if request.pod:
            self._pods[f"{request.cluster}/{request.pod}"] += by
        ordered = self._seconds_of.setdefault(request.cluster, [])
        if by > 0:
            insort(ordered, request.seconds)
        else:
            del ordered[bisect_left(ordered, request.seconds)]

    def _second(self, at: float) -> Second:
        whole = int(at)
        if not self.timeline or self.timeline[-1].at < whole:
            self.timeline.append(Second(whole))
        return self.timeline[-1]

    def summary(self) -> Summary:
        """The run in numbers so far."""
        kinds = self._answers
        return Summary(
            total=kinds.total(),
            answered=kinds[Answer.ANSWERED],
            timeouts=kinds[Answer.TIMED_OUT],
            refused=kinds[Answer.REFUSED],
            dns_failed=kinds[Answer.DNS_FAILED],
            failed=kinds[Answer.RESET] + kinds[Answer.FAILED],
            by_cluster=_present(self._clusters),
            by_pod=_present(self._pods),
            by_status=_present(self._statuses),
            latency=latency_of(self._seconds),
            latency_by_cluster=self._latencies(),
            histogram=tuple(self._histogram) if self._seconds else (0,) * len(self._histogram),
            max_all=self._max_all,
            gap=self._gap[0],
            gap_at=self._gap[1],
        )

    def _latencies(self) -> dict[str, Latency]:
        return {name: latency_of(values) for name, values in sorted(self._seconds_of.items()) if values}


def _present(counts: Counter[_Key]) -> dict[_Key, int]:
    return {key: count for key, count in sorted(counts.items()) if count}
