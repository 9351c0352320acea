"""What is known of the way between two clusters: probes either way, connections, attempts to reach etcd."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from msgspec import Struct

from meshtui.core.health.agentreports import AgentReports, ProbeResult, ProbeResults
from meshtui.core.health.model import EARNED_SECONDS
from meshtui.core.health.tally import Course, Tally
from meshtui.core.health.traffic import Traffic
from meshtui.core.model.state import Cluster
from meshtui.core.model.troubleshoot import Step

WINDOW = 60.0
"""Seconds of flows that are looked at."""
RELEVANT = 330.0
"""A probe older than two and a half intervals says nothing any more."""


LOSSES = 3
"""Packets lost before chance is out of the question."""


class PathState(Enum):
    """What is known of the way between two clusters."""

    OPEN = "open"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"
    STALE = "stale"
    CUT = "cut"
    ONE_WAY = "one way"
    OVERLAY = "overlay"
    NODES = "some nodes"
    LOSSY = "lossy"
    LARGE = "large packets"
    SLOW = "slow"

    @property
    def bad(self) -> bool:
        """Whether requests suffer."""
        return self not in (PathState.OPEN, PathState.RECOVERING, PathState.UNKNOWN, PathState.STALE)


class PathHealth(Struct, frozen=True):
    """What is known of the way between two clusters, with its evidence."""

    state: PathState
    since: float = 0.0
    passed_at: float = 0.0
    """When a packet is known to have gone there and back last."""
    evidence: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    """`cluster/node` of those that are not reached, when it is about some nodes."""
    blocked: tuple[str, str] = ("", "")
    """Names of the clusters from and to which nothing passes, when it is one way only."""
    passing: tuple[int, int] = (0, 0)
    """Handshake packets that were sent the other way, and how many of them arrived."""
    latency_ms: float | None = None
    usual_ms: float | None = None
    share: float = 0.0
    """Of the connections asked for in the window, how many suffered."""
    hosts_filtered: bool = False
    """Pods answer probes, node addresses do not: the probe's port is filtered."""
    also: tuple[PathHealth, ...] = ()
    """What else is wrong with it, as far as this one does not hide that."""
    etcd_hangs: bool = False
    """Whether a TLS handshake with etcd hung: then nobody sees a certificate either."""

    @property
    def all(self) -> tuple[PathHealth, ...]:
        """Everything that is known of the way, this one first."""
        return self, *self.also


class Evidence(Struct):
    """All that is known of one pair of clusters."""

    one: Cluster
    other: Cluster
    pods: list[ProbeResults]
    """Probes that pod traffic is judged by, either way."""
    hosts: list[ProbeResults]
    ways: tuple[Course | None, Course | None]
    """Connections of `one`'s clients, and of `other`'s."""
    heard: tuple[bool, bool]
    """Whether the nodes of `other`, and of `one`, tell of their flows."""
    forth: Tally
    back: Tally
    now: float
    control_at: float
    """When an etcd client's packets went through last, either way."""
    large_at: float
    """When a TLS handshake hung after TCP had connected, either way; 0 when none did."""
    loaded_at: float = 0.0
    """When a load test's request was answered by the other cluster last, either way."""

    @property
    def courses(self) -> list[Course]:
        """Both ways' connections, as far as there are any."""
        return [course for course in self.ways if course is not None]

    @property
    def probes(self) -> Iterator[ProbeResult]:
        """Probes of pods."""
        return (result for each in self.pods for result in each.seen)

    @property
    def probed_at(self) -> float:
        """When a probe of pods was answered last."""
        return max(each.passed_at for each in self.pods)

    @property
    def failed(self) -> list[ProbeResult]:
        """Probes of pods that were not answered."""
        return [result for each in self.pods for result in each.failed]

    @property
    def hosts_passed_at(self) -> float:
        """When a probe of a node's own address was answered last."""
        return max(each.passed_at for each in self.hosts)

    @property
    def hosts_filtered(self) -> bool:
        """Whether node addresses were probed, and none answered, while pods are judged by their own probes."""
        return any(self.hosts) and self.pods is not self.hosts and not self.hosts_passed_at

    @property
    def passed_at(self) -> float:
        """When a packet between pods went there and back last."""
        return max([self.probed_at, self.loaded_at, *(course.last_passed for course in self.courses)])

    @property
    def vain(self) -> tuple[int, float]:
        """Connections in vain since any was answered, and since when."""
        passed = max((course.last_passed for course in self.courses), default=0.0)
        # Where the server's nodes are not heard, a policy there may have dropped what seems to be lost.
        sure = [course for course, heard in zip(self.ways, self.heard, strict=True) if course is not None and heard]
        running = [course for course in sure if course.in_vain and course.vain_since > passed - 1.0]
        return sum(course.in_vain for course in running), min((c.vain_since for c in running), default=0.0)

    def losses(self, since: float) -> int:
        """How often packets began to be lost since."""
        return sum(course.losses_since(since) for course in self.courses)


def gather(one: Cluster, other: Cluster, traffic: Traffic, now: float, reports: AgentReports) -> Evidence:
    """All that is known of the way between two clusters as of `now`."""
    both = ((one, other.name), (other, one.name))
    seen = [reports.toward(who, whom) for who, whom in both]
    pods = [each.pods.since(now - RELEVANT) for each in seen]
    hosts = [each.hosts.since(now - RELEVANT) for each in seen]
    pairs = ((one.name, other.name), (other.name, one.name))
    tried = [who.troubleshot[whom] for who, whom in both if whom in who.troubleshot]
    hung = [each.at for each in tried if each.step is Step.TLS and "deadline" in each.error]
    chosen = pods if any(pods) else hosts
    return Evidence(
        one,
        other,
        chosen,
        hosts,
        (traffic.pairs.get(pairs[0]), traffic.pairs.get(pairs[1])),
        (traffic.hears(other.name, now), traffic.hears(one.name, now)),
        traffic.pair(*pairs[0], now - WINDOW),
        traffic.pair(*pairs[1], now - WINDOW),
        now,
        max((each.at for each in tried if each.step in (Step.NONE, Step.TLS)), default=0.0),
        max((at for at in hung if now - at <= 2 * EARNED_SECONDS), default=0.0),
        max(traffic.load_results.answered_at(*pair, now - EARNED_SECONDS)[1] for pair in pairs),
    )
