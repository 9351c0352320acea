"""Load tests as evidence: who answered whose requests to a service, and which got no answer.

Flows tell the same and more where they are read; a load test's own result counts where nobody may read them, too.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable

from msgspec import Struct, field

ANSWERED = "answered"
_KEPT = 500
_SERVICES = 64
_FEW, _SHARE = 2, 0.05
"""So many requests without an answer, and such a part of them, are not chance."""
CALM = 15.0
"""Seconds of answers after which requests count as passing again."""


class _Request(Struct, frozen=True):
    at: float
    client: str
    server: str
    fate: str


class Outcome(Struct):
    """How the requests of one cluster's clients to one service ended. Times are wall time, 0 for never."""

    client: str
    answered: Counter[str] = field(default_factory=Counter)
    """Name of the cluster that answered, empty where that is not known → requests."""
    failed: Counter[str] = field(default_factory=Counter)
    """`timed out`, `refused`, … → requests."""
    last_passed: float = 0.0
    last_failed: float = 0.0

    @property
    def requests(self) -> int:
        """All of them."""
        return self.answered.total() + self.failed.total()

    def bad(self, now: float) -> bool:
        """Whether more of them fail than chance would have, and it is not over."""
        count = self.failed.total()
        over = self.last_passed > self.last_failed and now - self.last_failed > CALM
        return count >= _FEW and count >= _SHARE * self.requests and not over

    @property
    def words(self) -> str:
        """`load test from koornacht: 6 of 10 answered (koornacht 4, tion 2), 4 timed out`."""
        by = ", ".join(f"{name} {count}" for name, count in sorted(self.answered.items()) if name)
        lost = "".join(f", {count} {fate}" for fate, count in self.failed.most_common())
        told = f" ({by})" if by else ""
        return f"load test from {self.client}: {self.answered.total()} of {self.requests} answered{told}{lost}"


class LoadResults:
    """The newest requests of load tests, by service; bounded, the services asked longest ago leave."""

    def __init__(self) -> None:
        self._services: OrderedDict[str, deque[_Request]] = OrderedDict()

    def take(self, key: str, client: str, server: str, fate: str, at: float) -> None:
        """One request ended. `client`, `server`: clusters' names, the server's empty where nobody or nobody known
        answered; `fate`: ANSWERED or what became of it; `at`: wall time.
        """
        self._services.setdefault(key, deque(maxlen=_KEPT)).append(_Request(at, client, server, fate))
        self._services.move_to_end(key)
        if len(self._services) > _SERVICES:
            self._services.popitem(last=False)

    def by_service(self, since: float) -> dict[str, list[Outcome]]:
        """What became of requests since, by service and the client's cluster."""
        found = {key: _outcomes(each for each in held if each.at >= since) for key, held in self._services.items()}
        return {key: outcomes for key, outcomes in found.items() if outcomes}

    def answered_at(self, one: str, other: str, since: float) -> tuple[int, float]:
        """How many requests of a cluster's clients another cluster has answered since, and when it did last."""
        times = [
            each.at
            for held in self._services.values()
            for each in held
            if each.client == one and each.server == other and each.fate == ANSWERED and each.at >= since
        ]
        return len(times), max(times, default=0.0)


def _outcomes(requests: Iterable[_Request]) -> list[Outcome]:
    found: dict[str, Outcome] = {}
    for each in requests:
        outcome = found.setdefault(each.client, Outcome(each.client))
        if each.fate == ANSWERED:
            outcome.answered[each.server] += 1
            outcome.last_passed = max(outcome.last_passed, each.at)
        else:
            outcome.failed[each.fate] += 1
            outcome.last_failed = max(outcome.last_failed, each.at)
    return [found[client] for client in sorted(found)]
