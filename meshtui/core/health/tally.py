"""How connections between two clusters fared of late: counts in buckets of five seconds, for some minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from statistics import median

from msgspec import Struct, field

from meshtui.core.flows.flow import FlowRow

BUCKET_SECONDS = 5
_KEPT = 60
_LATENCIES = 64
_ADDRESSES = 64
_LOSSES = 64


class Tally(Struct):
    """Connections by their fate, of a stretch of time. Times are wall time, 0 for never."""

    answered: int = 0
    silent: int = 0
    """Asked for and never answered, nor refused, nor dropped by a node that says so."""
    refused: int = 0
    """Answered by a reset: nobody listens."""
    denied: int = 0
    """Dropped by a policy, as a node said."""
    dropped: int = 0
    """Dropped for another reason, as a node said."""
    stalled: int = 0
    """Answered, asked, and then nothing came for seconds."""
    served: int = 0
    """Answered, asked, and data came."""
    repeated: int = 0
    """Connections that had to ask more than once before they were answered."""
    forth_sent: int = 0
    """Requests for a connection that left the client's node while the server's nodes were being heard."""
    forth_seen: int = 0
    """Of those, how many the server's node saw."""
    back_sent: int = 0
    """Answers that left the server's node while the client's nodes were being heard."""
    back_seen: int = 0
    last_passed: float = 0.0
    """When a connection was answered last."""
    last_failed: float = 0.0
    last_stalled: float = 0.0
    """When the last of those that stalled asked."""
    first_failed: float = 0.0
    """When the first of those that failed here was asked for."""
    latencies: list[float] = field(default_factory=list)
    """Milliseconds from request to answer of some connections, as the client's node had it."""
    reasons: dict[tuple[str, int], int] = field(default_factory=dict)
    """(cluster whose node dropped it, Hubble's drop reason) → connections."""
    denials: dict[tuple[str, str], FlowRow] = field(default_factory=dict)
    """(cluster whose node dropped it, direction) → the newest packet that a policy dropped."""
    vain: dict[str, int] = field(default_factory=dict)
    """Server's address → connections that were silent."""
    reached: dict[str, float] = field(default_factory=dict)
    """Server's address → when a connection to it was answered last."""

    @property
    def requests(self) -> int:
        """All connections that were decided."""
        return self.answered + self.failed

    @property
    def failed(self) -> int:
        """Those that came to nothing."""
        return self.silent + self.refused + self.denied + self.dropped

    @property
    def latency_ms(self) -> float | None:
        """Median time to an answer."""
        return median(self.latencies) if self.latencies else None

    def passed(self, at: float, latency_ms: float | None, server: str) -> None:
        """A connection was answered."""
        self.answered += 1
        self.last_passed = max(self.last_passed, at)
        if len(self.reached) < _ADDRESSES or server in self.reached:
            self.reached[server] = max(at, self.reached.get(server, 0.0))
        if latency_ms is not None and len(self.latencies) < _LATENCIES:
            self.latencies.append(latency_ms)

    def failing(self, what: str, asked: float) -> None:
        """A connection came to nothing: `what` is the name of a count."""
        setattr(self, what, getattr(self, what) + 1)
        self.last_failed = max(self.last_failed, asked)
        self.first_failed = min(self.first_failed or asked, asked)

    def add(self, other: Tally) -> None:
        """Count `other`'s connections here, too."""
        # Written out: this is the inner loop of every judgement.
        self.answered += other.answered
        self.silent += other.silent
        self.refused += other.refused
        self.denied += other.denied
        self.dropped += other.dropped
        self.stalled += other.stalled
        self.served += other.served
        self.repeated += other.repeated
        self.forth_sent += other.forth_sent
        self.forth_seen += other.forth_seen
        self.back_sent += other.back_sent
        self.back_seen += other.back_seen
        self.last_passed = max(self.last_passed, other.last_passed)
        self.last_failed = max(self.last_failed, other.last_failed)
        self.last_stalled = max(self.last_stalled, other.last_stalled)
        firsts = [at for at in (self.first_failed, other.first_failed) if at]
        self.first_failed = min(firsts, default=0.0)
        self.latencies.extend(other.latencies)
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count
        self.denials.update(other.denials)
        for server, count in other.vain.items():
            self.vain[server] = self.vain.get(server, 0) + count
        for server, at in other.reached.items():
            self.reached[server] = max(at, self.reached.get(server, 0.0))


class Course:
    """One tally after another, a bucket each, the oldest forgotten; and how the newest connections fared."""

    __slots__ = ("_sums", "buckets", "in_vain", "last_passed", "losses", "vain_since")

    def __init__(self) -> None:
        self.buckets: deque[tuple[int, Tally]] = deque(maxlen=_KEPT)
        self._sums: dict[int, Tally] = {}
        """First bucket → the sum from there on, until something is counted."""
        self.in_vain = 0
        """Silent connections since one was answered last."""
        self.vain_since = 0.0
        """When the first of those was asked for; 0 without one."""
        self.last_passed = 0.0
        self.losses: deque[float] = deque(maxlen=_LOSSES)
        """When connections began to be lost after some had passed: a link that is cut has one such moment, one that
        loses packets has many."""

    def went_well(self, asked: float) -> None:
        """A connection asked for at that time was answered."""
        self.last_passed = max(self.last_passed, asked)
        if asked >= self.vain_since:
            self.in_vain, self.vain_since = 0, 0.0

    def lost(self, asked: float) -> None:
        """A connection asked for at that time got no answer."""
        if asked < self.last_passed:
            self.losses.append(asked)
            return
        if not self.in_vain:
            self.vain_since = asked
            self.losses.append(asked)
        self.in_vain += 1

    def explained(self, asked: float) -> None:
        """A connection counted as lost was dropped, as a node says: no packet went missing."""
        if asked in self.losses:
            self.losses.remove(asked)
        if self.in_vain and asked >= self.vain_since:
            self.in_vain -= 1
            self.vain_since = self.vain_since if self.in_vain else 0.0

    def losses_since(self, start: float) -> int:
        """How often packets began to be lost since."""
        return sum(at >= start for at in self.losses)

    def at(self, time: float) -> Tally:
        """The bucket of a moment, to count in at once; one that is gone counts for the oldest there is."""
        self._sums.clear()
        number = int(time // BUCKET_SECONDS)
        buckets = self.buckets
        if not buckets or buckets[-1][0] < number:
            buckets.append((number, Tally()))
            return buckets[-1][1]
        for found, tally in reversed(buckets):
            if found <= number:
                return tally
        return buckets[0][1]

    def since(self, start: float, end: float | None = None) -> Tally:
        """All of the buckets that begin at `start` or later, and before `end`. Read it, do not count in it."""
        if end is None:
            first = next((n for n, _ in self.buckets if (n + 1) * BUCKET_SECONDS > start), None)
            if first is None:
                return _NOTHING
            if first not in self._sums:
                if len(self._sums) > 3:
                    self._sums.clear()
                self._sums[first] = total(tally for number, tally in self.buckets if number >= first)
            return self._sums[first]
        within = (t for n, t in self.buckets if (n + 1) * BUCKET_SECONDS > start and n * BUCKET_SECONDS < end)
        return total(within)


def total(tallies: Iterable[Tally]) -> Tally:
    """Their sum."""
    found = Tally()
    for tally in tallies:
        found.add(tally)
    return found


_NOTHING = Tally()
