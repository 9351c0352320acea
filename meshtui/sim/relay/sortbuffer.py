"""Relay's sort buffer: a heap by time that holds a quiet stream back, as the real one does."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

T = TypeVar("T")
LENGTH = 100
DRAIN = 1.0
"""Seconds without any message after which what is older than that leaves (sort-buffer-drain-timeout)."""


def length(number: int, peers: int) -> int:
    """Capacity: 100 (sort-buffer-len-max), or number × peers when that is less."""
    wanted = number * peers
    return wanted if 0 < wanted < LENGTH else LENGTH


class SortBuffer(Generic[T]):
    """Entries leave in order of time, each only when the buffer is full and another arrives, or by `drain`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = max(1, capacity)
        self._heap: list[tuple[int, int, T]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, time_ns: int, item: T) -> list[T]:
        """Add one; returns the oldest when the buffer was full."""
        self._count += 1
        entry = (time_ns, self._count, item)
        if len(self._heap) < self._capacity:
            heapq.heappush(self._heap, entry)
            return []
        return [heapq.heappushpop(self._heap, entry)[2]]

    def drain(self, before_ns: int) -> list[T]:
        """Take out what is older than `before_ns`."""
        found = []
        while self._heap and self._heap[0][0] < before_ns:
            found.append(heapq.heappop(self._heap)[2])
        return found

    def flush(self) -> list[T]:
        """Take out everything."""
        return self.drain(1 << 62)
